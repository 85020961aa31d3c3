--@include _versioned
--@include _merge
-- Makes a pattern one with another, as its analyst says: its fingerprints become aliases; its counts, fixes, votes and waiters move
-- over. Journalled.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id that goes   ARGV[2]  token of its analysis lease   ARGV[3]  pattern_id that stays   ARGV[4]  now, ms   ARGV[5]  reason
-- Reply    1; 0 when the lease was lost; -1 when the one that stays is unknown or has itself been merged into the first; -2 when a person
--          keeps them apart

local p, from, now = KEYS[1], ARGV[1], tonumber(ARGV[4])
if redis.call('HGET', p .. 'leases:analysis', from) ~= ARGV[2] then return 0 end
local into = surviving(p, ARGV[3])
if from == into or redis.call('EXISTS', p .. 'pattern:' .. into) == 0 then return -1 end
if kept_apart(p, from, into) then return -2 end
merge(p, from, into, now, ARGV[5], false)
return 1
