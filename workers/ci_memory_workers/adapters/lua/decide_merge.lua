--@include _versioned
--@include _merge
-- Makes a pattern one with another, as a person says: whoever analyses it loses the lease, and what was kept apart is together again.
-- Journalled.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id that goes   ARGV[2]  pattern_id that stays   ARGV[3]  now, ms   ARGV[4]  who   ARGV[5]  why
-- Reply    { 'merged', pattern_id that stays } | { 'unknown_pattern', pattern_id } | { 'merged_before', pattern_id that stands for the first }
--          | { 'same', pattern_id }; only the first changes anything

local p, from, now = KEYS[1], ARGV[1], tonumber(ARGV[3])
local into = surviving(p, ARGV[2])
if redis.call('EXISTS', p .. 'pattern:' .. from) == 0 then return { 'unknown_pattern', from } end
if redis.call('EXISTS', p .. 'pattern:' .. into) == 0 then return { 'unknown_pattern', ARGV[2] } end
if redis.call('HEXISTS', p .. 'pattern:' .. from, 'merged_into') == 1 then return { 'merged_before', surviving(p, from) } end
if from == into then return { 'same', into } end
let_together(p, from, into)
local moved = merge_patterns(p, from, into, now, ARGV[4], ARGV[5], false)
redis.call('XADD', p .. 'journal', '*', 'kind', 'decision', 'decision', 'merge', 'from', from, 'into', into, 'fingerprints', moved,
  'by', ARGV[4], 'why', ARGV[5], 'ms', now)
return { 'merged', into }
