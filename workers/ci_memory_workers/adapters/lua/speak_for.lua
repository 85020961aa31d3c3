--@include _versioned
--@include _ledger
-- Says which pattern's analysis stands for an incident (failures of one run for one reason). The first one that asks is it.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  incident   ARGV[2]  pattern_id that asks   ARGV[3]  how long an incident is known, s
-- Reply    pattern_id: the one that asked where it speaks for the incident, where the one that did is gone, and where it waited in vain

local p, id = KEYS[1], ARGV[2]
local key = p .. 'incident:' .. ARGV[1]
local speaker = redis.call('HGET', key, 'speaker')
local stands = speaker and surviving(p, speaker)
if not stands or redis.call('EXISTS', p .. 'pattern:' .. stands) == 0 then
  redis.call('HSET', key, 'speaker', id)
  stands = id
elseif stands ~= id and redis.call('HSETNX', key, 'waits|' .. id, '1') == 0 then
  stands = id
end
redis.call('EXPIRE', key, ARGV[3])
return stands
