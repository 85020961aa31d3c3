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

local open = read('open_until') > 0
local ours = redis.call('HGET', state, 'probe') == ticket
if ARGV[2] == 'answered' then
  -- What was asked before the breaker opened says nothing of now: it closes by the one that tries.
  if open and not ours then return 'open' end
  redis.call('HDEL', state, 'failures', 'open_until', 'pauses', 'probe', 'probe_until')
  return 'closed'
end
if open and not ours then return 'open' end
local wish = tonumber(ARGV[10]) or 0
local failures = open and 0 or redis.call('HINCRBY', state, 'failures', 1)
if not open and wish == 0 and failures < tonumber(ARGV[7]) then return 'closed' end
local pause = wish
if open or failures >= tonumber(ARGV[7]) then
  local pauses = redis.call('HINCRBY', state, 'pauses', 1)
  pause = math.max(wish, math.min(tonumber(ARGV[9]), tonumber(ARGV[8]) * 2 ^ math.min(pauses - 1, 30)))
end
redis.call('HSET', state, 'open_until', now + pause)
redis.call('HDEL', state, 'probe', 'probe_until')
return 'open'
