--@include _versioned
--@include _ledger
-- Writes who looks after a pattern; '' for nobody. Journalled.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  owner   ARGV[3]  now, ms   ARGV[4]  who says so   ARGV[5]  why
-- Reply    { 'owned' | 'unknown_pattern', pattern_id that stands for it }; only the first changes anything

local p, owner, now = KEYS[1], ARGV[2], tonumber(ARGV[3])
local id = surviving(p, ARGV[1])
local key = p .. 'pattern:' .. id
if redis.call('EXISTS', key) == 0 then return { 'unknown_pattern', ARGV[1] } end
redis.call('HSET', key, 'owner', owner, 'owner_by', ARGV[4], 'owner_why', ARGV[5], 'owner_ms', now)
redis.call('XADD', p .. 'journal', '*', 'kind', 'decision', 'decision', 'own', 'pattern_id', id, 'owner', owner, 'by', ARGV[4], 'why', ARGV[5],
  'ms', now)
if redis.call('HGET', key, 'status') == 'quarantined' then redis.call('ZADD', p .. 'due:quarantine', 'LT', now, id) end
owe_memory(p, id, now)
return { 'owned', id }
