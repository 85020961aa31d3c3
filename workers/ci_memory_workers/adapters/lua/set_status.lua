--@include _ledger
-- Changes a pattern's status if it still is what the decision was made on. Journalled.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  status expected   ARGV[3]  new status   ARGV[4]  reason   ARGV[5]  now, ms
-- ARGV[6]  last_ms expected ('' to ignore): a pattern that was seen meanwhile is left alone
-- Reply    1, or 0 when it has changed meanwhile (nothing is changed)

local p, id = KEYS[1], ARGV[1]
local key = p .. 'pattern:' .. id
local state = redis.call('HMGET', key, 'status', 'last_ms')
if state[1] ~= ARGV[2] or (ARGV[6] ~= '' and state[2] ~= ARGV[6]) then return 0 end
redis.call('HSET', key, 'status', ARGV[3], 'status_before', ARGV[2], 'status_reason', ARGV[4], 'status_ms', ARGV[5])
redis.call('XADD', p .. 'journal', '*', 'kind', 'status', 'pattern_id', id, 'from', ARGV[2], 'to', ARGV[3], 'reason', ARGV[4])
owe_memory(p, id, tonumber(ARGV[5]))
return 1
