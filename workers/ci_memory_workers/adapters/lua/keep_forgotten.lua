--@include _versioned
-- Keeps a pattern that is unknown here from being restored: a person let it be forgotten.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  pattern_id   ARGV[2]  ruling (JSON)
-- Reply    1, or 0 when that was so, or when the pattern is known

if redis.call('EXISTS', KEYS[1] .. 'pattern:' .. ARGV[1]) == 1 then return 0 end
return redis.call('HSETNX', KEYS[1] .. 'forgotten', ARGV[1], ARGV[2])
