--@include _versioned
--@include _tally
-- Ends a lease: the work is done, or set for later.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  lane   ARGV[2]  id   ARGV[3]  token   ARGV[4]  when it is due again, ms ('' when it is done)
-- ARGV[5]  the revision that was worked on ('' to ignore): what has changed since is due again at ARGV[6], ms. Revisions are the
--          pattern's own, or for the lane 'transitions' those of its line
-- Reply    1, or 0 when the lease was lost to another (nothing is changed)

local p, lane, id = KEYS[1], ARGV[1], ARGV[2]
if redis.call('HGET', p .. 'leases:' .. lane, id) ~= ARGV[3] then return 0 end
redis.call('HDEL', p .. 'leases:' .. lane, id)
local again = ARGV[4]
local function revision()
  if lane == 'transitions' then return redis.call('HGET', p .. 'line_revisions', id) or '0' end
  return string.format('%d', tally_of(p, id).revision)
end
if again == '' and ARGV[5] ~= '' and revision() ~= ARGV[5] then again = ARGV[6] end
-- An analysis that was put off before the analyst was asked is no take: only those are counted that a worker may die of.
if again ~= '' and lane == 'analysis' then redis.call('HINCRBY', p .. 'pattern:' .. id, 'takes', -1) end
if again == '' then
  redis.call('ZREM', p .. 'due:' .. lane, id)
else
  redis.call('ZADD', p .. 'due:' .. lane, again, id)
end
return 1
