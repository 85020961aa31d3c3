--@include _versioned
--@include _ledger
--@include _recent
--@include _answers
-- Applies a reported resolution to its pattern, and receipts it, exactly once: lease and due entry are checked and ended here.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  event_id   ARGV[2]  token   ARGV[3]  pattern_id   ARGV[4]  now, ms   ARGV[5]  fix_id   ARGV[6]  fix (JSON array; '' for a rerun)
-- ARGV[7]  repo       ARGV[8]  journal entry (JSON)   ARGV[9]  context of the vote
-- ARGV[10] receipt (JSON)   ARGV[11]  how long it is kept, s   ARGV[12]  how long a wake-up is kept, s
-- Reply    1, or 0 when the lease was lost to another (nothing is changed)

local p, event_id, now = KEYS[1], ARGV[1], tonumber(ARGV[4])
if redis.call('HGET', p .. 'leases:resolutions', event_id) ~= ARGV[2] then return 0 end
local id = surviving(p, ARGV[3])
local key = p .. 'pattern:' .. id

local function rerun()
  local flaky = math.min(tally_of(p, id).episodes, tonumber(redis.call('HGET', key, 'flaky_count') or '0') + 1)
  redis.call('HSET', key, 'flaky_count', flaky, 'status', 'flaky')
  keep_vote(p, id, 'harmful', 'reflection', ARGV[9])
  redis.call('ZADD', p .. 'due:quarantine', now, id)
end

local function fixed()
  redis.call('HSET', key, 'status', 'resolved', 'fix_repo', ARGV[7], 'resolved_ms', now, 'fix_commits', recent_commits(p, id, ARGV[7]),
    'resolved_fix', ARGV[5], 'resolved_kind', 'reported', 'recurred', '0', 'fix|' .. ARGV[5], ARGV[6])
  keep_vote(p, id, 'helpful', 'reflection', ARGV[9])
  -- What was inferred for this repository and is not refuted gives way to what a person says.
  for trial_id, trial in pairs(trials_of(p, id)) do
    if trial.repo == ARGV[7] and trial.kind == 'inferred' and trial.verdict ~= 'failed' then withdraw_trial(p, id, trial_id) end
  end
  put_trial(p, id, event_id, { fix = ARGV[5], repo = ARGV[7], kind = 'reported', verdict = 'worked', ms = now })
  put_member(p, id, 'reported', ARGV[7], event_id)
end

-- What a person has forgotten meanwhile stays forgotten.
if redis.call('EXISTS', key) == 1 then
  if ARGV[6] == '' then rerun() else fixed() end
  owe_memory(p, id, now)
end
redis.call('XADD', p .. 'journal', '*', 'kind', 'resolution', 'entry', ARGV[8])
redis.call('ZREM', p .. 'due:resolutions', event_id)
redis.call('HDEL', p .. 'leases:resolutions', event_id)
redis.call('DEL', p .. 'resolution:' .. event_id)
publish_answer(p, event_id, ARGV[10], ARGV[11], ARGV[12])
return 1
