--@include _ledger
-- Says that nothing is open in a line's runs: its passes need not be looked at, until it fails again.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  line   ARGV[2]  the revision that was looked at   ARGV[3…] patterns in its runs
-- Reply    1, or 0 when the line has changed since, or one of the patterns is in quarantine: its clean runs are counted (nothing is changed)

local p, line = KEYS[1], ARGV[1]
if (redis.call('HGET', p .. 'line_revisions', line) or '0') ~= ARGV[2] then return 0 end
for i = 3, #ARGV do
  if redis.call('SISMEMBER', p .. 'quarantined', surviving(p, ARGV[i])) == 1 then return 0 end
end
redis.call('SREM', p .. 'failing_lines', line)
return 1
