--@include _versioned
--@include _ledger
--@include _outbreaks
--@include _flaky
-- Writes that a failure went away with the code unchanged, in another build of the same commit: a flaky episode, counted once.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  id of the transition   ARGV[3]  place, for people   ARGV[4]  now, ms
-- ARGV[5]  '1' when it failed in an outbreak, which ended by itself then: that is no flaky episode
-- ARGV[6]  repo   ARGV[7]  ms of the last failure   ARGV[8]  ms of the pass
-- ARGV[9…] ids that the transition was known by while not all runs of its streak were read
-- Reply    1, or 0 when it was counted before

local p, id = KEYS[1], surviving(KEYS[1], ARGV[1])
local key = p .. 'pattern:' .. id
if redis.call('EXISTS', key) == 0 then return 0 end
if ARGV[5] == '1' then return ended_by_itself(p, id) and 1 or 0 end

-- As long as the runs of a line.
local KEPT_S = 45 * 86400

-- Whether it was counted, or noted as late, by another id of the same streak.
local function was_known()
  local late = redis.call('HGET', p .. 'late:' .. id, ARGV[3])
  for i = 9, #ARGV do
    if redis.call('SREM', p .. 'reruns:' .. id, ARGV[i]) == 1 then return redis.call('SADD', p .. 'reruns:' .. id, ARGV[2]) end
    if late == ARGV[i] then redis.call('HSET', p .. 'late:' .. id, ARGV[3], ARGV[2]) end
  end
end
if was_known() then return 0 end

-- Late, it says something where the same commit has failed and passed before.
local function comes_and_goes()
  local before = redis.call('HGET', p .. 'late:' .. id, ARGV[3])
  if not before then
    redis.call('HSET', p .. 'late:' .. id, ARGV[3], ARGV[2])
    redis.call('EXPIRE', p .. 'late:' .. id, KEPT_S)
  end
  return before and before ~= ARGV[2]
end
if not says_flaky(p, id, tonumber(ARGV[7]), tonumber(ARGV[8])) and not comes_and_goes() then return 0 end
if redis.call('SADD', p .. 'reruns:' .. id, ARGV[2]) == 0 then return 0 end
redis.call('HINCRBY', key, 'flaky_count', 1)
turn_flaky(p, id, ARGV[6])
keep_vote(p, id, rerun_vote(ARGV[3]))
redis.call('ZADD', p .. 'due:quarantine', ARGV[4], id)
owe_memory(p, id, tonumber(ARGV[4]))
return 1
