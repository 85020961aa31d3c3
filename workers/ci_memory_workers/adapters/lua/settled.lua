-- Takes patterns out of the aging sweep's way: those still not seen since a moment keep their time with a minus before it.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  the moment, ms   ARGV[2…] pattern ids
-- Reply    how many

local key, moved = KEYS[1] .. 'last_seen', 0
for i = 2, #ARGV do
  local ms = tonumber(redis.call('ZSCORE', key, ARGV[i]) or '0')
  if ms > 0 and ms <= tonumber(ARGV[1]) then
    redis.call('ZADD', key, -ms, ARGV[i])
    moved = moved + 1
  end
end
return moved
