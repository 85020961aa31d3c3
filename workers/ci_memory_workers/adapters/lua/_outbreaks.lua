-- Outbreaks. Shared by the scripts that name it (`--@include _outbreaks`).
--
-- `t` is what is known of a pattern (see _touched), its tally.

local OUTBREAK_TAIL_MS = 60 * 60000

local function in_outbreak(t, ms)
  return t.outbreak_ms and t.outbreak_last_ms and ms and ms >= t.outbreak_ms and ms <= t.outbreak_last_ms + OUTBREAK_TAIL_MS
end

-- The same code passed after it had failed in an outbreak: it ended by itself, and no commit that passed then fixed it. Returns whether
-- that is new.
local function ended_by_itself(p, id)
  if redis.call('HSETNX', p .. 'pattern:' .. id, 'outbreak_passed', '1') == 0 then return false end
  withdraw_trials(p, id, function(trial) return trial.outbreak end)
  return true
end
