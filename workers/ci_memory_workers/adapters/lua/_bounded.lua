-- How much of its ledger a pattern keeps. Shared by the scripts that name it (`--@include _bounded`); needs _ledger.
--
-- A batch reads the whole hash of a pattern, and each trial that is written all of its trials: what fails everywhere, and goes away with
-- whatever is committed next, must not make that longer and longer.

local MOST_TRIALS, MOST_LEARNED = 400, 100

-- Which trial was made first, of those with a verdict that were inferred and are not `kept`; nil where there is none.
local function oldest_trial(trials, kept)
  local found
  for trial_id, trial in pairs(trials) do
    if trial.kind == 'inferred' and trial.verdict ~= 'pending' and trial_id ~= kept and (not found or trial.ms < trials[found].ms) then
      found = trial_id
    end
  end
  return found
end

-- Which learned fix worked least, and of those was made first, that no person speaks of and the pattern is not resolved by; nil where there
-- are MOST_LEARNED of them at most.
local function weakest_fix(p, id, kept)
  local key, learned, worst = p .. 'pattern:' .. id, 0, nil
  if redis.call('HLEN', key) <= MOST_LEARNED then return nil end
  local resolved_by = redis.call('HGET', key, 'resolved_fix')
  for _, field in ipairs(redis.call('HKEYS', key)) do
    local fix_id = string.match(field, '^fix|(.*)$')
    local fix = fix_id and cjson.decode(redis.call('HGET', key, field))
    if fix and fix[FIX_LEARNED] then
      learned = learned + 1
      local counts = counts_of(redis.call('HGET', key, 'n|' .. fix_id))
      local reported = counts[OUTCOME.reported.pending] + counts[OUTCOME.reported.worked] + counts[OUTCOME.reported.failed]
      local ruled = redis.call('HMGET', key, 'pin|' .. fix_id, 'veto|' .. fix_id)
      if reported == 0 and not ruled[1] and not ruled[2] and fix_id ~= kept and fix_id ~= resolved_by then
        local this = { id = fix_id, worked = counts[OUTCOME.inferred.worked], ms = math.max(fix[FIX_MS], counts[LAST]) }
        if not worst or this.worked < worst.worked or (this.worked == worst.worked and this.ms < worst.ms) then worst = this end
      end
    end
  end
  return learned > MOST_LEARNED and worst and worst.id or nil
end

-- After a trial was put: the oldest trials go, and what was counted of them stays; the weakest learned fix goes with its trials, and is
-- counted in fixes_dropped.
local function keep_ledger_bounded(p, id, trial_id, fix_id)
  if count_members(p, id, 'trials') > MOST_TRIALS then
    local gone = oldest_trial(trials_of(p, id), trial_id)
    if gone then drop_member(p, id, 'trials', gone) end
  end
  local weakest = weakest_fix(p, id, fix_id)
  if not weakest then return end
  for other, trial in pairs(trials_of(p, id)) do
    if trial.fix == weakest then drop_member(p, id, 'trials', other) end
  end
  drop_fix(p, id, weakest)
  redis.call('HINCRBY', p .. 'pattern:' .. id, 'fixes_dropped', 1)
end
