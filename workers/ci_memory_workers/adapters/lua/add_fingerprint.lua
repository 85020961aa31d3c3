--@include _versioned
--@include _ledger
-- Lets a pattern be known by one more fingerprint. Journalled.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  pattern_id   ARGV[2]  fingerprint   ARGV[3]  now, ms
-- Reply    'added' | 'known' (it has it) | 'taken' (another pattern has it; nothing is changed)

local p, id, fingerprint = KEYS[1], surviving(KEYS[1], ARGV[1]), ARGV[2]
local owner = redis.call('HGET', p .. 'fingerprints', fingerprint)
if owner then return surviving(p, owner) == id and 'known' or 'taken' end
redis.call('HSET', p .. 'fingerprints', fingerprint, id)
put_member(p, id, 'aliases', fingerprint, true)
redis.call('XADD', p .. 'journal', '*', 'kind', 'fingerprint', 'pattern_id', id, 'fingerprint', fingerprint)
owe_memory(p, id, tonumber(ARGV[3]))
return 'added'
