--@include _versioned
--@include _ledger
--@include _recent
--@include _bounded
-- Writes what the runs of a job say of a fix: a trial that was inferred from fail -> pass.
-- Where a person has reported a fix for the same repository meanwhile, the person's fix takes the verdict, and the inferred one goes.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  trial id   ARGV[3]  repo   ARGV[4]  verdict   ARGV[5]  ms of the pass   ARGV[6]  now, ms
-- ARGV[7]  fix_id       ARGV[8]  fix (JSON array) ARGV[9]  ms of the first failure of the streak   ARGV[10]  commits of the streak, by blanks
-- ARGV[11] '1' when it persisted over several commits   ARGV[12]  '1' when the streak belongs to an outbreak
-- ARGV[13] '1' when the streak is more than one failure   ARGV[14]  '1' when another commit may have helped: kept while nothing else is known
-- ARGV[15] ids of trials, by blanks, that are no sure fix any more, whatever is still written of them
-- ARGV[16…] ids of trials that this one takes the place of: the streak was known by them while not all of its runs were read
-- Reply    1 when something changed, else 0. Of what is flaky only a streak says something that persisted and that one commit ended for sure,
--          of an outbreak none once the same code passed in it.

local p, id = KEYS[1], surviving(KEYS[1], ARGV[1])
local key, trial_id, repo, verdict, now = p .. 'pattern:' .. id, ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[6])
if redis.call('EXISTS', key) == 0 then return 0 end

local unsure, persisted, outbreak = ARGV[14] == '1', ARGV[11] == '1', ARGV[12] == '1'
local trial = { fix = ARGV[7], repo = repo, kind = 'inferred', verdict = verdict, ms = tonumber(ARGV[5]), persisted = persisted,
  outbreak = outbreak, unsure = unsure, words = ARGV[8] }
local formers = { [trial_id] = true }
for i = 16, #ARGV do formers[ARGV[i]] = true end
local no_longer_sure = {}
for other in string.gmatch(ARGV[15], '%S+') do no_longer_sure[other] = true end

-- A streak may look longer than it is while a pass in its middle was not read yet. Returns whether that changes what is known.
local function note_repeats()
  local repeats = p .. 'repeats:' .. id
  local removed = 0
  for former in pairs(formers) do removed = removed + redis.call('SREM', repeats, former) end
  if ARGV[13] == '1' then
    redis.call('SADD', repeats, trial_id)
    return redis.call('HSET', key, 'repeated', '1') == 1
  end
  return removed > 0 and redis.call('EXISTS', repeats) == 0 and redis.call('HDEL', key, 'repeated') == 1
end

local function known_better()
  for other, one in pairs(trials_of(p, id)) do
    if not one.unsure and not formers[other] and not no_longer_sure[other] then return true end
  end
  return false
end

local function says_nothing()
  local says = redis.call('HMGET', key, 'flaky_count', 'outbreak_passed')
  return (tonumber(says[1] or '0') > 0 and (not persisted or unsure)) or (outbreak and says[2]) or (unsure and known_better())
end

local function alike(one) return one and one.fix == trial.fix and one.verdict == verdict end

-- Takes the other trials out that this one takes the place of, and itself too unless it `stays`. Returns whether there were any.
local function clear(stays)
  local changed = false
  for former in pairs(formers) do
    if former ~= trial_id or not stays then changed = withdraw_trial(p, id, former, stays and alike(trial_of(p, id, former))) or changed end
  end
  return changed
end

-- Puts the trial in its place. Returns whether anything changed.
local function put()
  local before, voted = trial_of(p, id, trial_id), false
  for former in pairs(formers) do voted = voted or (former ~= trial_id and alike(trial_of(p, id, former))) end
  if not put_trial(p, id, trial_id, trial, voted) then return false end
  choose_words(p, id, trial.fix)
  if before and before.verdict ~= 'pending' and not alike(before) then take_vote_back(p, id, vote_of(before)) end
  if before and (before.fix ~= trial.fix or before.ms ~= trial.ms or verdict == 'failed') then
    drop_untried(p, id, before.fix)
    fall_back(p, id, before)
  end
  return true
end

-- A fix that failed resolves nothing. Returns whether anything was written.
local function resolve(changed)
  if verdict == 'failed' then return false end
  local state = redis.call('HMGET', key, 'status', 'resolved_ms', 'resolved_kind', 'resolved_fix', 'flaky_count')
  local open, before = state[1] == 'unresolved', tonumber(state[2] or '0')
  -- Called flaky since it goes away with any commit: that may end, and then it is what it would have been.
  local called_flaky = state[1] == 'flaky' and tonumber(state[5] or '0') == 0
  if not open and ((state[1] ~= 'resolved' and not called_flaky) or trial.ms < before) then return false end
  if not open and trial.ms == before and state[4] == trial.fix and not changed then return false end
  -- What a person resolved stays a person's word, whatever commits seem to fix after that.
  local inferred = open or state[3] ~= 'reported'
  redis.call('HSET', key, 'status', called_flaky and 'flaky' or 'resolved', 'fix_repo', repo, 'resolved_ms', trial.ms, 'fix_commits', short_each(ARGV[10]),
    'resolved_fix', trial.fix, 'resolved_kind', inferred and 'inferred' or 'reported', 'recurred', '0')
  return true
end

local noted = note_repeats()
local report = report_of(p, id, repo)
local changed
if says_nothing() then
  changed = clear(false)
elseif report and report.ms >= tonumber(ARGV[9]) then
  changed = clear(false)
  local reported = trial_of(p, id, report.trial)
  if verdict ~= 'pending' then
    reported.verdict = verdict
    changed = put_trial(p, id, report.trial, reported) or changed
  end
else
  changed = put()
  -- After it is there, since a fix that nothing tried is dropped.
  changed = clear(true) or changed
  if not unsure then withdraw_trials(p, id, function(one) return one.unsure end) end
  changed = resolve(changed) or changed
  keep_ledger_bounded(p, id, trial_id, trial.fix)
end
if not changed and not noted then return 0 end
owe_memory(p, id, now)
return 1
