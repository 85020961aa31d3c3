--@include _versioned
-- Takes one piece of owed work under a lease, if it is due. The token fences: whoever took it later has a higher one.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  lane ('analysis' | 'memory' | 'resolutions')   ARGV[2]  id   ARGV[3]  now, ms   ARGV[4]  lease, ms
-- How often an analysis was taken is counted on its pattern: a failure that kills its workers is not analysed for ever.
-- Reply    the token, or 0 when it is not due (done, taken by another, or set for later)

local p, lane, id = KEYS[1], ARGV[1], ARGV[2]
local due = redis.call('ZSCORE', p .. 'due:' .. lane, id)
if not due or tonumber(due) > tonumber(ARGV[3]) then return 0 end
local token = redis.call('INCR', p .. 'token')
redis.call('ZADD', p .. 'due:' .. lane, tonumber(ARGV[3]) + tonumber(ARGV[4]), id)
redis.call('HSET', p .. 'leases:' .. lane, id, token)
if lane == 'analysis' then redis.call('HINCRBY', p .. 'pattern:' .. id, 'takes', 1) end
return token
