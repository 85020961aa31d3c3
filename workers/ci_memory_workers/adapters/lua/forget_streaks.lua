--@include _versioned
--@include _ledger
-- Lets go of what kept streaks of failures from being counted twice: their runs are no longer kept, so that nobody can learn of them again.
-- What was counted of them stays.
--
-- KEYS[1]  the tenant's prefix   ARGV[…] pattern_id and id of the transition, in turn
-- Reply    how many were let go of

local p, gone = KEYS[1], 0
for i = 1, #ARGV, 2 do
  local id = surviving(p, ARGV[i])
  local repeats = p .. 'repeats:' .. id
  gone = gone + redis.call('SREM', p .. 'reruns:' .. id, ARGV[i + 1])
  -- One member stands for all that are gone: it did fail again before it went away.
  if redis.call('SREM', repeats, ARGV[i + 1]) == 1 then
    redis.call('SADD', repeats, 'earlier')
    gone = gone + 1
  end
end
return gone
