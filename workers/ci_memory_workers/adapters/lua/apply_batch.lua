--@include _ledger
--@include _outbreaks
--@include _flaky
-- Applies a batch of events of one tenant: dedupe, count, look up, claim, and write down the work that is owed.
--
-- KEYS[1]  the tenant's prefix, 'ci-memory:{tenant}:'; every key below is built from it and shares its hash slot
-- ARGV[1]  now, ms      ARGV[2]  dedupe horizon, s     ARGV[3]  delay of a flush to Aegis, ms
-- KEYS[2]  the set of tenants                           ARGV[5]  the tenant
-- ARGV[4]  most events that may wait for one analysis
-- ARGV[6…] events, one after the other, the first field says the kind:
--   'F' event_id, ms of the log entry, fingerprint, test_key, category, signal, stage, repo, build, place, job, attempt, commit, test,
--       generic ('0'|'1'), headline, candidate pattern id, sample (JSON, or '' when the fingerprint is believed to be known),
--       line, run, runs' record (JSON), mass ('1' when most tests of the run failed: that says nothing of a single one)
--   'P' event_id, ms, build, place, job, attempt, test, line, run, runs' record (JSON)
--   'R' event_id, ms, pattern_id, payload (JSON)
--   build, job and test are digests: build of (repo, build), job of the job's name, test of the test id ('' for a whole job);
--   place is 'repo#build', for people. line is a digest of (repo, branch, job), '' when the branch is unknown: its runs are kept in
--   line:{line} by (run, attempt) as 'pattern_id|record', the pattern_id empty for a pass.
--
-- Reply    { outcomes, patterns }
--   outcomes  for each event { outcome, event_id, pattern_id }
--             F: 'new' | 'known' | 'duplicate_new' | 'duplicate_known' | 'need_sample' (nothing was done: send it again with its sample)
--             P: 'pass' | 'duplicate_pass'      R: 'accepted' | 'duplicate_resolution' | 'unknown_pattern' (nothing was done)
--   patterns  { pattern_id, HGETALL of the pattern, HGETALL of its fixes } for each pattern that an F names

local MOST_RUNS, RUNS_SECONDS = 400, 45 * 86400
local MOST_RECORDS = 200000
local p = KEYS[1]
local now, ttl, flush = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local most_waiting = tonumber(ARGV[4])
redis.call('SADD', KEYS[2], ARGV[5])
local outcomes, named, order = {}, {}, {}
local totals = { failures = 0, repeats = 0, repeats_with_fix = 0 }
local newest = 0

-- What a batch does to a pattern is added up in a table, and written once at the batch's end: most failures of a batch are of few
-- patterns. Only what events of the same batch must see of each other is written at once.
local touched, touched_order = {}, {}

local function touch(id)
  local t = touched[id]
  if t then return t end
  local key = p .. 'pattern:' .. id
  revive(key)
  local f = redis.call('HMGET', key, 'last_ms', 'analysed', 'status', 'resolved_ms', 'fix_repo', 'fix_commits', 'resolved_fix',
    'outbreak_ms', 'outbreak_last_ms')
  t = { key = key, last_ms = tonumber(f[1] or '0'), analysed = f[2], status = f[3], resolved_ms = tonumber(f[4] or '0'), fix_repo = f[5],
    fix_commits = f[6] or '', resolved_fix = f[7], outbreak_ms = tonumber(f[8] or ''), outbreak_last_ms = tonumber(f[9] or ''),
    ms = 0, add = {}, repos = {}, recent = {}, votes = {} }
  touched[id] = t
  touched_order[#touched_order + 1] = id
  return t
end

local function add(t, name, by) t.add[name] = (t.add[name] or 0) + (by or 1) end

local function write_touched(id, t)
  for name, by in pairs(t.add) do redis.call('HINCRBY', t.key, name, by) end
  if t.ms > t.last_ms then redis.call('HSET', t.key, 'last_ms', t.ms) end
  redis.call('ZADD', p .. 'last_seen', 'GT', t.ms, id)
  if #t.recent > 0 then
    redis.call('LPUSH', p .. 'recent:' .. id, unpack(t.recent, math.max(1, #t.recent - 9)))
    redis.call('LTRIM', p .. 'recent:' .. id, 0, 9)
  end
  local room = #t.votes > 0 and MOST_VOTES - redis.call('LLEN', p .. 'votes:' .. id) or 0
  if room > 0 then redis.call('RPUSH', p .. 'votes:' .. id, unpack(t.votes, 1, math.min(room, #t.votes))) end
  if t.status == 'quarantined' then redis.call('ZADD', p .. 'due:quarantine', now, id) end
end

local function owe_sync(id)
  if redis.call('HGET', p .. 'pattern:' .. id, 'analysed') then
    owe_memory(p, id, now + flush)
  else
    redis.call('HINCRBY', p .. 'pattern:' .. id, 'revision', 1)
  end
end

-- Keeps a slim record of an event for `ci-memory replay`: what it was, without its texts.
local function keep_record(kind, ms, id, place, job, attempt, test, record, line, mass)
  redis.call('XADD', p .. 'records', 'MAXLEN', '~', MOST_RECORDS, '*', 'kind', kind, 'ms', ms, 'pattern_id', id, 'place', place,
    'job', job, 'attempt', attempt, 'test', test, 'run', record, 'line', line, 'mass', mass)
end

-- Keeps a run for `services.learning`, which is due when the runs hold a failure: then a pass may be a fix.
local function keep_run(line, run, attempt, id, record)
  if line == '' then return end
  local key = p .. 'line:' .. line
  redis.call('ZADD', key, tonumber(run) * 1000 + math.min(attempt, 999), id .. '|' .. record)
  redis.call('ZREMRANGEBYRANK', key, 0, -MOST_RUNS - 1)
  redis.call('EXPIRE', key, RUNS_SECONDS)
  if id ~= '' then
    redis.call('SADD', p .. 'failing_lines', line)
    redis.call('SADD', p .. 'lines_of:' .. id, line)
  end
  if id ~= '' or redis.call('SISMEMBER', p .. 'failing_lines', line) == 1 then
    redis.call('HINCRBY', p .. 'line_revisions', line, 1)
    redis.call('ZADD', p .. 'due:transitions', 'NX', now, line)
  end
end

-- A failing attempt that is followed by a passing one of the same job in the same build is a flaky episode, counted once.
local function count_flaky(run, job, id, place)
  local key = p .. 'pattern:' .. id
  local outbreak = redis.call('HMGET', key, 'outbreak_ms', 'outbreak_last_ms')
  local t = { outbreak_ms = tonumber(outbreak[1] or ''), outbreak_last_ms = tonumber(outbreak[2] or '') }
  local state = redis.call('HMGET', run, 'm|' .. job .. '|' .. id, 'e|' .. job .. '|' .. id)
  if in_outbreak(t, tonumber(state[2] or '')) then return ended_by_itself(p, id) end
  if state[1] then return end
  if redis.call('HSETNX', run, 'k|' .. job .. '|' .. id, '1') == 0 or redis.call('EXISTS', key) == 0 then return end
  redis.call('HINCRBY', key, 'flaky_count', 1)
  if turn_flaky(p, id) and touched[id] then touched[id].status = 'flaky' end
  keep_vote(p, id, 'harmful', 'reflection', 'likely flaky: passed when run again in build ' .. place)
  redis.call('ZADD', p .. 'due:quarantine', now, id)
  owe_sync(id)
end

local function passed_later(run, job, test, attempt)
  local whole = redis.call('HGET', run, 'p|' .. job .. '|')
  if whole and tonumber(whole) > attempt then return true end
  if test == '' then return false end
  local single = redis.call('HGET', run, 'p|' .. job .. '|' .. test)
  return single and tonumber(single) > attempt
end

local function recurred(id, t, repo, place, commit, ms)
  if t.status ~= 'resolved' or t.fix_repo ~= repo or ms <= t.resolved_ms then return end
  if commit ~= '' and string.find(t.fix_commits, commit, 1, true) then return end
  if redis.call('HINCRBY', t.key, 'recurred', 1) <= 3 then return end
  local reported = redis.call('HGET', p .. 'reported:' .. id, repo)
  local trial_id = reported and cjson.decode(reported).trial
  local encoded = trial_id and redis.call('HGET', p .. 'trials:' .. id, trial_id)
  if encoded then
    local trial = cjson.decode(encoded)
    trial.verdict = 'failed'
    if put_trial(p, id, trial_id, trial) then return end
  end
  keep_vote(p, id, 'harmful', 'strategy', "fix didn't stick: failed again in build " .. place, t.resolved_fix)
end

local function failure(a)
  local event_id, ms, fingerprint, repo, build, place, job = a[1], tonumber(a[2]), a[3], a[8], a[9], a[10], a[11]
  local attempt, commit, test = tonumber(a[12]), a[13], a[14]
  local seen = redis.call('GET', p .. 'seen:' .. event_id)
  if seen then
    return (string.sub(seen, 1, 1) == 'n') and 'duplicate_new' or 'duplicate_known', surviving(p, string.sub(seen, 3))
  end
  local id = redis.call('HGET', p .. 'fingerprints', fingerprint)
  local minted = not id
  if minted then
    if a[18] == '' then return 'need_sample', '' end
    id = a[17]
    redis.call('HSET', p .. 'fingerprints', fingerprint, id)
    redis.call('HSET', p .. 'pattern:' .. id, 'status', 'unresolved', 'fingerprint', fingerprint, 'test_key', a[4], 'category', a[5],
      'signal', a[6], 'stage', a[7], 'generic', a[15], 'headline', a[16], 'first_ms', ms, 'last_ms', ms, 'first_repo', repo)
    redis.call('SET', p .. 'sample:' .. id, a[18])
    redis.call('ZADD', p .. 'due:analysis', now, id)
  end
  local t = touch(id)
  redis.call('SET', p .. 'seen:' .. event_id, (minted and 'n|' or 'k|') .. id, 'EX', ttl)
  t.ms = math.max(t.ms, ms)
  add(t, 'occurrence_count')
  totals.failures = totals.failures + 1
  if not minted then totals.repeats = totals.repeats + 1 end
  if not minted and t.resolved_ms > 0 then totals.repeats_with_fix = totals.repeats_with_fix + 1 end
  if not t.repos[repo] then
    t.repos[repo] = true
    if redis.call('SADD', p .. 'repos:' .. id, repo) == 1 then add(t, 'repositories') end
  end

  local run = p .. 'run:' .. build
  if redis.call('HSETNX', run, 'v|' .. id, '1') == 1 then
    redis.call('EXPIRE', run, ttl)
    t.recent[#t.recent + 1] = cjson.encode({ place = place, commit = commit, ms = ms })
    if not minted then
      add(t, 'match_votes')
      local context = 'matched in build ' .. place
      t.votes[#t.votes + 1] = cjson.encode({ vote = 'helpful', target = 'reflection', context = context, fix_id = '' })
      recurred(id, t, repo, place, commit, ms)
    end
  end
  local episode = 'f|' .. job .. '|' .. test .. '|' .. id
  local first_attempt = redis.call('HGET', run, episode)
  -- An episode is a build and job: several tests that fail alike in one job are one.
  if redis.call('HSETNX', run, 'e|' .. job .. '|' .. id, ms) == 1 then
    watch_for_outbreak(p, id, t, repo, place, job, ms)
    if a[22] == '1' then
      redis.call('HSET', run, 'm|' .. job .. '|' .. id, '1')
    elseif not in_outbreak(t, ms) then
      add(t, 'episodes')
    end
  end
  if not first_attempt or tonumber(first_attempt) > attempt then redis.call('HSET', run, episode, attempt) end
  if passed_later(run, job, test, attempt) then count_flaky(run, job, id, place) end

  if not t.analysed then
    local waiting = p .. 'awaiting:' .. id
    if redis.call('HLEN', waiting) < most_waiting then redis.call('HSET', waiting, event_id, minted and 'n' or 'k') end
  end
  keep_run(a[19], a[20], attempt, id, a[21])
  keep_record('failure', ms, id, place, job, attempt, test, a[21], a[19], a[22])
  return minted and 'new' or 'known', id
end

local function pass(a)
  local event_id, build, place, job, attempt, test = a[1], a[3], a[4], a[5], tonumber(a[6]), a[7]
  if not redis.call('SET', p .. 'seen:' .. event_id, 'p|', 'NX', 'EX', ttl) then return 'duplicate_pass', '' end
  local run = p .. 'run:' .. build
  local field = 'p|' .. job .. '|' .. test
  local before = tonumber(redis.call('HGET', run, field) or '0')
  if attempt > before then redis.call('HSET', run, field, attempt) end
  redis.call('EXPIRE', run, ttl)
  local failing = 'f|' .. job .. '|' .. (test == '' and '' or test .. '|')
  local all = redis.call('HGETALL', run)
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, #failing) == failing and tonumber(all[i + 1]) < attempt then
      count_flaky(run, job, surviving(p, string.match(all[i], '([^|]+)$')), place)
    end
  end
  keep_run(a[8], a[9], attempt, '', a[10])
  keep_record('pass', a[2], '', place, job, attempt, test, a[10], a[8], '0')
  return 'pass', ''
end

local function resolution(a)
  local event_id, id = a[1], surviving(p, a[3])
  if redis.call('EXISTS', p .. 'pattern:' .. id) == 0 then return 'unknown_pattern', a[3] end
  if not redis.call('SET', p .. 'seen:' .. event_id, 'r|' .. id, 'NX', 'EX', ttl) then return 'duplicate_resolution', id end
  redis.call('SET', p .. 'resolution:' .. event_id, a[4])
  redis.call('ZADD', p .. 'due:resolutions', now, event_id)
  return 'accepted', id
end

local kinds = { F = { failure, 22 }, P = { pass, 10 }, R = { resolution, 4 } }
local at = 6
while at <= #ARGV do
  local kind = kinds[ARGV[at]]
  local event = {}
  for i = 1, kind[2] do event[i] = ARGV[at + i] end
  at = at + kind[2] + 1
  local outcome, id = kind[1](event)
  outcomes[#outcomes + 1] = { outcome, event[1], id }
  newest = math.max(newest, tonumber(event[2]))
  if kind[1] == failure and id ~= '' and not named[id] then
    named[id] = true
    order[#order + 1] = id
  end
end

for _, id in ipairs(touched_order) do
  write_touched(id, touched[id])
  owe_sync(id)
end
for name, count in pairs(totals) do
  if count > 0 then redis.call('HINCRBY', p .. 'totals', name, count) end
end
if newest > tonumber(redis.call('HGET', p .. 'totals', 'newest_ms') or '0') then redis.call('HSET', p .. 'totals', 'newest_ms', newest) end

local patterns = {}
for i, id in ipairs(order) do
  patterns[i] = { id, redis.call('HGETALL', p .. 'pattern:' .. id), redis.call('HGETALL', p .. 'fixes:' .. id) }
end
return { outcomes, patterns }
