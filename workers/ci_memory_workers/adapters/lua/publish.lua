-- Stores answers and wakes who waits for them.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  how long an answer is kept, s    ARGV[2]  how long a wake-up is kept, s
-- ARGV[3…] event_id, answer (JSON), in turn
-- Reply    how many waiters were woken

local p, woken = KEYS[1], 0
for i = 3, #ARGV, 2 do
  redis.call('SET', p .. 'result:' .. ARGV[i], ARGV[i + 1], 'EX', ARGV[1])
  if redis.call('EXISTS', p .. 'waiting:' .. ARGV[i]) == 1 then
    redis.call('LPUSH', p .. 'wake:' .. ARGV[i], '1')
    redis.call('EXPIRE', p .. 'wake:' .. ARGV[i], ARGV[2])
    woken = woken + 1
  end
end
return woken
