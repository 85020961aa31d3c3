--@include _small
-- What a small collection of a pattern holds.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  pattern_id   ARGV[2]  which, see _small
-- Reply    names, in no order

return names(KEYS[1], ARGV[1], ARGV[2])
