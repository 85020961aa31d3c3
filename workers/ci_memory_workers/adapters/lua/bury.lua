-- Moves an entry of the event log to the dead letters, and acknowledges it. Beyond so many, the oldest dead letter goes, and is counted.
--
-- KEYS[1]  the event log    KEYS[2]  the dead letters    KEYS[3]  how many dead letters were dropped
-- ARGV[1]  group   ARGV[2]  entry id   ARGV[3]  reason   ARGV[4]  detail   ARGV[5]  payload   ARGV[6]  deliveries   ARGV[7]  the most
-- Reply    the id of the dead letter, or '' when the entry was acknowledged before

if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return '' end
local id = redis.call('XADD', KEYS[2], '*', 'reason', ARGV[3], 'detail', ARGV[4], 'event', ARGV[5], 'entry_id', ARGV[2], 'deliveries', ARGV[6])
local dropped = redis.call('XTRIM', KEYS[2], 'MAXLEN', ARGV[7])
if dropped > 0 then redis.call('INCRBY', KEYS[3], dropped) end
return id
