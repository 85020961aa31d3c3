--@include _breaker
-- Says how a call to the language model went: books what it used, and opens or closes the breaker.
--
-- KEYS[1]  state, see llm_enter.lua
-- ARGV[1]  ticket   ARGV[2]  'answered' | 'failed'   ARGV[3]  day of the call   ARGV[4]  tokens booked   ARGV[5]  used ('' unknown)
-- ARGV[6]  now, ms   ARGV[7]  failures in a row that open the breaker   ARGV[8]  first pause, ms   ARGV[9]  longest pause, ms
-- ARGV[10] how long the model asks to be left alone, ms ('' when it does not say)
-- Reply    'closed' or 'open'

local state, ticket, now = KEYS[1], ARGV[1], tonumber(ARGV[6])
local function read(field) return tonumber(redis.call('HGET', state, field) or 0) end

if ARGV[5] ~= '' and read('day') == tonumber(ARGV[3]) then
  redis.call('HSET', state, 'tokens', math.max(0, read('tokens') - tonumber(ARGV[4]) + tonumber(ARGV[5])))
end

local most, first, longest, wish = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]) or 0
return breaker_went(state, ticket, ARGV[2], now, most, first, longest, wish)
