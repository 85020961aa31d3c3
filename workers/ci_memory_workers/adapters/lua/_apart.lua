-- What a person keeps apart. Shared by the scripts that name it (`--@include _apart`); needs _small.
--
-- apart:{fingerprint} holds the fingerprints that must never be one pattern with it again, each with who said so: a hash of
-- other fingerprint -> { by, why, ms } (JSON), written both ways. Fingerprints, not patterns: a pattern that is forgotten and comes back
-- under another id is still kept apart.

local function fingerprints_of(p, id)
  local found = names(p, id, 'aliases')
  local own = redis.call('HGET', p .. 'pattern:' .. id, 'fingerprint')
  if own then found[#found + 1] = own end
  return found
end

-- Calls `act` with each pair of fingerprints that is kept apart, one of either pattern.
local function each_pair_apart(p, one, other, act)
  for _, fingerprint in ipairs(fingerprints_of(p, one)) do
    for _, far in ipairs(redis.call('HKEYS', p .. 'apart:' .. fingerprint)) do
      if redis.call('HGET', p .. 'fingerprints', far) == other then act(fingerprint, far) end
    end
  end
end

local function kept_apart(p, one, other)
  local found = false
  each_pair_apart(p, one, other, function() found = true end)
  return found
end

local function keep_apart(p, one, other, ruling)
  redis.call('HSET', p .. 'apart:' .. one, other, ruling)
  redis.call('HSET', p .. 'apart:' .. other, one, ruling)
end

-- A person makes them one after all: the newer word counts.
local function let_together(p, one, other)
  each_pair_apart(p, one, other, function(near, far)
    redis.call('HDEL', p .. 'apart:' .. near, far)
    redis.call('HDEL', p .. 'apart:' .. far, near)
  end)
end
