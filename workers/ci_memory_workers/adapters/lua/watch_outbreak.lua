-- A channel was told of an outbreak: at its end somebody looks whether it is over.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  id of the notice   ARGV[2]  pattern_id   ARGV[3]  channel   ARGV[4]  place (JSON)
-- ARGV[5]  when it is due, ms   ARGV[6]  how long a notice is kept, s
-- Reply    1

local p, id = KEYS[1], ARGV[1]
local key = p .. 'notice:' .. id
redis.call('HSET', key, 'outbreak', ARGV[2], 'place', ARGV[4], 'of|' .. ARGV[3], '1')
redis.call('HINCRBY', key, 'revision', 1)
redis.call('EXPIRE', key, ARGV[6])
if redis.call('HEXISTS', p .. 'leases:notify', id) == 0 then redis.call('ZADD', p .. 'due:notify', ARGV[5], id) end
return 1
