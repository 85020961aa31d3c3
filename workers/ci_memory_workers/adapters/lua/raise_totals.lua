-- Raises sums to at least those given.
--
-- KEYS[1]  the tenant's prefix   ARGV  name, value, in turn
-- Reply    how many were raised

local totals, raised = KEYS[1] .. 'totals', 0
for i = 1, #ARGV, 2 do
  if tonumber(ARGV[i + 1]) > tonumber(redis.call('HGET', totals, ARGV[i]) or '0') then
    redis.call('HSET', totals, ARGV[i], ARGV[i + 1])
    raised = raised + 1
  end
end
return raised
