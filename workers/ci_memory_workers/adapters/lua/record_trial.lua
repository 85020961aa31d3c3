--@include _ledger
-- Writes what the runs of a job say of a fix: a trial that was inferred from fail -> pass.
-- Where a person has reported a fix for the same repository meanwhile, the person's fix takes the verdict, and the inferred one goes.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  trial id   ARGV[3]  repo   ARGV[4]  verdict   ARGV[5]  ms of the pass   ARGV[6]  now, ms
-- ARGV[7]  fix_id       ARGV[8]  fix (JSON) ARGV[9]  ms of the first failure of the streak   ARGV[10]  commits of the streak, by blanks
-- Reply    1 when something changed, else 0

local p, id = KEYS[1], surviving(KEYS[1], ARGV[1])
local key, repo, verdict, now = p .. 'pattern:' .. id, ARGV[3], ARGV[4], tonumber(ARGV[6])
if redis.call('EXISTS', key) == 0 then return 0 end

local reported = redis.call('HGET', p .. 'reported:' .. id, repo)
local report = reported and cjson.decode(reported) or nil
local changed
if report and report.ms >= tonumber(ARGV[9]) then
  changed = put_trial(p, id, ARGV[2], nil)
  local trial = cjson.decode(redis.call('HGET', p .. 'trials:' .. id, report.trial))
  if verdict ~= 'pending' then
    trial.verdict = verdict
    changed = put_trial(p, id, report.trial, trial) or changed
  end
else
  if redis.call('HSETNX', p .. 'fixes:' .. id, 'fix|' .. ARGV[7], ARGV[8]) == 1 then
    redis.call('XADD', p .. 'journal', '*', 'kind', 'learned_fix', 'pattern_id', id, 'fix', ARGV[8])
  end
  local ms = tonumber(ARGV[5])
  changed = put_trial(p, id, ARGV[2], { fix = ARGV[7], repo = repo, kind = 'inferred', verdict = verdict, ms = ms })
  local status = redis.call('HGET', key, 'status')
  if changed and (status == 'unresolved' or status == 'resolved') and ms >= tonumber(redis.call('HGET', key, 'resolved_ms') or '0') then
    -- What a person resolved stays a person's word, whatever commits seem to fix after that.
    local inferred = status == 'unresolved' or redis.call('HGET', key, 'resolved_kind') == 'inferred'
    redis.call('HSET', key, 'status', 'resolved', 'fix_repo', repo, 'resolved_ms', ms, 'fix_commits', ARGV[10],
      'resolved_fix', ARGV[7], 'resolved_kind', inferred and 'inferred' or 'reported', 'recurred', '0')
  end
end
if not changed then return 0 end
owe_memory(p, id, now)
return 1
