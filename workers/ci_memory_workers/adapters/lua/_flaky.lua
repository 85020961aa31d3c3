-- What flaky evidence makes of a pattern. Shared by the scripts that name it (`--@include _flaky`); needs _ledger.
--
-- What passes with the code unchanged was not fixed by the commit that happened to pass next: what was inferred gives way, trials and status
-- (resolved_kind) alike, but for streaks that persisted over several commits and that one commit ended for sure. What a person reported stays, until it was flaky OFTEN and is
-- so again: then the fix did not end that.
--
-- flaky_in:{pattern} counts flaky episodes by repository.

local PROMPT_MS, OFTEN = 2 * 3600000, 3

-- Whether a pass says that the failure was flaky. After hours something outside of the code may have been repaired: that confirms what was
-- flaky before, and makes nothing flaky. Times are nil where they are unknown.
local function says_flaky(p, id, failed_ms, passed_ms)
  if not failed_ms or not passed_ms or passed_ms - failed_ms <= PROMPT_MS then return true end
  return tonumber(redis.call('HGET', p .. 'pattern:' .. id, 'flaky_count') or '0') > 0
end

-- A flaky episode in `repo` was counted. Returns whether the status has changed.
local function turn_flaky(p, id, repo)
  local key = p .. 'pattern:' .. id
  redis.call('HINCRBY', p .. 'flaky_in:' .. id, repo, 1)
  withdraw_trials(p, id, function(trial) return not trial.persisted or trial.unsure end)
  local state = redis.call('HMGET', key, 'status', 'resolved_kind', 'flaky_count')
  local gives_way = state[1] == 'resolved' and (state[2] == 'inferred' or tonumber(state[3] or '0') >= OFTEN)
  if state[1] ~= 'unresolved' and state[1] ~= 'deprecated' and not gives_way then return false end
  redis.call('HSET', key, 'status', 'flaky')
  return true
end

-- The vote that another build of the same commit is, as arguments of keep_vote after the pattern.
local function rerun_vote(place) return 'harmful', 'reflection', 'likely flaky: passed when run again in ' .. place end

-- A flaky episode in `repo` was none: what made the pattern flaky may be gone with it.
local function turn_back(p, id, repo)
  local key = p .. 'pattern:' .. id
  if redis.call('HINCRBY', p .. 'flaky_in:' .. id, repo, -1) <= 0 then redis.call('HDEL', p .. 'flaky_in:' .. id, repo) end
  local left = math.max(0, tonumber(redis.call('HGET', key, 'flaky_count') or '0') - 1)
  redis.call('HSET', key, 'flaky_count', left)
  local state = redis.call('HMGET', key, 'status', 'resolved_kind')
  if left > 0 or state[1] ~= 'flaky' then return end
  redis.call('HSET', key, 'status', state[2] and 'resolved' or 'unresolved')
end
