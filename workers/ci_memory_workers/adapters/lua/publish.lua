--@include _pieces
--@include _answers
--@include _notices
-- Stores answers and wakes who waits for them; and where somebody is to be notified, writes down in the same step that this is owed.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  how long an answer is kept, s    ARGV[2]  how long a wake-up is kept, s
-- ARGV[3]  '1' when an answer that is there stays: a provisional one must not take the place of the final one, whoever is slow
-- ARGV[4]  now, ms; '' for a tenant of whose failures nobody is notified
-- ARGV[5]  how long a notice is kept, s     ARGV[6]  how many answers follow
-- ARGV[7…] event_id, answer (JSON), in turn; then notices, as `_notices` has them
-- Reply    the notices that are due by this

local p, waiting = KEYS[1], {}
local last = 6 + 2 * tonumber(ARGV[6])
for i = 7, last, 2 do waiting[#waiting + 1] = p .. 'waiting:' .. ARGV[i] end
local anybody = false
in_pieces(waiting, function(...) anybody = anybody or redis.call('EXISTS', ...) > 0 end)

local told, noting = {}, ARGV[4] ~= ''
for i = 7, last, 2 do
  local stays = ARGV[3] == '1' and redis.call('EXISTS', p .. 'result:' .. ARGV[i]) == 1
  if anybody and not stays then
    publish_answer(p, ARGV[i], ARGV[i + 1], ARGV[1], ARGV[2])
  elseif not stays then
    redis.call('SET', p .. 'result:' .. ARGV[i], ARGV[i + 1], 'EX', ARGV[1])
  end
  if noting and not stays then told[#told + 1] = ARGV[i] end
end
if not noting then return {} end
return owe_notices(p, told, last + 1, tonumber(ARGV[4]), ARGV[5])
