--@include _breaker
-- Asks to make one call to what a breaker guards.
--
-- KEYS[1]  state, see _breaker.lua; tickets: how many calls were let through
-- ARGV[1]  now, ms   ARGV[2]  how long a call may take, ms
-- Reply    the ticket, 0 when the call may not be made

local state, now = KEYS[1], tonumber(ARGV[1])
local closed_until, trying = breaker_stands(state, now)
if closed_until then return 0 end
local ticket = redis.call('HINCRBY', state, 'tickets', 1)
if trying then breaker_tries(state, ticket, now + tonumber(ARGV[2])) end
return ticket
