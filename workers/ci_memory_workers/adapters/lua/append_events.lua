-- Appends events to the log, all or none: a script runs whole, and a full server refuses its first write.
--
-- KEYS[1]  the log   KEYS[2]  the most entries that it may have   ARGV[1]  that, where nobody has said it
-- ARGV[2]  the entry's field   ARGV[3…] events, JSON
-- Reply    1 when they were appended, 0 when there is no room for them

local limit = tonumber(redis.call('GET', KEYS[2]) or ARGV[1])
if redis.call('XLEN', KEYS[1]) + #ARGV - 2 > limit then return 0 end
for i = 3, #ARGV do redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[i]) end
return 1
