--@include _versioned
--@include _ledger
-- Writes an analysis onto its pattern, and owes Aegis a reflection.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  token of the lease   ARGV[3]  analysis (JSON)   ARGV[4]  'final' | 'provisional'
-- ARGV[5]  now, ms      ARGV[6]  when a provisional one is tried again, ms ('' for final)   ARGV[7]  attempts so far
-- Reply    1, or 0 when the lease was lost to another (nothing is changed)

local p, id = KEYS[1], ARGV[1]
if redis.call('HGET', p .. 'leases:analysis', id) ~= ARGV[2] then return 0 end
local key = p .. 'pattern:' .. id
if not redis.call('HGET', key, 'analysed') then
  redis.call('HINCRBY', p .. 'totals', 'diagnosed', 1)
  redis.call('HINCRBY', p .. 'totals', 'diagnose_ms', math.max(0, tonumber(ARGV[5]) - tonumber(redis.call('HGET', key, 'first_ms') or ARGV[5])))
end
-- Put off before the analyst was asked: neither a try nor a take.
if ARGV[4] == 'provisional' and ARGV[7] == (redis.call('HGET', key, 'attempts') or '0') then redis.call('HINCRBY', key, 'takes', -1) end
redis.call('HSET', key, 'analysis', ARGV[3], 'analysed', ARGV[4], 'attempts', ARGV[7])
owe_memory(p, id, tonumber(ARGV[5]))
if ARGV[4] == 'provisional' then
  redis.call('HDEL', p .. 'leases:analysis', id)
  redis.call('ZADD', p .. 'due:analysis', ARGV[6], id)
end
return 1
