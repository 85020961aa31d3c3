--@include _versioned
-- Patterns whose flakiness is judged are due again when it changes, and those in quarantine when that ends.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  now, ms   ARGV[2]  'begin' (they are looked at from now on) | 'done'   ARGV[3…] pattern ids
-- Reply    how many
--
-- From 'begin' on they are due a minute later: who dies over them is followed by another. What makes one due meanwhile changes that time,
-- and then 'done' leaves it due: it was judged by what was read before.

local LEASE_MS = 60000
local due, mark = KEYS[1] .. 'due:quarantine', tonumber(ARGV[1]) + LEASE_MS

local function done(id)
  local score = redis.call('ZSCORE', due, id)
  if not score or tonumber(score) ~= mark then return end
  local state = redis.call('HMGET', KEYS[1] .. 'pattern:' .. id, 'status', 'quarantine_until_ms')
  if state[1] == 'quarantined' and state[2] and tonumber(state[2]) > tonumber(ARGV[1]) then
    redis.call('ZADD', due, state[2], id)
    -- One that was deprecated and came back in quarantine is in the set again.
    redis.call('SADD', KEYS[1] .. 'quarantined', id)
  else
    redis.call('ZREM', due, id)
  end
end

for i = 3, #ARGV do
  if ARGV[2] == 'begin' then redis.call('ZADD', due, 'XX', mark, ARGV[i]) else done(ARGV[i]) end
end
return #ARGV - 2
