--@include _versioned
--@include _tenants
--@include _merge
-- Puts a pattern back with all that is known of it, unless what is here is as new or newer. Counters never fall.
--
-- KEYS[1]  the tenant's prefix   KEYS[2]  the set of tenants
-- ARGV[1]  pattern_id   ARGV[2]  revision of the state   ARGV[3]  now, ms   ARGV[4]  the tenant
-- ARGV[5]  '1' when Aegis is owed the pattern   ARGV[6]  '1' when aging need not look at it
-- ARGV[7]  sample (JSON; '' for none)   ARGV[8]  how long a sample is kept once its analysis is final, s
-- ARGV[9]  id of the newest journal entry in the state ('' when the journal will not be applied to it)
-- ARGV[10…] sections, one after the other: name, number of items, items. Of pairs: fields, fixes (as the hash holds them),
--          trials (id, JSON), reported (repo, trial's id), fix_repos (fix_id, repo), origins (fingerprint, pattern_id).
--          Of values: aliases, repos, recent (JSON). Of triples: apart (fingerprint, other, JSON). Of four: merged (pattern_id, by, why, ms)
-- Reply    'restored' (it was unknown) | 'updated' (what was here is older) | 'unchanged' | 'merged' (another stands for it here)
--          | 'forgotten' (a person said so)

local p, id, revision, now = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local key = p .. 'pattern:' .. id
local tally, merged_into = tally_of(p, id), redis.call('HGET', key, 'merged_into')
local known = redis.call('EXISTS', key) == 1
if merged_into then return 'merged' end
if redis.call('HEXISTS', p .. 'forgotten', id) == 1 then return 'forgotten' end
if known and tally.revision >= revision then return 'unchanged' end

local sections, at = {}, 10
while at <= #ARGV do
  local items = {}
  for i = 1, tonumber(ARGV[at + 1]) do items[i] = ARGV[at + 1 + i] end
  sections[ARGV[at]] = items
  at = at + 2 + #items
end

local NEVER_FALLS = { occurrence_count = true, repositories = true, match_votes = true, episodes = true, last_ms = true }
local COUNTED = {}
for _, name in ipairs(TALLY) do COUNTED[name] = true end

local function put_count(name, value)
  -- Votes for these matches were cast where the state comes from.
  if name == 'match_votes' then redis.call('HINCRBY', key, '~voted', math.max(0, value - tally.match_votes)) end
  tally[name] = NEVER_FALLS[name] and math.max(tally[name], value) or value
end

local function put_fields()
  local fields = sections.fields
  for i = 1, #fields, 2 do
    local name, value = fields[i], fields[i + 1]
    if COUNTED[name] then
      put_count(name, tonumber(value) or 0)
    elseif known and name == 'flaky_count' then
      redis.call('HSET', key, name, math.max(tonumber(value), tonumber(redis.call('HGET', key, name) or '0')))
    elseif known and name == 'first_ms' then
      local first = redis.call('HGET', key, 'first_ms')
      if not first or tonumber(value) < tonumber(first) then redis.call('HSET', key, 'first_ms', value) end
    else
      redis.call('HSET', key, name, value)
    end
  end
  if ARGV[9] ~= '' then redis.call('HSET', key, 'journal_id', ARGV[9]) end
end

local function put_places()
  for _, repo in ipairs(sections.repos) do put_member(p, id, 'repos', repo, true) end
  tally.repositories = math.max(tally.repositories, count_members(p, id, 'repos'))
  keep_tally(p, id, tally)
  if #sections.recent > 0 and redis.call('HEXISTS', key, '~recent') == 0 then
    local packed
    for i = #sections.recent, 1, -1 do
      local place = cjson.decode(sections.recent[i])
      packed = seen_at(packed, place.place, place.commit, place.ms)
    end
    redis.call('HSET', key, '~recent', only_recent(packed))
  end
  if ARGV[6] == '1' and not known then
    redis.call('ZADD', p .. 'last_seen', -tally.last_ms, id)
  else
    redis.call('ZADD', p .. 'last_seen', 'GT', tally.last_ms, id)
  end
end

-- Where something is known already, trials go through the ledger, which keeps the counts; else all is put as it was.
local function put_fixes()
  local fixes, trials, reported = sections.fixes, sections.trials, sections.reported
  if known then
    for _, name in ipairs(redis.call('HKEYS', key)) do
      if string.match(name, '^pin|') or string.match(name, '^veto|') then redis.call('HDEL', key, name) end
    end
  end
  for i = 1, #fixes, 2 do
    if not known or string.sub(fixes[i], 1, 2) ~= 'n|' then redis.call('HSET', key, fixes[i], fixes[i + 1]) end
  end
  for i = 1, #trials, 2 do
    local trial = cjson.decode(trials[i + 1])
    if known then put_trial(p, id, trials[i], trial, true) else put_member(p, id, 'trials', trials[i], close_trial(trial)) end
  end
  for i = 1, #sections.fix_repos, 2 do
    put_member(p, id, 'fix_repos', sections.fix_repos[i] .. '|' .. sections.fix_repos[i + 1], true)
  end
  for i = 1, #reported, 2 do put_member(p, id, 'reported', reported[i], reported[i + 1]) end
  if not known then return end
  for i = 1, #fixes, 2 do
    local fix_id = string.match(fixes[i], '^n|(.*)$')
    if fix_id then
      local here, there = counts_of(redis.call('HGET', key, fixes[i])), counts_of(fixes[i + 1])
      for at = 1, LAST do
        if not (OUTCOMES[at] and OUTCOMES[at][2] == 'pending') then here[at] = math.max(here[at], there[at]) end
      end
      put_counts(p, id, fix_id, here)
    end
  end
end

local function count_totals()
  local seen = tally_of(p, id).occurrence_count
  redis.call('HINCRBY', p .. 'totals', 'failures', seen)
  redis.call('HINCRBY', p .. 'totals', 'repeats', math.max(0, seen - 1 - #sections.merged / 4))
  for i = 1, #sections.fixes, 2 do
    if string.sub(sections.fixes[i], 1, 2) == 'n|' then
      local counts = counts_of(sections.fixes[i + 1])
      for at, outcome in ipairs(OUTCOMES) do
        if outcome[2] ~= 'pending' then redis.call('HINCRBY', p .. 'totals', 'fixes_' .. outcome[2], counts[at]) end
      end
    end
  end
end

-- Whoever has one of its fingerprints here is the same failure, unless a person keeps them apart; whoever was merged into it before is
-- so again.
local function put_fingerprints()
  local rivals = {}
  for i = 1, #sections.apart, 3 do keep_apart(p, sections.apart[i], sections.apart[i + 1], sections.apart[i + 2]) end
  for i = 1, #sections.origins, 2 do redis.call('HSETNX', p .. 'origins', sections.origins[i], sections.origins[i + 1]) end
  for _, fingerprint in ipairs(sections.aliases) do put_member(p, id, 'aliases', fingerprint, true) end
  for _, fingerprint in ipairs(fingerprints_of(p, id)) do
    local owner = redis.call('HGET', p .. 'fingerprints', fingerprint)
    if owner and owner ~= id and kept_apart(p, id, surviving(p, owner)) then
      drop_member(p, id, 'aliases', fingerprint)
    else
      if owner and owner ~= id then rivals[#rivals + 1] = owner end
      redis.call('HSET', p .. 'fingerprints', fingerprint, id)
    end
  end
  for i = 1, #sections.merged, 4 do
    local gone = sections.merged[i]
    if gone ~= id and surviving(p, gone) == gone then
      if redis.call('HEXISTS', p .. 'pattern:' .. gone, 'status') == 1 then
        merge(p, gone, id, now, 'merged before', true)
      end
      redis.call('HSET', p .. 'pattern:' .. gone, 'merged_into', id, 'merged_by', sections.merged[i + 1], 'merged_why', sections.merged[i + 2],
        'merged_ms', sections.merged[i + 3])
      stand_for(p, id, gone)
    end
  end
  for _, rival in ipairs(rivals) do
    local stands = surviving(p, rival)
    if stands ~= id and redis.call('EXISTS', p .. 'pattern:' .. stands) == 1 then
      merge(p, stands, id, now, 'the same fingerprint', false)
    end
  end
end

-- What is owed: an analysis that is not final, the end of a quarantine, Aegis's memory of it.
local function owe()
  local state = redis.call('HMGET', key, 'analysed', 'status', 'quarantine_until_ms')
  if ARGV[7] ~= '' then
    redis.call('SET', p .. 'sample:' .. id, ARGV[7], 'NX')
    if state[1] == 'final' then
      redis.call('EXPIRE', p .. 'sample:' .. id, ARGV[8], 'NX')
    else
      redis.call('ZADD', p .. 'due:analysis', 'NX', now, id)
    end
  end
  if state[2] == 'quarantined' then
    redis.call('SADD', p .. 'quarantined', id)
    redis.call('ZADD', p .. 'due:quarantine', 'NX', tonumber(state[3] or '0') > 0 and state[3] or now, id)
  end
  if ARGV[5] == '1' then redis.call('ZADD', p .. 'due:memory', 'NX', now, id) end
end

know_tenant(p, KEYS[2], ARGV[4])
put_fields()
put_places()
put_fixes()
if not known then count_totals() end
put_fingerprints()
owe()
return known and 'updated' or 'restored'
