-- Takes from a token's allowance, which fills up evenly and holds a minute's worth.
--
-- KEYS[1]  the allowance: a hash of left (events) and at (ms)   ARGV[1]  how much   ARGV[2]  a minute's worth
-- Reply    0 when it was taken; else nothing was, and it is the time until there is enough, ms

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local cost, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'left', 'at')
local left = most
if kept[1] then left = math.min(most, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * most / 60000) end
if left < cost then return math.ceil((cost - left) * 60000 / most) end
redis.call('HSET', KEYS[1], 'left', string.format('%.6f', left - cost), 'at', now)
redis.call('PEXPIRE', KEYS[1], 60000)
return 0
