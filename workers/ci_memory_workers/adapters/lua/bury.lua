-- Moves an entry of the event log to the dead letters, and acknowledges it.
--
-- KEYS[1]  the event log    KEYS[2]  the dead letters
-- ARGV[1]  group   ARGV[2]  entry id   ARGV[3]  reason   ARGV[4]  detail   ARGV[5]  payload   ARGV[6]  deliveries
-- Reply    the id of the dead letter, or '' when the entry was acknowledged before

if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return '' end
return redis.call('XADD', KEYS[2], '*', 'reason', ARGV[3], 'detail', ARGV[4], 'event', ARGV[5], 'entry_id', ARGV[2], 'deliveries', ARGV[6])
