-- Changes the record of an access token, unless somebody else has changed it meanwhile.
--
-- KEYS[1]  the records, a hash   ARGV[1]  the token's id   ARGV[2]  the record as it was   ARGV[3]  as it shall be
-- Reply    1 when it was changed, 0 when the record is another one by now

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
