--@include _breaker
-- Asks to make one call to the language model: oldest failure first, within the rate, the day's tokens, and unless it is down.
--
-- KEYS[1]  state (hash)   KEYS[2]  who waits, by age (sorted set)   KEYS[3]  who waits, by when they are expected back (sorted set)
-- ARGV[1]  id   ARGV[2]  since when it waits, ms   ARGV[3]  tokens   ARGV[4]  now, ms
-- ARGV[5]  calls a minute   ARGV[6]  calls at once   ARGV[7]  tokens a day (0: no limit)   ARGV[8]  how long a call may take, ms
-- Reply    { ticket, '', 0, day } when it may be made, else { 0, why, ms until it may, day }
--
-- state    allowance, at         the bucket of calls, and when it was filled last
--          day, tokens, calls    what was used on this day (days since the epoch, UTC)
--          and the breaker's: see _breaker.lua

local DAY, MOST_WAITING, PATIENCE, PIECE = 86400000, 100000, 60000, 100
local state, by_age, expected = KEYS[1], KEYS[2], KEYS[3]
local id, since, tokens, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local rate, burst, budget, call_ms = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])

local function read(field) return tonumber(redis.call('HGET', state, field) or 0) end

-- A clock that is behind must not bring back a day that is over: its budget would be spent twice.
local day = math.max(read('day'), math.floor(now / DAY))
if day ~= read('day') then redis.call('HSET', state, 'day', day, 'tokens', 0, 'calls', 0) end

-- Who does not come back when expected (the pattern was merged, or forgotten) keeps nobody waiting.
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', expected, '-inf', now - PATIENCE, 'LIMIT', 0, PIECE)) do
  redis.call('ZREM', by_age, gone)
  redis.call('ZREM', expected, gone)
end
if redis.call('ZCARD', by_age) < MOST_WAITING then redis.call('ZADD', by_age, since, id) end
local rank = redis.call('ZRANK', by_age, id) or redis.call('ZCARD', by_age)

local step = 60000 / rate
local at = read('at')
local allowance = at == 0 and burst or math.min(burst, read('allowance') + math.max(0, now - at) / step)

local function later(why, from)
  -- In their order of age, as fast as the rate allows: all at once would be more than can be let in.
  local wait = math.ceil(math.max(1, from - now + rank * step))
  if redis.call('ZSCORE', by_age, id) then redis.call('ZADD', expected, now + wait, id) end
  return { 0, why, wait, day }
end

local paused_until, probing = breaker_stands(state, now)
if paused_until then return later('llm_paused', paused_until) end
if budget > 0 and read('tokens') + tokens > budget then return later('llm_budget_spent', (day + 1) * DAY) end
if not probing and allowance < rank + 1 then return later('llm_rate_limited', now + (1 - allowance) * step) end

local ticket = redis.call('HINCRBY', state, 'tickets', 1)
redis.call('HSET', state, 'allowance', tostring(math.max(0, allowance - 1)), 'at', math.max(at, now))
redis.call('HINCRBY', state, 'tokens', tokens)
redis.call('HINCRBY', state, 'calls', 1)
if probing then breaker_tries(state, ticket, now + call_ms) end
redis.call('ZREM', by_age, id)
redis.call('ZREM', expected, id)
return { ticket, '', 0, day }
