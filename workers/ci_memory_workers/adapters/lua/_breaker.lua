-- A circuit breaker in fields of a hash, which others may have too: after failures in a row nobody asks for a while, then one tries.
--
-- failures              in a row, while it is closed
-- open_until, pauses    when it may let one through, and how often it was opened in a row; absent: closed
-- probe, probe_until    the ticket of that one, and when it is given up

-- until when nobody may ask (nil: one may), and whether who asks now is the one that tries
local function breaker_stands(state, now)
  local open_until = tonumber(redis.call('HGET', state, 'open_until') or 0)
  if open_until == 0 then return nil, false end
  if now < open_until then return open_until, false end
  local probe_until = tonumber(redis.call('HGET', state, 'probe_until') or 0)
  if now < probe_until then return probe_until, false end
  return nil, true
end

local function breaker_tries(state, ticket, until_ms)
  redis.call('HSET', state, 'probe', ticket, 'probe_until', until_ms)
end

-- most: failures in a row that open it; first, longest: pauses, ms; wish: how long it asks to be left alone, ms (0: it does not say)
local function breaker_went(state, ticket, outcome, now, most, first, longest, wish)
  local open = redis.call('HEXISTS', state, 'open_until') == 1
  -- What was asked before it opened says nothing of now: it closes, or stays open longer, by the one that tries.
  if open and redis.call('HGET', state, 'probe') ~= ticket then return 'open' end
  if outcome == 'answered' then
    redis.call('HDEL', state, 'failures', 'open_until', 'pauses', 'probe', 'probe_until')
    return 'closed'
  end
  local failures = open and 0 or redis.call('HINCRBY', state, 'failures', 1)
  if not open and wish == 0 and failures < most then return 'closed' end
  local pause = wish
  if open or failures >= most then
    local pauses = redis.call('HINCRBY', state, 'pauses', 1)
    pause = math.max(wish, math.min(longest, first * 2 ^ math.min(pauses - 1, 30)))
  end
  redis.call('HSET', state, 'open_until', now + pause)
  redis.call('HDEL', state, 'probe', 'probe_until')
  return 'open'
end
