--@include _ledger
--@include _apart
--@include _recent
-- Reads all that is known of a pattern, as it is at one moment.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  pattern_id
-- Reply    { fields, fixes, trials, reported, aliases, repos, recent, merged, fix_repos, origins, apart, score, journal }, or {} when it is
--          unknown
--          fields, and fixes (see _ledger, _rulings), as HGETALL; trials as { id, JSON } and reported as { repo, JSON } in turn; recent as
--          JSON; merged as { pattern_id, by, why, ms } each; fix_repos as { fix_id, { repo… } } in turn, origins as
--          { fingerprint, pattern_id } in turn, apart as { fingerprint, HGETALL } in turn; score of last_seen ('' without);
--          journal is the id of the newest entry ('0-0' for none)

local p, id = KEYS[1], ARGV[1]
local all = redis.call('HGETALL', p .. 'pattern:' .. id)
if #all == 0 then return {} end
local fields, fixes, fix_repos, recent = {}, {}, {}, {}
for i = 1, #all, 2 do
  local name, value = all[i], all[i + 1]
  local kind, fix_id = string.match(name, '^(%a+)|(.*)$')
  if kind == 'fix' then
    fix_repos[#fix_repos + 1] = fix_id
    fix_repos[#fix_repos + 1] = repos_of_fix(p, id, fix_id)
  elseif name == '~recent' then
    for at, place in ipairs(open_recent(value)) do recent[at] = cjson.encode({ place = place[1], commit = place[2], ms = place[3] }) end
  end
  if string.byte(name) ~= PACKED then
    local group = kind and fixes or fields
    group[#group + 1] = name
    group[#group + 1] = value
  end
end
local trials, reported = {}, {}
for trial_id, trial in pairs(trials_of(p, id)) do
  trial.words = nil
  trials[#trials + 1] = trial_id
  trials[#trials + 1] = cjson.encode(trial)
end
for _, repo in ipairs(names(p, id, 'reported')) do
  reported[#reported + 1] = repo
  reported[#reported + 1] = cjson.encode(report_of(p, id, repo))
end
local origins, apart = {}, {}
for _, fingerprint in ipairs(fingerprints_of(p, id)) do
  local origin, far = redis.call('HGET', p .. 'origins', fingerprint), redis.call('HGETALL', p .. 'apart:' .. fingerprint)
  if origin then
    origins[#origins + 1] = fingerprint
    origins[#origins + 1] = origin
  end
  if #far > 0 then
    apart[#apart + 1] = fingerprint
    apart[#apart + 1] = far
  end
end
local merged = {}
for i, gone in ipairs(redis.call('SMEMBERS', p .. 'merged:' .. id)) do
  local ruling = redis.call('HMGET', p .. 'pattern:' .. gone, 'merged_by', 'merged_why', 'merged_ms')
  merged[i] = { gone, ruling[1] or '', ruling[2] or '', ruling[3] or '0' }
end
local newest = redis.call('XREVRANGE', p .. 'journal', '+', '-', 'COUNT', 1)
return {
  fields,
  fixes,
  trials,
  reported,
  names(p, id, 'aliases'),
  names(p, id, 'repos'),
  recent,
  merged,
  fix_repos,
  origins,
  apart,
  redis.call('ZSCORE', p .. 'last_seen', id) or '',
  newest[1] and newest[1][1] or '0-0',
}
