-- Takes patterns out of the aging sweep's way: those still not seen since a moment keep their time with a minus before it. What is not
-- deprecated, though, has changed while the sweep looked at it, or came back since: the sweep looks again.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  the moment, ms   ARGV[2…] pattern ids
-- Reply    how many

local key, moved = KEYS[1] .. 'last_seen', 0

local function is_done(id)
  local state = redis.call('HMGET', KEYS[1] .. 'pattern:' .. id, 'status', 'merged_into')
  return not state[1] or state[2] or state[1] == 'deprecated'
end

for i = 2, #ARGV do
  local ms = tonumber(redis.call('ZSCORE', key, ARGV[i]) or '0')
  if ms > 0 and ms <= tonumber(ARGV[1]) and is_done(ARGV[i]) then
    redis.call('ZADD', key, -ms, ARGV[i])
    moved = moved + 1
  end
end
return moved
