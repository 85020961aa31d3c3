--@include _pieces
--@include _answers
-- Stores answers and wakes who waits for them.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  how long an answer is kept, s    ARGV[2]  how long a wake-up is kept, s
-- ARGV[3]  '1' when an answer that is there stays: a provisional one must not take the place of the final one, whoever is slow
-- ARGV[4…] event_id, answer (JSON), in turn
-- Reply    how many waiters were woken

local p, waiting = KEYS[1], {}
for i = 4, #ARGV, 2 do waiting[#waiting + 1] = p .. 'waiting:' .. ARGV[i] end
local anybody = false
in_pieces(waiting, function(...) anybody = anybody or redis.call('EXISTS', ...) > 0 end)

local woken = 0
for i = 4, #ARGV, 2 do
  local stays = ARGV[3] == '1' and redis.call('EXISTS', p .. 'result:' .. ARGV[i]) == 1
  if anybody and not stays then
    woken = woken + publish_answer(p, ARGV[i], ARGV[i + 1], ARGV[1], ARGV[2])
  elseif not stays then
    redis.call('SET', p .. 'result:' .. ARGV[i], ARGV[i + 1], 'EX', ARGV[1])
  end
end
return woken
