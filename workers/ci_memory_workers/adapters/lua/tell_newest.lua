--@include _notices
-- Makes the newest notice of a line due for a channel once more, unless it is the one that was just told.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  line   ARGV[2]  channel   ARGV[3]  id of the notice that was told   ARGV[4]  now, ms
-- Reply    1 where there is a newer one

local p = KEYS[1]
local work = redis.call('HGET', p .. 'noticed:' .. ARGV[1], 'work')
if not work or work == ARGV[3] or redis.call('EXISTS', p .. 'notice:' .. work) == 0 then return 0 end
redis.call('HDEL', p .. 'notice:' .. work, 'told|' .. ARGV[2])
owe_notice(p, work, tonumber(ARGV[4]))
return 1
