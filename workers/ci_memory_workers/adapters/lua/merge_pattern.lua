--@include _ledger
-- Makes a pattern one with another: its fingerprints become aliases; its counts, fixes, votes and waiters move over. Journalled.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id that goes   ARGV[2]  token of its analysis lease   ARGV[3]  pattern_id that stays   ARGV[4]  now, ms   ARGV[5]  reason
-- Reply    1; 0 when the lease was lost; -1 when the one that stays is unknown or has itself been merged into the first

local p, from, now = KEYS[1], ARGV[1], tonumber(ARGV[4])
if redis.call('HGET', p .. 'leases:analysis', from) ~= ARGV[2] then return 0 end
local into = surviving(p, ARGV[3])
local old, new = p .. 'pattern:' .. from, p .. 'pattern:' .. into
if from == into or redis.call('EXISTS', new) == 0 then return -1 end

-- What it is recognised by.
local fingerprints = redis.call('SMEMBERS', p .. 'aliases:' .. from)
fingerprints[#fingerprints + 1] = redis.call('HGET', old, 'fingerprint')
for _, fingerprint in ipairs(fingerprints) do
  redis.call('HSET', p .. 'fingerprints', fingerprint, into)
  redis.call('SADD', p .. 'aliases:' .. into, fingerprint)
end

-- How often, where and when it was seen.
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
revive(new)
redis.call('ZREM', p .. 'last_seen', from)

-- How it was fixed.
local fixes = redis.call('HGETALL', p .. 'fixes:' .. from)
for i = 1, #fixes, 2 do
  if string.sub(fixes[i], 1, 4) == 'fix|' then redis.call('HSETNX', p .. 'fixes:' .. into, fixes[i], fixes[i + 1]) end
end
for trial_id, encoded in pairs(trials_of(p, from)) do
  put_trial(p, from, trial_id, nil)
  put_trial(p, into, trial_id, cjson.decode(encoded), true)
end
local reported = redis.call('HGETALL', p .. 'reported:' .. from)
for i = 1, #reported, 2 do redis.call('HSETNX', p .. 'reported:' .. into, reported[i], reported[i + 1]) end
if redis.call('HGET', old, 'status') == 'resolved' and redis.call('HGET', new, 'status') ~= 'resolved' then
  for _, field in ipairs({ 'status', 'fix_repo', 'resolved_ms', 'fix_commits', 'resolved_fix', 'recurred' }) do
    redis.call('HSET', new, field, redis.call('HGET', old, field) or '')
  end
end
for _, vote in ipairs(redis.call('LRANGE', p .. 'votes:' .. from, 0, -1)) do redis.call('RPUSH', p .. 'votes:' .. into, vote) end

-- Who waits for it. Telling them is owed by the one that stays: whoever takes that finds an analysis, and needs no analyst.
local waiting = redis.call('HKEYS', p .. 'awaiting:' .. from)
for _, event_id in ipairs(waiting) do redis.call('HSET', p .. 'awaiting:' .. into, event_id, 'k') end
if #waiting > 0 then redis.call('ZADD', p .. 'due:analysis', 'NX', now, into) end

local gone = { 'awaiting:', 'sample:', 'repos:', 'recent:', 'votes:', 'fixes:', 'trials:', 'reported:', 'aliases:' }
for _, name in ipairs(gone) do redis.call('DEL', p .. name .. from) end
redis.call('HSET', old, 'merged_into', into)
redis.call('ZREM', p .. 'due:analysis', from)
redis.call('ZREM', p .. 'due:quarantine', from)
redis.call('HDEL', p .. 'leases:analysis', from)
redis.call('XADD', p .. 'journal', '*', 'kind', 'alias', 'from', from, 'into', into, 'reason', ARGV[5])
-- A reflection of the one that goes leaves the playbook; the other's is brought up to date.
owe_memory(p, from, now)
owe_memory(p, into, now)
return 1
