--@include _ledger
--@include _recent
-- Writes what the runs of a job say of a fix: a trial that was inferred from fail -> pass.
-- Where a person has reported a fix for the same repository meanwhile, the person's fix takes the verdict, and the inferred one goes.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  trial id   ARGV[3]  repo   ARGV[4]  verdict   ARGV[5]  ms of the pass   ARGV[6]  now, ms
-- ARGV[7]  fix_id       ARGV[8]  fix (JSON array) ARGV[9]  ms of the first failure of the streak   ARGV[10]  commits of the streak, by blanks
-- ARGV[11] '1' when it persisted over several commits   ARGV[12]  '1' when the streak belongs to an outbreak
-- ARGV[13] '1' when the streak is more than one failure   ARGV[14]  '1' when another commit may have helped: kept while nothing else is known
-- ARGV[15…] ids of trials that this one takes the place of: the streak was known by them while its first failures were not read
-- Reply    1 when something changed, else 0. Of what is flaky only a streak that persisted says something, and of an outbreak none once the
--          same code passed in it.

local p, id = KEYS[1], surviving(KEYS[1], ARGV[1])
local key, repo, verdict, now = p .. 'pattern:' .. id, ARGV[3], ARGV[4], tonumber(ARGV[6])
if redis.call('EXISTS', key) == 0 then return 0 end

local report = report_of(p, id, repo)
local unsure = ARGV[14] == '1'
local persisted, outbreak = ARGV[11] == '1', ARGV[12] == '1'
-- A streak may look longer than it is while a pass in its middle was not read yet.
local repeats = p .. 'repeats:' .. id
if ARGV[13] == '1' then
  redis.call('SADD', repeats, ARGV[2])
  redis.call('HSET', key, 'repeated', '1')
elseif redis.call('SREM', repeats, ARGV[2]) == 1 and redis.call('EXISTS', repeats) == 0 then
  redis.call('HDEL', key, 'repeated')
end
local silent = false
for i = 15, #ARGV do
  redis.call('SREM', repeats, ARGV[i])
  local former = trial_of(p, id, ARGV[i])
  -- Its vote was cast.
  silent = silent or (former ~= nil and former.fix == ARGV[7] and former.verdict == verdict)
end
local says = redis.call('HMGET', key, 'flaky_count', 'outbreak_passed')
local changed

local function knows_better()
  for _, trial in pairs(trials_of(p, id)) do
    if not trial.unsure then return true end
  end
  return false
end

if (tonumber(says[1] or '0') > 0 and not persisted) or (outbreak and says[2]) or (unsure and knows_better()) then
  changed = withdraw_trial(p, id, ARGV[2])
elseif report and report.ms >= tonumber(ARGV[9]) then
  changed = withdraw_trial(p, id, ARGV[2])
  local trial = trial_of(p, id, report.trial)
  if verdict ~= 'pending' then
    trial.verdict = verdict
    changed = put_trial(p, id, report.trial, trial) or changed
  end
else
  local ms = tonumber(ARGV[5])
  local before = trial_of(p, id, ARGV[2])
  changed = put_trial(p, id, ARGV[2], { fix = ARGV[7], repo = repo, kind = 'inferred', verdict = verdict, ms = ms, persisted = persisted,
    outbreak = outbreak, unsure = unsure, words = ARGV[8] }, silent)
  if not unsure then withdraw_trials(p, id, function(trial) return trial.unsure end) end
  if changed then
    choose_words(p, id, ARGV[7])
    local other = before and before.fix
    if other and other ~= ARGV[7] then drop_untried(p, id, other) end
  end
  local status, resolved_ms = redis.call('HGET', key, 'status'), tonumber(redis.call('HGET', key, 'resolved_ms') or '0')
  if changed and verdict ~= 'failed' and (status == 'unresolved' or status == 'resolved') and ms >= resolved_ms then
    -- What a person resolved stays a person's word, whatever commits seem to fix after that.
    local inferred = status == 'unresolved' or redis.call('HGET', key, 'resolved_kind') == 'inferred'
    redis.call('HSET', key, 'status', 'resolved', 'fix_repo', repo, 'resolved_ms', ms, 'fix_commits', short_each(ARGV[10]),
      'resolved_fix', ARGV[7], 'resolved_kind', inferred and 'inferred' or 'reported', 'recurred', '0')
  end
end
-- After the one that stays, since a fix that nothing tried is dropped.
for i = 15, #ARGV do changed = withdraw_trial(p, id, ARGV[i]) or changed end
if not changed then return 0 end
owe_memory(p, id, now)
return 1
