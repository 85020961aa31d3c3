-- What flaky evidence makes of a pattern. Shared by the scripts that name it (`--@include _flaky`); needs _ledger.
--
-- What passes with the code unchanged was not fixed by the commit that happened to pass next: what was inferred gives way, trials and status
-- (resolved_kind) alike, but for streaks that persisted over several commits. What a person reported stays. Returns whether the status has
-- changed.

local function turn_flaky(p, id)
  local key = p .. 'pattern:' .. id
  withdraw_trials(p, id, function(trial) return not trial.persisted end)
  local state = redis.call('HMGET', key, 'status', 'resolved_kind')
  local inferred = state[1] == 'resolved' and state[2] == 'inferred'
  if state[1] ~= 'unresolved' and state[1] ~= 'deprecated' and not inferred then return false end
  redis.call('HSET', key, 'status', 'flaky')
  return true
end
