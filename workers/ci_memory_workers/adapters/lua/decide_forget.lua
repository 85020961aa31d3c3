--@include _versioned
--@include _ledger
--@include _apart
-- Forgets a pattern, as a person says: when it fails again it is new. What is kept: who forgot it and why, which events were counted, and
-- what its fingerprints are kept apart from. Journalled; Aegis is owed the withdrawal of its memories.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  now, ms   ARGV[3]  who   ARGV[4]  why
-- Reply    { 'forgotten', pattern_id } | { 'unknown_pattern', pattern_id } | { 'merged_before', pattern_id that stands for it }

-- Where it stands in `TRAITS`.
local TRAIT_HEADLINE = 6
local p, id, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
local key = p .. 'pattern:' .. id
if redis.call('EXISTS', key) == 0 then return { 'unknown_pattern', id } end
if redis.call('HEXISTS', key, 'merged_into') == 1 then return { 'merged_before', surviving(p, id) } end

local fingerprints = fingerprints_of(p, id)
for _, fingerprint in ipairs(fingerprints) do
  redis.call('HDEL', p .. 'fingerprints', fingerprint)
  redis.call('HDEL', p .. 'origins', fingerprint)
end
for trial_id in pairs(trials_of(p, id)) do put_trial(p, id, trial_id, nil) end
-- Events that nobody has answered count anew when they are sent again.
for _, event_id in ipairs(redis.call('HKEYS', p .. 'awaiting:' .. id)) do redis.call('DEL', p .. 'seen:' .. event_id) end
local traits = redis.call('HGET', key, 'traits')
local headline = traits and cjson.decode(traits)[TRAIT_HEADLINE] or ''
local kept = { 'pattern:', 'sample:', 'repos:', 'votes:', 'trials:', 'fix_repos:', 'lines_of:', 'reported:', 'aliases:', 'awaiting:', 'reruns:', 'flaky_in:', 'late:',
  'links:', 'repeats:',
  'merged:', 'burst:', 'outbreak_in:', 'broken:' }
for _, name in ipairs(kept) do redis.call('DEL', p .. name .. id) end
redis.call('ZREM', p .. 'last_seen', id)
redis.call('SREM', p .. 'quarantined', id)
for _, lane in ipairs({ 'analysis', 'quarantine' }) do redis.call('ZREM', p .. 'due:' .. lane, id) end
redis.call('HDEL', p .. 'leases:analysis', id)
redis.call('HSET', p .. 'forgotten', id, cjson.encode({ by = ARGV[3], why = ARGV[4], ms = now }))
redis.call('XADD', p .. 'journal', '*', 'kind', 'decision', 'decision', 'forget', 'pattern_id', id, 'fingerprints', table.concat(fingerprints, ' '),
  'headline', headline, 'by', ARGV[3], 'why', ARGV[4], 'ms', now)
-- A writer that holds the memory sees that the pattern has changed (its revision is gone), and is followed by one that withdraws.
redis.call('ZADD', p .. 'due:memory', 'LT', now, id)
return { 'forgotten', id }
