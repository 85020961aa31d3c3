--@include _versioned
--@include _ledger
--@include _flaky
-- Takes back what was learned of a streak of failures before all of its runs were read: its trial, or its flaky episode.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  id of the transition   ARGV[3]  repo   ARGV[4]  place, as record_rerun was given it   ARGV[5]  now, ms
-- Reply    1, or 0 when there was nothing of it

local p, id, transition = KEYS[1], surviving(KEYS[1], ARGV[1]), ARGV[2]
local key = p .. 'pattern:' .. id
if redis.call('EXISTS', key) == 0 then return 0 end
local changed = withdraw_trial(p, id, transition)
if redis.call('SREM', p .. 'repeats:' .. id, transition) == 1 and redis.call('EXISTS', p .. 'repeats:' .. id) == 0 then
  redis.call('HDEL', key, 'repeated')
end
if redis.call('HGET', p .. 'late:' .. id, ARGV[4]) == transition then redis.call('HDEL', p .. 'late:' .. id, ARGV[4]) end
if redis.call('SREM', p .. 'reruns:' .. id, transition) == 1 then
  take_vote_back(p, id, rerun_vote(ARGV[4]))
  turn_back(p, id, ARGV[3])
  redis.call('ZADD', p .. 'due:quarantine', ARGV[5], id)
  changed = true
end
if not changed then return 0 end
owe_memory(p, id, tonumber(ARGV[5]))
return 1
