--@include _breaker
-- Says how a call went, which may open or close the breaker.
--
-- KEYS[1]  state, see _breaker.lua
-- ARGV[1]  ticket   ARGV[2]  'answered' | 'failed'   ARGV[3]  now, ms   ARGV[4]  failures in a row that open it
-- ARGV[5]  first pause, ms   ARGV[6]  longest pause, ms
-- Reply    'closed' or 'open'

local now, most, first, longest = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
return breaker_went(KEYS[1], ARGV[1], ARGV[2], now, most, first, longest, 0)
