--@include _tenants
-- Writes down that the log of a job is owed, unless this delivery or this job was seen before.
--
-- KEYS[1]  the tenant's prefix   KEYS[2]  the set of tenants   ARGV[1]  the tenant
-- ARGV[2]  digest of the delivery ('' where a worker was told by the API)
-- ARGV[3]  id of the work   ARGV[4]  the job or run, JSON ('' where there is nothing to do)
-- ARGV[5]  when it is due, ms   ARGV[6]  how long all of it is kept, s   ARGV[7]  most jobs that may be owed
-- Reply    'owed' | 'replayed' (nothing was done) | 'known' (the job is owed or done already) | 'full' (nothing was done)

local p = KEYS[1]
if ARGV[2] ~= '' and redis.call('EXISTS', p .. 'delivery:' .. ARGV[2]) == 1 then return 'replayed' end
if ARGV[4] ~= '' and redis.call('ZCARD', p .. 'due:logs') >= tonumber(ARGV[7]) then return 'full' end
if ARGV[2] ~= '' then redis.call('SET', p .. 'delivery:' .. ARGV[2], '1', 'EX', ARGV[6]) end
if ARGV[4] == '' then return 'known' end
if not redis.call('SET', p .. 'joblog:' .. ARGV[3], ARGV[4], 'NX', 'EX', ARGV[6]) then return 'known' end
know_tenant(p, KEYS[2], ARGV[1])
redis.call('ZADD', p .. 'due:logs', ARGV[5], ARGV[3])
return 'owed'
