--@include _versioned
-- Says whether a pattern is broken on a default branch: it fails there on several commits in a row, and is so now.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  pattern_id   ARGV[2]  line   ARGV[3]  '1' | '0'   ARGV[4]  now, ms
-- Reply    1 when that is new, else 0

local p, id = KEYS[1], ARGV[1]
local lines, key = p .. 'broken:' .. id, p .. 'pattern:' .. id
if redis.call('EXISTS', key) == 0 then return 0 end
if redis.call(ARGV[3] == '1' and 'SADD' or 'SREM', lines, ARGV[2]) == 0 then return 0 end
redis.call('HSET', key, 'broken', redis.call('SCARD', lines))
redis.call('ZADD', p .. 'due:quarantine', ARGV[4], id)
return 1
