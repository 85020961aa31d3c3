-- An incident's analysis is there: those who wait for it are due now.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  incident   ARGV[2]  now, ms
-- Reply    ids of the patterns that wait

local p, waiting = KEYS[1], {}
local key = p .. 'incident:' .. ARGV[1]
for _, name in ipairs(redis.call('HKEYS', key)) do
  local id = string.match(name, '^waits|(.*)$')
  if id then
    redis.call('HDEL', key, name)
    redis.call('ZADD', p .. 'due:analysis', 'XX', 'LT', ARGV[2], id)
    waiting[#waiting + 1] = id
  end
end
return waiting
