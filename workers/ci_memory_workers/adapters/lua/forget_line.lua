--@include _versioned
--@include _ledger
-- Forgets a job on a branch that has not run for long: its patterns no longer look there for clean runs, and it breaks none of them.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  line   ARGV[2]  now, ms   ARGV[3]  for how long its runs are kept yet at most, ms
-- ARGV[4…] patterns in its runs
-- Reply    1, or 0 where it has run again (nothing is changed)

local p, line = KEYS[1], ARGV[1]
if redis.call('PTTL', p .. 'line:' .. line) > tonumber(ARGV[3]) then return 0 end
for i = 4, #ARGV do
  local id = surviving(p, ARGV[i])
  drop_member(p, id, 'lines_of', line)
  if redis.call('SREM', p .. 'broken:' .. id, line) == 1 then
    redis.call('HSET', p .. 'pattern:' .. id, 'broken', redis.call('SCARD', p .. 'broken:' .. id))
    redis.call('ZADD', p .. 'due:quarantine', ARGV[2], id)
  end
end
redis.call('DEL', p .. 'line:' .. line, p .. 'learned:' .. line)
redis.call('HDEL', p .. 'line_revisions', line)
redis.call('SREM', p .. 'failing_lines', line)
redis.call('ZREM', p .. 'due:transitions', line)
redis.call('HDEL', p .. 'leases:transitions', line)
return 1
