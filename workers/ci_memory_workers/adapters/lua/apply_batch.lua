--@include _ledger
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
local OUTBREAK_WINDOW_MS, OUTBREAK_BUILDS, OUTBREAK_REPOS = 15 * 60000, 8, 4
local p = KEYS[1]
local now, ttl, flush = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local most_waiting = tonumber(ARGV[4])
redis.call('SADD', KEYS[2], ARGV[5])
local outcomes, named, order = {}, {}, {}
local totals = { failures = 0, repeats = 0, repeats_with_fix = 0 }
local newest = 0

local function owe_sync(id)
  if redis.call('HGET', p .. 'pattern:' .. id, 'analysed') then
    owe_memory(p, id, now + flush)
  else
    redis.call('HINCRBY', p .. 'pattern:' .. id, 'revision', 1)
  end
end

-- Keeps a slim record of an event for `ci-memory replay`: what it was, without its texts.
local function keep_record(kind, ms, id, place, job, attempt, test, record)
  redis.call('XADD', p .. 'records', 'MAXLEN', '~', MOST_RECORDS, '*', 'kind', kind, 'ms', ms, 'pattern_id', id, 'place', place,
    'job', job, 'attempt', attempt, 'test', test, 'run', record)
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

-- One failure in many builds of many repositories within minutes is one incident, an outbreak: it is the infrastructure, whatever the
-- text says, and speaks neither for flakiness nor for a fix.
local function watch_for_outbreak(id, key, repo, place, job, ms)
  local burst = p .. 'burst:' .. id
  if redis.call('ZADD', burst, 'NX', ms, repo .. '|' .. place .. '|' .. job) == 0 then return end
  redis.call('ZREMRANGEBYSCORE', burst, '-inf', ms - OUTBREAK_WINDOW_MS)
  redis.call('PEXPIRE', burst, OUTBREAK_WINDOW_MS)
  local state = redis.call('HMGET', key, 'outbreak_ms', 'outbreak_last_ms')
  local active = state[2] and ms - tonumber(state[2]) <= OUTBREAK_WINDOW_MS
  if not active then
    if redis.call('ZCARD', burst) < OUTBREAK_BUILDS then return end
    local repos, found = {}, 0
    for _, member in ipairs(redis.call('ZREVRANGE', burst, 0, 63)) do
      local name = string.match(member, '^([^|]*)')
      if not repos[name] then repos[name], found = true, found + 1 end
    end
    if found < OUTBREAK_REPOS then return end
    redis.call('DEL', p .. 'outbreak_repos:' .. id)
    for name in pairs(repos) do redis.call('SADD', p .. 'outbreak_repos:' .. id, name) end
    local first = redis.call('ZRANGE', burst, 0, 0, 'WITHSCORES')
    redis.call('HSET', key, 'outbreak_ms', first[2], 'outbreak_builds', redis.call('ZCARD', burst) - 1)
  end
  redis.call('SADD', p .. 'outbreak_repos:' .. id, repo)
  redis.call('EXPIRE', p .. 'outbreak_repos:' .. id, RUNS_SECONDS)
  redis.call('HINCRBY', key, 'outbreak_builds', 1)
  redis.call('HSET', key, 'outbreak_last_ms', ms, 'outbreak_repositories', redis.call('SCARD', p .. 'outbreak_repos:' .. id))
end

local function in_outbreak(key, ms)
  local state = redis.call('HMGET', key, 'outbreak_ms', 'outbreak_last_ms')
  return state[1] and ms and ms >= tonumber(state[1]) and ms <= tonumber(state[2]) + OUTBREAK_WINDOW_MS
end

-- A failing attempt that is followed by a passing one of the same job in the same build is a flaky episode, counted once.
local function count_flaky(run, job, id, place)
  local key = p .. 'pattern:' .. id
  if redis.call('HGET', run, 'm|' .. job .. '|' .. id) or in_outbreak(key, tonumber(redis.call('HGET', run, 'e|' .. job .. '|' .. id))) then
    return
  end
  if redis.call('HSETNX', run, 'k|' .. job .. '|' .. id, '1') == 0 or redis.call('EXISTS', p .. 'pattern:' .. id) == 0 then return end
  redis.call('HINCRBY', key, 'flaky_count', 1)
  local status = redis.call('HGET', key, 'status')
  if status == 'unresolved' or status == 'deprecated' then redis.call('HSET', key, 'status', 'flaky') end
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

local function recurred(id, key, repo, place, commit, ms)
  local fix = redis.call('HMGET', key, 'status', 'fix_repo', 'resolved_ms', 'fix_commits', 'resolved_fix')
  if fix[1] ~= 'resolved' or fix[2] ~= repo or ms <= tonumber(fix[3] or '0') then return end
  if commit ~= '' and string.find(fix[4] or '', commit, 1, true) then return end
  if redis.call('HINCRBY', key, 'recurred', 1) <= 3 then return end
  local reported = redis.call('HGET', p .. 'reported:' .. id, repo)
  local trial_id = reported and cjson.decode(reported).trial
  local encoded = trial_id and redis.call('HGET', p .. 'trials:' .. id, trial_id)
  if encoded then
    local trial = cjson.decode(encoded)
    trial.verdict = 'failed'
    if put_trial(p, id, trial_id, trial) then return end
  end
  keep_vote(p, id, 'harmful', 'strategy', "fix didn't stick: failed again in build " .. place, fix[5])
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
  local key = p .. 'pattern:' .. id
  redis.call('SET', p .. 'seen:' .. event_id, (minted and 'n|' or 'k|') .. id, 'EX', ttl)
  redis.call('HINCRBY', key, 'occurrence_count', 1)
  local state = redis.call('HMGET', key, 'last_ms', 'analysed', 'status', 'resolved_ms')
  totals.failures = totals.failures + 1
  if not minted then totals.repeats = totals.repeats + 1 end
  if not minted and state[4] then totals.repeats_with_fix = totals.repeats_with_fix + 1 end
  if ms > tonumber(state[1] or '0') then redis.call('HSET', key, 'last_ms', ms) end
  redis.call('ZADD', p .. 'last_seen', 'GT', ms, id)
  if redis.call('SADD', p .. 'repos:' .. id, repo) == 1 then redis.call('HINCRBY', key, 'repositories', 1) end
  revive(key)

  if state[3] == 'quarantined' then redis.call('ZADD', p .. 'due:quarantine', now, id) end

  local run = p .. 'run:' .. build
  if redis.call('HSETNX', run, 'v|' .. id, '1') == 1 then
    redis.call('LPUSH', p .. 'recent:' .. id, cjson.encode({ place = place, commit = commit, ms = ms }))
    redis.call('LTRIM', p .. 'recent:' .. id, 0, 9)
    if not minted then
      redis.call('HINCRBY', key, 'match_votes', 1)
      keep_vote(p, id, 'helpful', 'reflection', 'matched in build ' .. place)
      recurred(id, key, repo, place, commit, ms)
    end
  end
  local episode = 'f|' .. job .. '|' .. test .. '|' .. id
  local first_attempt = redis.call('HGET', run, episode)
  -- An episode is a build and job: several tests that fail alike in one job are one.
  if redis.call('HSETNX', run, 'e|' .. job .. '|' .. id, ms) == 1 then
    watch_for_outbreak(id, key, repo, place, job, ms)
    if a[22] == '1' then
      redis.call('HSET', run, 'm|' .. job .. '|' .. id, '1')
    elseif not in_outbreak(key, ms) then
      redis.call('HINCRBY', key, 'episodes', 1)
    end
  end
  if not first_attempt or tonumber(first_attempt) > attempt then redis.call('HSET', run, episode, attempt) end
  redis.call('EXPIRE', run, ttl)
  if passed_later(run, job, test, attempt) then count_flaky(run, job, id, place) end

  if not state[2] then
    local waiting = p .. 'awaiting:' .. id
    if redis.call('HLEN', waiting) < most_waiting then redis.call('HSET', waiting, event_id, minted and 'n' or 'k') end
  end
  keep_run(a[19], a[20], attempt, id, a[21])
  keep_record('failure', ms, id, place, job, attempt, test, a[21])
  owe_sync(id)
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
  keep_record('pass', a[2], '', place, job, attempt, test, a[10])
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

for name, count in pairs(totals) do
  if count > 0 then redis.call('HINCRBY', p .. 'totals', name, count) end
end
if newest > tonumber(redis.call('HGET', p .. 'totals', 'newest_ms') or '0') then redis.call('HSET', p .. 'totals', 'newest_ms', newest) end

local patterns = {}
for i, id in ipairs(order) do
  patterns[i] = { id, redis.call('HGETALL', p .. 'pattern:' .. id), redis.call('HGETALL', p .. 'fixes:' .. id) }
end
return { outcomes, patterns }
