--@include _versioned
--@include _ledger
--@include _pieces
-- Changes a pattern's status if it still is what the decision was made on. Journalled.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  status expected   ARGV[3]  new status   ARGV[4]  reason   ARGV[5]  now, ms
-- ARGV[6]  last_ms expected ('' to ignore): a pattern that was seen meanwhile is left alone
-- ARGV[7]  end of the quarantine, ms (for the new status 'quarantined')
-- Reply    1, or 0 when it has changed meanwhile (nothing is changed)

local p, id, now = KEYS[1], ARGV[1], tonumber(ARGV[5])
local key = p .. 'pattern:' .. id
local state, tally = redis.call('HMGET', key, 'status', 'flaky_count'), tally_of(p, id)
if state[1] ~= ARGV[2] or (ARGV[6] ~= '' and tally.last_ms ~= tonumber(ARGV[6])) then return 0 end
redis.call('HSET', key, 'status', ARGV[3], 'status_reason', ARGV[4], 'status_ms', now)
if ARGV[2] ~= ARGV[3] then redis.call('HSET', key, 'status_before', ARGV[2]) end
local enters, leaves = ARGV[3] == 'quarantined', ARGV[2] == 'quarantined' and ARGV[3] ~= 'deprecated'
if enters or leaves then redis.call('HSET', key, 'quarantine_episodes', tally.episodes, 'quarantine_flaky', state[2] or '0') end
if enters then
  redis.call('HSET', key, 'quarantine_ms', now, 'quarantine_until_ms', ARGV[7])
  redis.call('HINCRBY', key, 'quarantine_entries', 1)
  redis.call('SADD', p .. 'quarantined', id)
  -- Its jobs are looked at again with each run: their clean runs end the quarantine.
  in_pieces(names(p, id, 'lines_of'), function(...) redis.call('SADD', p .. 'failing_lines', ...) end)
  redis.call('ZADD', p .. 'due:quarantine', ARGV[7], id)
else
  redis.call('SREM', p .. 'quarantined', id)
end
redis.call('XADD', p .. 'journal', '*', 'kind', 'status', 'pattern_id', id, 'from', ARGV[2], 'to', ARGV[3], 'reason', ARGV[4])
owe_memory(p, id, now)
return 1
