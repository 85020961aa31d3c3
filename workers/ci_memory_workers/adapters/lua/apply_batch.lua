--@include _tenants
--@include _version
--@include _ledger
--@include _outbreaks
--@include _flaky
--@include _pieces
--@include _touched
--@include _outbreak_watch
--@include _lines
-- Applies a batch of events of one tenant: dedupe, count, look up, claim, and write down the work that is owed.
--
-- KEYS[1]  the tenant's prefix, 'ci-memory:{tenant}:'; every key below is built from it and shares its hash slot
-- ARGV[1]  now, ms      ARGV[2]  dedupe horizon, s     ARGV[3]  delay of a flush to Aegis, ms
-- KEYS[2]  the set of tenants                           ARGV[5]  the tenant
-- ARGV[4]  most events that may wait for one analysis
-- ARGV[6]  bytes that are in no value of the reply
-- ARGV[7…] events, each one string: fields with the byte 255, which is in no text, after each. The first field says the kind:
--   'F' event_id, ms of the log entry, fingerprint, repo, build, place, job, attempt, commit, test, first, line, run, runs' record (JSON),
--       mass ('1' when most tests of the run failed: that says nothing of a single one), slim record, held
--       first is '' when the fingerprint is believed to be known, else id, traits and sample of the pattern that it makes where it is not,
--       in a line each: traits and sample are JSON, and the scripts read neither
--       held is what the sender has read of the pattern: its id and version by a blank, '' for nothing
--   'P' event_id, ms, build, place, job, attempt, test, line, run, runs' record (JSON), slim record
--   'R' event_id, ms, pattern_id, payload (JSON)
--   build, job and test are digests: build of (repo, build), job of the job's name, test of the test id ('' for a whole job);
--   place is 'repo#build', for people. line is a digest of (repo, branch, job), '' when the branch is unknown: its runs are kept in
--   line:{line} by (run, attempt) as 'pattern_id|record', the pattern_id empty for a pass.
--
-- Reply    one string, since each value of a reply costs more than the event: parts, between them the bytes of ARGV[6]
--          number of events, and for each outcome, pattern_id
--            F: 'new' | 'known' | 'duplicate_new' | 'duplicate_known' | 'need_sample' (nothing was done: send it again with its sample)
--            P: 'pass' | 'duplicate_pass'      R: 'accepted' | 'duplicate_resolution' | 'unknown_pattern' (nothing was done)
--          then for each pattern that an F names: pattern_id, number of fields, and HGETALL of it ('~…', what is packed, may be outdated);
--          or 0 for what the sender holds, and its version and tally by a blank

local MOST_RECORDS = 200000
local NO_TEST = ''
local p = KEYS[1]
local now, ttl, flush = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
local most_waiting = tonumber(ARGV[4])
know_tenant(p, KEYS[2], ARGV[5])
local batch = { touched = {}, touched_order = {}, lines = {}, line_order = {} }
local totals = { failures = 0, repeats = 0, repeats_with_fix = 0 }
local records = {}

-- What was seen before, by event id, and the patterns of fingerprints: asked for once for the batch, and kept up as it is applied.
local seen, known = {}, {}

local function saw(event_id, what)
  redis.call('SET', p .. 'seen:' .. event_id, what, 'EX', ttl)
  seen[event_id] = what
end

local function owe_sync(id)
  if batch.touched[id] then
    batch.touched[id].revision = batch.touched[id].revision + 1
  elseif redis.call('HGET', p .. 'pattern:' .. id, 'analysed') then
    owe_memory(p, id, now + flush)
  else
    count_revision(p, id)
  end
end

-- Keeps a slim record of an event for `ci-memory replay`: what it was, without its texts.
local function keep_record(kind, ms, id, job, attempt, test, line, mass, slim)
  records[#records + 1] = table.concat({ kind, ms, id, job, attempt, test, line, mass, slim }, ' ')
end

-- The records of a batch are one entry, by the byte 255. `redis_records` reads them.
local function write_records()
  if #records == 0 then return end
  redis.call('XADD', p .. 'records', '*', 'r', table.concat(records, '\255'))
  local kept = redis.call('INCRBY', p .. 'records_kept', #records)
  while kept > MOST_RECORDS do
    local oldest = redis.call('XRANGE', p .. 'records', '-', '+', 'COUNT', 1)[1]
    if not oldest then break end
    redis.call('XDEL', p .. 'records', oldest[1])
    local _, more = string.gsub(oldest[2][2], '\255', '')
    kept = redis.call('DECRBY', p .. 'records_kept', more + 1)
  end
end

-- A failing attempt that is followed by a passing one of the same job in the same build is a flaky episode, counted once.
local function count_flaky(run, job, id, place, passed_ms)
  local key = p .. 'pattern:' .. id
  local t = batch.touched[id] or tally_of(p, id)
  t.stale = true
  local state = redis.call('HMGET', run, 'm|' .. job .. '|' .. id, 'e|' .. job .. '|' .. id)
  if in_outbreak(t, tonumber(state[2] or '')) then
    if ended_by_itself(p, id) then renew(p, id) end
    return
  end
  if state[1] or not says_flaky(p, id, tonumber(state[2] or ''), passed_ms) then return end
  if redis.call('HSETNX', run, 'k|' .. job .. '|' .. id, '1') == 0 or redis.call('EXISTS', key) == 0 then return end
  redis.call('HINCRBY', key, 'flaky_count', 1)
  if turn_flaky(p, id, string.match(place, '^(.*)#')) then t.status = 'flaky' end
  keep_vote(p, id, 'harmful', 'reflection', 'likely flaky: passed when run again in build ' .. place)
  redis.call('ZADD', p .. 'due:quarantine', now, id)
  renew(p, id)
  owe_sync(id)
end

local function recurred(id, t, repo, place, commit, ms)
  if t.status ~= 'resolved' or t.fix_repo ~= repo or ms <= t.resolved_ms then return end
  local fixed = redis.call('HMGET', t.key, 'fix_commits', 'resolved_fix')
  if commit ~= '' and string.find(' ' .. (fixed[1] or ''), ' ' .. short(commit), 1, true) then return end
  t.stale = true
  if redis.call('HINCRBY', t.key, 'recurred', 1) <= 3 then return end
  local report = report_of(p, id, repo)
  if report then
    local trial = trial_of(p, id, report.trial)
    trial.verdict = 'failed'
    if put_trial(p, id, report.trial, trial) then return end
  end
  keep_vote(p, id, 'harmful', 'strategy', "fix didn't stick: failed again in build " .. place, fixed[2] or '')
end

local function mint(a, id, ms, traits, sample)
  redis.call('HSET', p .. 'fingerprints', a[3], id)
  known[a[3]] = id
  -- What changes with each failure comes first: the hash is one piece of memory, and is looked through from its beginning.
  redis.call('HSET', p .. 'pattern:' .. id, 'tally', close_tally(open_tally(nil, {})), 'status', 'unresolved', 'first_ms', ms, 'fingerprint', a[3],
    'traits', traits)
  redis.call('SET', p .. 'sample:' .. id, sample)
  redis.call('ZADD', p .. 'due:analysis', now, id)
end

-- What a failure says of its run: a build, in which a pattern is a match once, and an episode of each job that it fails.
local function keep_episode(a, t, id, ms, minted)
  local repo, run, place, job, attempt, commit, test = a[4], p .. 'run:' .. a[5], a[6], a[7], tonumber(a[8]), a[9], a[10]
  local match, episode, failing = 'v|' .. id, 'e|' .. job .. '|' .. id, 'f|' .. job .. '|' .. test .. '|' .. id
  local had = redis.call('HMGET', run, match, episode, failing, 'p|' .. job .. '|', 'p|' .. job .. '|' .. test)
  -- A build that began before its pattern was merged has the former one's marks.
  for _, gone in ipairs(t.merged) do
    had[1] = had[1] or redis.call('HGET', run, 'v|' .. gone)
    had[2] = had[2] or redis.call('HGET', run, 'e|' .. job .. '|' .. gone)
  end
  local fields = {}
  local function write(name, value)
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  if not had[1] then
    write(match, '1')
    seen_in(t, place, commit, ms)
    if not minted then
      t.match_votes = t.match_votes + 1
      recurred(id, t, repo, place, commit, ms)
    end
  end
  -- An episode is a build and job: several tests that fail alike in one job are one.
  if not had[2] then
    write(episode, ms)
    watch_for_outbreak(p, id, t, repo, place, job, ms)
    if a[15] == '1' then
      write('m|' .. job .. '|' .. id, '1')
    elseif not in_outbreak(t, ms) then
      t.episodes = t.episodes + 1
    end
  end
  if not had[3] or tonumber(had[3]) > attempt then write(failing, attempt) end
  -- Which patterns a test failed with: its pass is looked up, and not searched for among all tests of the run.
  if not had[3] and test ~= NO_TEST then
    local of_test = 't|' .. job .. '|' .. test
    local before = redis.call('HGET', run, of_test)
    write(of_test, before and before .. ' ' .. id or id)
  end
  if #fields > 0 then redis.call('HSET', run, unpack(fields)) end
  if not had[1] then redis.call('EXPIRE', run, ttl) end
  local whole, single = tonumber(had[4] or ''), tonumber(had[5] or '')
  local passed = (whole and whole > attempt and 'p|' .. job .. '|') or (single and single > attempt and 'p|' .. job .. '|' .. test)
  if passed then count_flaky(run, job, id, place, tonumber(redis.call('HGET', run, 'ms|' .. passed) or '')) end
end

local function began_before(t, ms)
  if ms >= tonumber(redis.call('HGET', t.key, 'first_ms') or '0') then return end
  redis.call('HSET', t.key, 'first_ms', ms)
  t.stale = true
end

local function failure(a)
  local event_id, ms, repo, id = a[1], tonumber(a[2]), a[4], known[a[3]]
  local before = seen[event_id]
  if before then
    local was, stands = string.sub(before, 3), surviving(p, string.sub(before, 3))
    -- One that was new until it was recognised is answered as known, however often it is pushed.
    return (string.sub(before, 1, 1) == 'n' and stands == was) and 'duplicate_new' or 'duplicate_known', stands
  end
  local minted = not id
  if minted then
    if a[11] == '' then return 'need_sample', '' end
    local traits, sample
    id, traits, sample = string.match(a[11], '^(.-)\n(.-)\n(.*)$')
    mint(a, id, ms, traits, sample)
  end
  local t = touch(p, batch, id)
  saw(event_id, (minted and 'n|' or 'k|') .. id)
  -- Failures are not read in the order in which they came.
  if ms < t.last_ms or ms < t.ms then began_before(t, ms) end
  t.ms = math.max(t.ms, ms)
  t.occurrence_count = t.occurrence_count + 1
  totals.failures = totals.failures + 1
  if not minted then totals.repeats = totals.repeats + 1 end
  if not minted and t.resolved_ms > 0 then totals.repeats_with_fix = totals.repeats_with_fix + 1 end
  if meet(p, id, t, 'repos', repo) then t.repositories = t.repositories + 1 end
  keep_episode(a, t, id, ms, minted)
  -- A provisional analysis is told at once, and the final one when it is there.
  if t.analysed ~= 'final' then
    local waiting = p .. 'awaiting:' .. id
    if redis.call('HLEN', waiting) < most_waiting then redis.call('HSET', waiting, event_id, minted and 'n' or 'k') end
  end
  local line, attempt = a[12], tonumber(a[8])
  keep_run(p, batch, line, a[13], attempt, id, a[14])
  if line ~= '' then meet(p, id, t, 'lines_of', line) end
  keep_record('F', a[2], id, a[7], a[8], a[10], line, a[15], a[16])
  return minted and 'new' or 'known', id
end

local function pass(a)
  local event_id, build, place, job, attempt, test = a[1], a[3], a[4], a[5], tonumber(a[6]), a[7]
  if seen[event_id] then return 'duplicate_pass', '' end
  saw(event_id, 'p|')
  local run = p .. 'run:' .. build
  local field = 'p|' .. job .. '|' .. test
  local before = tonumber(redis.call('HGET', run, field) or '0')
  if attempt > before then redis.call('HSET', run, field, attempt, 'ms|' .. field, a[2]) end
  redis.call('EXPIRE', run, ttl)
  local function ended(pattern_id, failed_at)
    if failed_at and tonumber(failed_at) < attempt then count_flaky(run, job, surviving(p, pattern_id), place, tonumber(a[2])) end
  end
  if test ~= NO_TEST then
    for pattern_id in string.gmatch(redis.call('HGET', run, 't|' .. job .. '|' .. test) or '', '%S+') do
      ended(pattern_id, redis.call('HGET', run, 'f|' .. job .. '|' .. test .. '|' .. pattern_id))
    end
  else
    local failing, all = 'f|' .. job .. '|', redis.call('HGETALL', run)
    for i = 1, #all, 2 do
      if string.sub(all[i], 1, #failing) == failing then ended(string.match(all[i], '([^|]+)$'), all[i + 1]) end
    end
  end
  keep_run(p, batch, a[8], a[9], attempt, '', a[10])
  keep_record('P', a[2], '', job, attempt, test, a[8], '0', a[11])
  return 'pass', ''
end

local function resolution(a)
  local event_id, id = a[1], surviving(p, a[3])
  if redis.call('EXISTS', p .. 'pattern:' .. id) == 0 then return 'unknown_pattern', a[3] end
  if seen[event_id] then return 'duplicate_resolution', id end
  saw(event_id, 'r|' .. id)
  redis.call('SET', p .. 'resolution:' .. event_id, a[4])
  redis.call('ZADD', p .. 'due:resolutions', now, event_id)
  return 'accepted', id
end

-- The fields of an event, its kind at 0.
local function fields_of(packed)
  local fields, n, from, at = {}, 0, 1, string.find(packed, '\255', 1, true)
  while at do
    fields[n] = string.sub(packed, from, at - 1)
    n, from = n + 1, at + 1
    at = string.find(packed, '\255', from, true)
  end
  return fields
end

local kinds = { F = failure, P = pass, R = resolution }
local events, event_ids, keys, fingerprints = {}, {}, {}, {}
local newest = 0
for i = 7, #ARGV do
  local event = fields_of(ARGV[i])
  events[#events + 1] = event
  event_ids[#event_ids + 1] = event[1]
  keys[#keys + 1] = p .. 'seen:' .. event[1]
  newest = math.max(newest, tonumber(event[2]))
  if event[0] == 'F' then fingerprints[#fingerprints + 1] = event[3] end
end
known = looked_up(fingerprints, function(...) return redis.call('HMGET', p .. 'fingerprints', ...) end)
local by_key = looked_up(keys, function(...) return redis.call('MGET', ...) end)
for i, event_id in ipairs(event_ids) do seen[event_id] = by_key[keys[i]] end

local reply, held, order = { #events }, {}, {}
for _, event in ipairs(events) do
  local outcome, id = kinds[event[0]](event)
  reply[#reply + 1] = outcome
  reply[#reply + 1] = id
  if event[0] == 'F' and id ~= '' then
    if not held[id] then order[#order + 1] = id end
    if not held[id] or event[17] ~= '' then held[id] = event[17] end
  end
end

write_records()
owe_touched(p, batch, now, flush)
write_lines(p, batch, now)
for name, count in pairs(totals) do
  if count > 0 then redis.call('HINCRBY', p .. 'totals', name, count) end
end
if newest > tonumber(redis.call('HGET', p .. 'totals', 'newest_ms') or '0') then redis.call('HSET', p .. 'totals', 'newest_ms', newest) end

for _, id in ipairs(order) do
  local t = batch.touched[id]
  reply[#reply + 1] = id
  if t and not t.stale and held[id] == id .. ' ' .. t.version then
    reply[#reply + 1] = 0
    reply[#reply + 1] = t.version .. ' ' .. t.tally
  else
    local fields = redis.call('HGETALL', p .. 'pattern:' .. id)
    reply[#reply + 1] = #fields
    for i = 1, #fields do reply[#reply + 1] = fields[i] end
  end
end
return table.concat(reply, ARGV[6])
