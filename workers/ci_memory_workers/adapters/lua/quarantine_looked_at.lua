-- Patterns whose flakiness was judged are due again when it changes, and those in quarantine when that ends.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  now, ms   ARGV[2…] pattern ids
-- Reply    how many

local due = KEYS[1] .. 'due:quarantine'
for i = 2, #ARGV do
  local score = redis.call('ZSCORE', due, ARGV[i])
  if score and tonumber(score) <= tonumber(ARGV[1]) then
    local state = redis.call('HMGET', KEYS[1] .. 'pattern:' .. ARGV[i], 'status', 'quarantine_until_ms')
    if state[1] == 'quarantined' and state[2] and tonumber(state[2]) > tonumber(ARGV[1]) then
      redis.call('ZADD', due, state[2], ARGV[i])
      -- One that was deprecated and came back in quarantine is in the set again.
      redis.call('SADD', KEYS[1] .. 'quarantined', ARGV[i])
    else
      redis.call('ZREM', due, ARGV[i])
    end
  end
end
return #ARGV - 1
