-- What flaky evidence makes of a status. Shared by the scripts that name it (`--@include _flaky`).
--
-- A resolution that was only inferred (resolved_kind) gives way: what passes with the code unchanged was not fixed by a commit. What a
-- person reported stays. Returns whether the status has changed.

local function turn_flaky(key)
  local state = redis.call('HMGET', key, 'status', 'resolved_kind')
  local inferred = state[1] == 'resolved' and state[2] == 'inferred'
  if state[1] ~= 'unresolved' and state[1] ~= 'deprecated' and not inferred then return false end
  redis.call('HSET', key, 'status', 'flaky')
  return true
end
