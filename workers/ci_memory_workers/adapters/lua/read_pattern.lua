-- Reads all that is known of a pattern, as it is at one moment.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  pattern_id
-- Reply    { fields, fixes, trials, reported, aliases, repos, recent, merged, fix_repos, origins, apart, score, journal }, or {} when it is
--          unknown
--          fields, fixes, trials and reported as HGETALL; merged as { pattern_id, by, why, ms } each;
--          fix_repos as { fix_id, { repo… } } in turn, origins as
--          { fingerprint, pattern_id } in turn, apart as { fingerprint, HGETALL } in turn; score of last_seen ('' without);
--          journal is the id of the newest entry ('0-0' for none)

local p, id = KEYS[1], ARGV[1]
local fields = redis.call('HGETALL', p .. 'pattern:' .. id)
if #fields == 0 then return {} end
local fixes, fix_repos = redis.call('HGETALL', p .. 'fixes:' .. id), {}
for i = 1, #fixes, 2 do
  if string.sub(fixes[i], 1, 4) == 'fix|' then
    local fix = string.sub(fixes[i], 5)
    fix_repos[#fix_repos + 1] = fix
    fix_repos[#fix_repos + 1] = redis.call('SMEMBERS', p .. 'fix_repos:' .. id .. ':' .. fix)
  end
end
local aliases, all, origins, apart = redis.call('SMEMBERS', p .. 'aliases:' .. id), {}, {}, {}
for i, fingerprint in ipairs(aliases) do all[i] = fingerprint end
all[#all + 1] = redis.call('HGET', p .. 'pattern:' .. id, 'fingerprint') or nil
for _, fingerprint in ipairs(all) do
  local origin, far = redis.call('HGET', p .. 'origins', fingerprint), redis.call('HGETALL', p .. 'apart:' .. fingerprint)
  if origin then
    origins[#origins + 1] = fingerprint
    origins[#origins + 1] = origin
  end
  if #far > 0 then
    apart[#apart + 1] = fingerprint
    apart[#apart + 1] = far
  end
end
local merged = {}
for i, gone in ipairs(redis.call('SMEMBERS', p .. 'merged:' .. id)) do
  local ruling = redis.call('HMGET', p .. 'pattern:' .. gone, 'merged_by', 'merged_why', 'merged_ms')
  merged[i] = { gone, ruling[1] or '', ruling[2] or '', ruling[3] or '0' }
end
local newest = redis.call('XREVRANGE', p .. 'journal', '+', '-', 'COUNT', 1)
return {
  fields,
  fixes,
  redis.call('HGETALL', p .. 'trials:' .. id),
  redis.call('HGETALL', p .. 'reported:' .. id),
  aliases,
  redis.call('SMEMBERS', p .. 'repos:' .. id),
  redis.call('LRANGE', p .. 'recent:' .. id, 0, -1),
  merged,
  fix_repos,
  origins,
  apart,
  redis.call('ZSCORE', p .. 'last_seen', id) or '',
  newest[1] and newest[1][1] or '0-0',
}
