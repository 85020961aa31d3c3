-- Who has knowledge here. Shared by the scripts that name it (`--@include _tenants`).
--
-- layout says how a tenant's keys and fields are laid out: it is raised by a version that writes them in another way.

local LAYOUT = 3

local function know_tenant(p, tenants, tenant)
  if redis.call('SADD', tenants, tenant) == 1 then redis.call('SET', p .. 'layout', LAYOUT) end
end
