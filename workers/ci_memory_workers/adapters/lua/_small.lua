-- Small collections of a pattern. Shared by the scripts that name it (`--@include _small`).
--
-- Names with values, packed in one field of pattern:{id}: '~' and what they are. A key costs a hundred bytes and a command, and most
-- patterns have a few of each. One that has grown large is a hash of its own, '{what}:{id}', and its field says LARGE.
--
--   repos       repository -> true                     aliases    fingerprint -> true
--   lines_of    line -> true                           reported   repository -> the trial that a person's report is
--   trials      trial -> see _ledger                   fix_repos  'fix|repository' -> true

-- The first byte of a packed field's name.
local PACKED = 126
local LARGE, MOST_SMALL, MOST_SMALL_BYTES = '*', 32, 1500

-- What a field holds: a table from name to value, or nil when the collection is large.
local function opened(packed)
  if not packed then return {} end
  if packed == LARGE then return nil end
  return cmsgpack.unpack(packed)
end

local function of_large(p, id, what)
  local fields, found = redis.call('HGETALL', p .. what .. ':' .. id), {}
  for i = 1, #fields, 2 do found[fields[i]] = cmsgpack.unpack(fields[i + 1]) end
  return found
end

-- The field's value for a small collection; one that is too large for that is written as a hash of its own.
local function closed(p, id, what, all)
  local count = 0
  for _ in pairs(all) do count = count + 1 end
  local packed = cmsgpack.pack(all)
  if count <= MOST_SMALL and #packed <= MOST_SMALL_BYTES then return packed end
  for name, value in pairs(all) do redis.call('HSET', p .. what .. ':' .. id, name, cmsgpack.pack(value)) end
  return LARGE
end

local function small(p, id, what) return opened(redis.call('HGET', p .. 'pattern:' .. id, '~' .. what)) end

local function keep_small(p, id, what, all)
  if next(all) == nil then
    redis.call('HDEL', p .. 'pattern:' .. id, '~' .. what)
  else
    redis.call('HSET', p .. 'pattern:' .. id, '~' .. what, closed(p, id, what, all))
  end
end

-- All of them, from name to value.
local function members(p, id, what) return small(p, id, what) or of_large(p, id, what) end

local function names(p, id, what)
  local found = {}
  for name in pairs(members(p, id, what)) do found[#found + 1] = name end
  return found
end

local function member(p, id, what, name)
  local all = small(p, id, what)
  if all then return all[name] end
  local packed = redis.call('HGET', p .. what .. ':' .. id, name)
  return packed and cmsgpack.unpack(packed) or nil
end

-- Returns whether it is new.
local function put_member(p, id, what, name, value)
  local all = small(p, id, what)
  if not all then return redis.call('HSET', p .. what .. ':' .. id, name, cmsgpack.pack(value)) == 1 end
  local new = all[name] == nil
  if new or all[name] ~= value then
    all[name] = value
    keep_small(p, id, what, all)
  end
  return new
end

-- Returns whether it was there.
local function drop_member(p, id, what, name)
  local all = small(p, id, what)
  if not all then return redis.call('HDEL', p .. what .. ':' .. id, name) == 1 end
  if all[name] == nil then return false end
  all[name] = nil
  keep_small(p, id, what, all)
  return true
end

local function count_members(p, id, what)
  local all = small(p, id, what)
  if not all then return redis.call('HLEN', p .. what .. ':' .. id) end
  local count = 0
  for _ in pairs(all) do count = count + 1 end
  return count
end

local function drop_members(p, id, what)
  redis.call('HDEL', p .. 'pattern:' .. id, '~' .. what)
  redis.call('DEL', p .. what .. ':' .. id)
end
