-- Ends the lease of a notice: all is told, or it is set for later.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  id   ARGV[2]  token   ARGV[3]  when it is due again, ms ('' when all is told)
-- ARGV[4]  the revision that was told   ARGV[5]  when what has changed since is due, ms
-- Reply    1, or 0 when the lease was lost to another (nothing is changed)

local p, id, again = KEYS[1], ARGV[1], tonumber(ARGV[3])
if redis.call('HGET', p .. 'leases:notify', id) ~= ARGV[2] then return 0 end
redis.call('HDEL', p .. 'leases:notify', id)
local revision = redis.call('HGET', p .. 'notice:' .. id, 'revision')
if revision and revision ~= ARGV[4] then again = math.min(again or math.huge, tonumber(ARGV[5])) end
if again then
  redis.call('ZADD', p .. 'due:notify', again, id)
else
  redis.call('ZREM', p .. 'due:notify', id)
end
return 1
