--@include _ledger
--@include _rulings
--@include _apart
--@include _matches
-- Makes a pattern one with another. Shared by the scripts that name it (`--@include _merge`).
--
-- What `decide_split` needs to undo it is kept: the hash of the one that goes, its repos, fixes, reports and reruns, and
--   merged:{into}           set: the patterns that it stands for
--   origins                 fingerprint -> the pattern that it made, once that was merged
--   merged_trials:{from}, merged_fields:{from}, merged_repos:{from}   sets: trials, fields of the ledger, repositories that moved with it
--   pattern:{from}          merged_into, merged_by ('' for an analyst), merged_why, merged_ms, and of the one that stays, as it was before:
--                           status_there, first_there

local MERGED_SAMPLE_S = 30 * 86400

-- `~merged` says that there is somebody in the set.
local function stand_for(p, into, gone)
  redis.call('SADD', p .. 'merged:' .. into, gone)
  redis.call('HSET', p .. 'pattern:' .. into, '~merged', '1')
end

local function move_fingerprints(p, from, into)
  local own = redis.call('HGET', p .. 'pattern:' .. from, 'fingerprint')
  redis.call('HSET', p .. 'origins', own, from)
  local fingerprints = names(p, from, 'aliases')
  fingerprints[#fingerprints + 1] = own
  for _, fingerprint in ipairs(fingerprints) do
    redis.call('HSET', p .. 'fingerprints', fingerprint, into)
    put_member(p, into, 'aliases', fingerprint, true)
  end
end

-- How often, where and when it was seen. `counted`: the one that stays was restored from a state that has the counts in it.
local function move_counts(p, from, into, now, counted)
  local old, new = p .. 'pattern:' .. from, p .. 'pattern:' .. into
  local its, there = tally_of(p, from), tally_of(p, into)
  if not counted then
    for _, name in ipairs({ 'occurrence_count', 'episodes', 'match_votes' }) do there[name] = there[name] + its[name] end
    redis.call('HINCRBY', new, 'flaky_count', redis.call('HGET', old, 'flaky_count') or '0')
    move_matches(p, from, into)
  end
  if tonumber(redis.call('HGET', old, 'flaky_count') or '0') > 0 then redis.call('ZADD', p .. 'due:quarantine', now, into) end
  for _, repo in ipairs(names(p, from, 'repos')) do
    if put_member(p, into, 'repos', repo, true) then
      there.repositories = there.repositories + 1
      redis.call('SADD', p .. 'merged_repos:' .. from, repo)
    end
  end
  for _, line in ipairs(names(p, from, 'lines_of')) do put_member(p, into, 'lines_of', line, true) end
  local flaky_in = redis.call('HGETALL', p .. 'flaky_in:' .. from)
  for i = 1, #flaky_in, 2 do redis.call('HINCRBY', p .. 'flaky_in:' .. into, flaky_in[i], flaky_in[i + 1]) end
  if redis.call('EXISTS', p .. 'reruns:' .. from) == 1 then
    redis.call('SUNIONSTORE', p .. 'reruns:' .. into, p .. 'reruns:' .. into, p .. 'reruns:' .. from)
  end
  there.last_ms = math.max(there.last_ms, its.last_ms)
  keep_tally(p, into, there)
  local first = redis.call('HGET', old, 'first_ms')
  local first_there = redis.call('HGET', new, 'first_ms') or first
  redis.call('HSET', old, 'first_there', first_there)
  if tonumber(first) < tonumber(first_there) then redis.call('HSET', new, 'first_ms', first) end
  redis.call('ZADD', p .. 'last_seen', 'GT', its.last_ms, into)
  revive(new)
  revive(new)
  redis.call('ZREM', p .. 'last_seen', from)
end

-- How it was fixed, and what a person said of its fixes: where both patterns have a say, the one that stays has it.
local function move_fixes(p, from, into)
  local there, fields = p .. 'pattern:' .. into, redis.call('HGETALL', p .. 'pattern:' .. from)
  local pinned = pin_of(p, into)
  for i = 1, #fields, 2 do
    local kind, fix_id = string.match(fields[i], '^(%a+)|(.*)$')
    local ruled = kind and redis.call('HEXISTS', there, 'veto|' .. fix_id) == 1 or pinned == fix_id
    local moves = kind == 'fix' or (kind == 'veto' and not ruled) or (kind == 'pin' and not ruled and not pinned)
    if moves and redis.call('HSETNX', there, fields[i], fields[i + 1]) == 1 then
      redis.call('SADD', p .. 'merged_fields:' .. from, fields[i])
    end
  end
  for trial_id, trial in pairs(trials_of(p, from)) do
    put_trial(p, from, trial_id, nil)
    put_trial(p, into, trial_id, trial, true)
    redis.call('SADD', p .. 'merged_trials:' .. from, trial_id)
  end
  for repo, trial_id in pairs(members(p, from, 'reported')) do
    if not member(p, into, 'reported', repo) then put_member(p, into, 'reported', repo, trial_id) end
  end
  for _, vote in ipairs(redis.call('LRANGE', p .. 'votes:' .. from, 0, -1)) do redis.call('RPUSH', p .. 'votes:' .. into, vote) end
end

local function move_status(p, from, into)
  local old, new = p .. 'pattern:' .. from, p .. 'pattern:' .. into
  local gone, stays = redis.call('HGET', old, 'status'), redis.call('HGET', new, 'status')
  redis.call('HSET', old, 'status_there', stays)
  if gone == 'resolved' and stays == 'unresolved' then
    for _, field in ipairs({ 'status', 'fix_repo', 'resolved_ms', 'fix_commits', 'resolved_fix', 'resolved_kind', 'recurred' }) do
      redis.call('HSET', new, field, redis.call('HGET', old, field) or '')
    end
  end
end

-- Who looks after it: where both have somebody, the one that stays keeps its own.
local function move_owner(p, from, into)
  local old, new = p .. 'pattern:' .. from, p .. 'pattern:' .. into
  if (redis.call('HGET', new, 'owner') or '') ~= '' then return end
  for _, field in ipairs({ 'owner', 'owner_by', 'owner_why', 'owner_ms' }) do
    local value = redis.call('HGET', old, field)
    if value then redis.call('HSET', new, field, value) end
  end
end

-- Who waits for it. Telling them is owed by the one that stays: whoever takes that finds an analysis, and needs no analyst.
local function move_waiters(p, from, into, now)
  local waiting = redis.call('HKEYS', p .. 'awaiting:' .. from)
  for _, event_id in ipairs(waiting) do redis.call('HSET', p .. 'awaiting:' .. into, event_id, 'k') end
  if #waiting > 0 then redis.call('ZADD', p .. 'due:analysis', 'NX', now, into) end
end

-- `by` is '' where an analyst says so. Returns the fingerprints that moved, by blanks.
local function merge_patterns(p, from, into, now, by, why, counted)
  local moved = table.concat(fingerprints_of(p, from), ' ')
  move_fingerprints(p, from, into)
  move_counts(p, from, into, now, counted)
  move_fixes(p, from, into)
  move_status(p, from, into)
  move_owner(p, from, into)
  move_waiters(p, from, into, now)
  for _, name in ipairs({ 'awaiting:', 'votes:' }) do redis.call('DEL', p .. name .. from) end
  for _, what in ipairs({ 'trials', 'aliases' }) do drop_members(p, from, what) end
  redis.call('HDEL', p .. 'pattern:' .. from, '~recent')
  redis.call('EXPIRE', p .. 'sample:' .. from, MERGED_SAMPLE_S)
  stand_for(p, into, from)
  redis.call('SUNIONSTORE', p .. 'merged:' .. into, p .. 'merged:' .. into, p .. 'merged:' .. from)
  redis.call('HSET', p .. 'pattern:' .. from, 'merged_into', into, 'merged_by', by, 'merged_why', why, 'merged_ms', now)
  redis.call('ZREM', p .. 'due:analysis', from)
  redis.call('ZREM', p .. 'due:quarantine', from)
  redis.call('SREM', p .. 'quarantined', from)
  redis.call('HDEL', p .. 'leases:analysis', from)
  -- A reflection of the one that goes leaves the playbook; the other's is brought up to date.
  owe_memory(p, from, now)
  owe_memory(p, into, now)
  return moved
end

-- As an analyst says: journalled as an alias.
local function merge(p, from, into, now, reason, counted)
  local moved = merge_patterns(p, from, into, now, '', reason, counted)
  redis.call('XADD', p .. 'journal', '*', 'kind', 'alias', 'from', from, 'into', into, 'fingerprints', moved, 'reason', reason)
end
