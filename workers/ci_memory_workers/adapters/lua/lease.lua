-- Takes, renews or gives up a lease that only its holder may touch.
--
-- KEYS[1]  the lease   ARGV[1]  'hold' | 'release'   ARGV[2]  holder's token   ARGV[3]  ms
-- Reply    1 when the caller holds it (or has released it), 0 when another does

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[2] then return 0 end
if ARGV[1] == 'release' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
