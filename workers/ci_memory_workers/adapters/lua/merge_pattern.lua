-- Makes a pattern one with another: its fingerprint becomes an alias, its counts and waiters move over. Journalled.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id that goes   ARGV[2]  token of its analysis lease   ARGV[3]  pattern_id that stays   ARGV[4]  now, ms   ARGV[5]  reason
-- Reply    1; 0 when the lease was lost; -1 when the one that stays is unknown or has itself been merged into the first

local p, from, into = KEYS[1], ARGV[1], ARGV[3]
if redis.call('HGET', p .. 'leases:analysis', from) ~= ARGV[2] then return 0 end
for _ = 1, 16 do
  local next_id = redis.call('HGET', p .. 'pattern:' .. into, 'merged_into')
  if not next_id then break end
  into = next_id
end
local old, new = p .. 'pattern:' .. from, p .. 'pattern:' .. into
if from == into or redis.call('EXISTS', new) == 0 then return -1 end

redis.call('HSET', p .. 'fingerprints', redis.call('HGET', old, 'fingerprint'), into)
redis.call('SADD', p .. 'aliases:' .. into, redis.call('HGET', old, 'fingerprint'))
for _, field in ipairs({ 'occurrence_count', 'episodes', 'flaky_count', 'match_votes' }) do
  redis.call('HINCRBY', new, field, redis.call('HGET', old, field) or '0')
end
for _, repo in ipairs(redis.call('SMEMBERS', p .. 'repos:' .. from)) do
  if redis.call('SADD', p .. 'repos:' .. into, repo) == 1 then redis.call('HINCRBY', new, 'repositories', 1) end
end
local first, last = redis.call('HGET', old, 'first_ms'), redis.call('HGET', old, 'last_ms')
if tonumber(first) < tonumber(redis.call('HGET', new, 'first_ms') or first) then redis.call('HSET', new, 'first_ms', first) end
if tonumber(last) > tonumber(redis.call('HGET', new, 'last_ms') or '0') then redis.call('HSET', new, 'last_ms', last) end
redis.call('ZADD', p .. 'last_seen', 'GT', last, into)
redis.call('ZREM', p .. 'last_seen', from)

local waiting = redis.call('HKEYS', p .. 'awaiting:' .. from)
for _, event_id in ipairs(waiting) do redis.call('HSET', p .. 'awaiting:' .. into, event_id, 'k') end
-- Owed by the one that stays: telling them. Whoever takes it finds an analysis, and needs no analyst.
if #waiting > 0 then redis.call('ZADD', p .. 'due:analysis', 'NX', ARGV[4], into) end
redis.call('DEL', p .. 'awaiting:' .. from, p .. 'sample:' .. from, p .. 'repos:' .. from, p .. 'recent:' .. from, p .. 'votes:' .. from)
redis.call('HSET', old, 'merged_into', into)
redis.call('ZREM', p .. 'due:analysis', from)
redis.call('ZREM', p .. 'due:memory', from)
redis.call('HDEL', p .. 'leases:analysis', from)
redis.call('HINCRBY', new, 'revision', 1)
redis.call('ZADD', p .. 'due:memory', 'NX', ARGV[4], into)
redis.call('XADD', p .. 'journal', '*', 'kind', 'alias', 'from', from, 'into', into, 'reason', ARGV[5])
return 1
