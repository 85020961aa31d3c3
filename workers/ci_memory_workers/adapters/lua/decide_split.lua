--@include _versioned
--@include _merge
-- Takes a merge back, as a person says: what came with it leaves the pattern, becomes the pattern that it was, and the two are kept apart for
-- ever. Where that pattern was never analysed and its text is gone, its fingerprints are freed instead, and the next failure makes it anew.
-- Counts since the merge stay where they are: nobody counted them by fingerprint. Journalled.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  fingerprint, or id of a pattern that was merged   ARGV[2]  now, ms   ARGV[3]  who   ARGV[4]  why
-- Reply    { 'split', pattern_id that it left, pattern_id that is back ('' where the next failure makes it), fingerprints … }
--          | { 'unknown' } | { 'own', pattern_id }: nothing was merged, it is the pattern's own; only the first changes anything

local p, target, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
local ruling = ruling_of(ARGV[3], ARGV[4], now)

-- The pattern that is to come back, and the one that it leaves: nil where unknown. A fingerprint that never made a pattern comes with none.
local gone, stays
if redis.call('EXISTS', p .. 'pattern:' .. target) == 1 then
  gone, stays = target, surviving(p, target)
else
  stays = redis.call('HGET', p .. 'fingerprints', target)
  if not stays then return { 'unknown' } end
  gone = redis.call('HGET', p .. 'origins', target)
  if redis.call('HGET', p .. 'pattern:' .. stays, 'fingerprint') == target then gone = stays end
end
if redis.call('EXISTS', p .. 'pattern:' .. stays) == 0 then return { 'unknown' } end
if gone == stays then return { 'own', stays } end
local old, new = p .. 'pattern:' .. (gone or ''), p .. 'pattern:' .. stays

-- The patterns that counted what it brought: from the one that it was merged into, to the one that stands for all.
local above = {}
local step = gone and redis.call('HGET', old, 'merged_into')
while step do
  above[#above + 1] = step
  step = redis.call('HGET', p .. 'pattern:' .. step, 'merged_into')
end

local function came_with(fingerprint)
  local id = redis.call('HGET', p .. 'origins', fingerprint)
  for _ = 1, 16 do
    if not id or id == gone then return id == gone end
    id = redis.call('HGET', p .. 'pattern:' .. id, 'merged_into')
  end
  return false
end

local leaving = {}
for _, fingerprint in ipairs(names(p, stays, 'aliases')) do
  if fingerprint == target or (gone and came_with(fingerprint)) then leaving[#leaving + 1] = fingerprint end
end
for _, fingerprint in ipairs(leaving) do drop_member(p, stays, 'aliases', fingerprint) end
for _, fingerprint in ipairs(leaving) do
  for _, other in ipairs(fingerprints_of(p, stays)) do keep_apart(p, fingerprint, other, ruling) end
end

local function take_counts_back()
  local its = tally_of(p, gone)
  for _, id in ipairs(above) do
    local key, left = p .. 'pattern:' .. id, tally_of(p, id)
    for _, name in ipairs({ 'occurrence_count', 'episodes', 'match_votes' }) do left[name] = math.max(0, left[name] - its[name]) end
    for _, field in ipairs({ 'flaky_count', '~voted' }) do
      local more = tonumber(redis.call('HGET', key, field) or '0') - tonumber(redis.call('HGET', old, field) or '0')
      redis.call('HSET', key, field, math.max(0, field == '~voted' and math.min(more, left.match_votes) or more))
    end
    redis.call('SREM', p .. 'merged:' .. id, gone)
    redis.call('SDIFFSTORE', p .. 'merged:' .. id, p .. 'merged:' .. id, p .. 'merged:' .. gone)
    for _, repo in ipairs(redis.call('SMEMBERS', p .. 'merged_repos:' .. gone)) do
      if drop_member(p, id, 'repos', repo) then left.repositories = left.repositories - 1 end
    end
    keep_tally(p, id, left)
  end
  if above[1] == stays and redis.call('HGET', new, 'first_ms') == redis.call('HGET', old, 'first_ms') then
    redis.call('HSET', new, 'first_ms', redis.call('HGET', old, 'first_there'))
  end
end

local function fixes_with_trials(id)
  local tried = {}
  for _, trial in pairs(trials_of(p, id)) do tried[trial.fix] = true end
  return tried
end

-- A fix that came with it, and that nothing else speaks for, leaves with it; so do a pin and a veto that nobody has changed since.
local function take_fixes_back()
  for _, trial_id in ipairs(redis.call('SMEMBERS', p .. 'merged_trials:' .. gone)) do
    local trial = trial_of(p, stays, trial_id)
    if trial then
      put_trial(p, stays, trial_id, nil)
      put_trial(p, gone, trial_id, trial, true)
    end
    for _, id in ipairs(above) do redis.call('SREM', p .. 'merged_trials:' .. id, trial_id) end
  end
  local tried = fixes_with_trials(stays)
  for _, field in ipairs(redis.call('SMEMBERS', p .. 'merged_fields:' .. gone)) do
    local kind, fix_id = string.match(field, '^(%a+)|(.*)$')
    for _, id in ipairs(above) do
      local there = p .. 'pattern:' .. id
      redis.call('SREM', p .. 'merged_fields:' .. id, field)
      if redis.call('HGET', old, field) == redis.call('HGET', there, field) and not (kind == 'fix' and tried[fix_id]) then
        if kind == 'fix' then drop_fix(p, id, fix_id) else redis.call('HDEL', there, field) end
      end
    end
  end
  for repo, trial_id in pairs(members(p, gone, 'reported')) do
    if member(p, stays, 'reported', repo) == trial_id then drop_member(p, stays, 'reported', repo) end
  end
  if above[1] == stays and redis.call('HGET', old, 'status') == 'resolved' and redis.call('HGET', new, 'status') == 'resolved'
    and redis.call('HGET', new, 'resolved_ms') == redis.call('HGET', old, 'resolved_ms') then
    redis.call('HDEL', new, 'fix_repo', 'resolved_ms', 'fix_commits', 'resolved_fix', 'resolved_kind', 'recurred')
    redis.call('HSET', new, 'status', redis.call('HGET', old, 'status_there'))
  end
end

local function come_back()
  local own = redis.call('HGET', old, 'fingerprint')
  for _, fingerprint in ipairs(leaving) do
    redis.call('HSET', p .. 'fingerprints', fingerprint, gone)
    if fingerprint ~= own then put_member(p, gone, 'aliases', fingerprint, true) end
  end
  redis.call('HDEL', p .. 'origins', own)
  redis.call('HDEL', old, 'merged_into', 'merged_by', 'merged_why', 'merged_ms', 'status_there', 'first_there', 'takes', 'attempts')
  -- Its memories were withdrawn, and Aegis can't bring one back: it gets new ones.
  for _, name in ipairs({ 'merged_trials:', 'merged_fields:', 'merged_repos:', 'links:' }) do redis.call('DEL', p .. name .. gone) end
  redis.call('ZADD', p .. 'last_seen', tally_of(p, gone).last_ms, gone)
  redis.call('ZADD', p .. 'due:quarantine', now, gone)
  if redis.call('HGET', old, 'status') == 'quarantined' then redis.call('SADD', p .. 'quarantined', gone) end
  if redis.call('HGET', old, 'analysed') ~= 'final' then
    redis.call('PERSIST', p .. 'sample:' .. gone)
    redis.call('ZADD', p .. 'due:analysis', now, gone)
  end
  owe_memory(p, gone, now)
end

local back = ''
if gone and (redis.call('HGET', old, 'analysed') or redis.call('EXISTS', p .. 'sample:' .. gone) == 1) then
  take_counts_back()
  take_fixes_back()
  come_back()
  back = gone
else
  for _, fingerprint in ipairs(leaving) do
    redis.call('HDEL', p .. 'fingerprints', fingerprint)
    redis.call('HDEL', p .. 'origins', fingerprint)
  end
end
redis.call('ZADD', p .. 'due:quarantine', now, stays)
owe_memory(p, stays, now)
redis.call('XADD', p .. 'journal', '*', 'kind', 'decision', 'decision', 'split', 'pattern_id', stays, 'back', back, 'fingerprints',
  table.concat(leaving, ' '), 'by', ARGV[3], 'why', ARGV[4], 'ms', now)
local reply = { 'split', stays, back }
for _, fingerprint in ipairs(leaving) do reply[#reply + 1] = fingerprint end
return reply
