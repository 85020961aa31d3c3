-- Small collections of a pattern. Shared by the scripts that name it (`--@include _small`).
--
-- Packed in one field of pattern:{id}: '~' and what they are. A key costs a hundred bytes and a command, and most patterns have a few of
-- each. One that has grown large is a hash of its own, '{what}:{id}', and its field says LARGE.
--
--   repos       repository -> true                     trials     trial -> see _ledger
--   lines_of    line -> true                           reported   repository -> the trial that a person's report is
--   aliases     fingerprint -> true
--   fix_repos   'fix|repository' -> true
--   outbreak_in repository -> true: of its last outbreak
--
-- Those on the left are names alone, one after the other with a MARK before, between and after them: whether one is there, a batch asks for
-- each of its events, and finds without unpacking.

-- The first byte of a packed field's name.
local PACKED = 126
local LARGE, MOST_SMALL, MOST_SMALL_BYTES = '*', 32, 1500
local MARK = '\n'
local NAMES_ALONE = { repos = true, lines_of = true, aliases = true, fix_repos = true, outbreak_in = true }

-- A name as it is kept: names alone hold no MARK.
local function plain(what, name)
  return NAMES_ALONE[what] and string.find(name, MARK, 1, true) and string.gsub(name, MARK, ' ') or name
end

-- What a field holds: a table from name to value, or nil when the collection is large.
local function opened(what, packed)
  if not packed then return {} end
  if packed == LARGE then return nil end
  if not NAMES_ALONE[what] then return cmsgpack.unpack(packed) end
  local all = {}
  for name in string.gmatch(packed, '[^' .. MARK .. ']+') do all[name] = true end
  return all
end

-- One value of a collection that is large, and back.
local function open_one(what, value) return NAMES_ALONE[what] or cmsgpack.unpack(value) end
local function close_one(what, value) return NAMES_ALONE[what] and '' or cmsgpack.pack(value) end

local function of_large(p, id, what)
  local fields, found = redis.call('HGETALL', p .. what .. ':' .. id), {}
  for i = 1, #fields, 2 do found[fields[i]] = open_one(what, fields[i + 1]) end
  return found
end

local function packed_names(all)
  local listed = {}
  for name in pairs(all) do listed[#listed + 1] = name end
  return MARK .. table.concat(listed, MARK) .. MARK
end

-- The field's value for a small collection; one that is too large for that is written as a hash of its own.
local function closed(p, id, what, all)
  local count = 0
  for _ in pairs(all) do count = count + 1 end
  local packed = NAMES_ALONE[what] and packed_names(all) or cmsgpack.pack(all)
  if #packed <= MOST_SMALL_BYTES and (count <= MOST_SMALL or NAMES_ALONE[what]) then return packed end
  for name, value in pairs(all) do redis.call('HSET', p .. what .. ':' .. id, name, close_one(what, value)) end
  return LARGE
end

-- `packed` with one name more, for names alone; nil where it was there.
local function joined(p, id, what, packed, name)
  name = plain(what, name)
  if packed == LARGE then return redis.call('HSETNX', p .. what .. ':' .. id, name, '') == 1 and LARGE or nil end
  packed = packed or MARK
  if string.find(packed, MARK .. name .. MARK, 1, true) then return nil end
  packed = packed .. name .. MARK
  return #packed <= MOST_SMALL_BYTES and packed or closed(p, id, what, opened(what, packed))
end

local function small(p, id, what) return opened(what, redis.call('HGET', p .. 'pattern:' .. id, '~' .. what)) end

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
  name = plain(what, name)
  local all = small(p, id, what)
  if all then return all[name] end
  local packed = redis.call('HGET', p .. what .. ':' .. id, name)
  return packed and open_one(what, packed) or nil
end

-- Returns whether it is new.
local function put_member(p, id, what, name, value)
  name = plain(what, name)
  local all = small(p, id, what)
  if not all then return redis.call('HSET', p .. what .. ':' .. id, name, close_one(what, value)) == 1 end
  local new = all[name] == nil
  if new or all[name] ~= value then
    all[name] = value
    keep_small(p, id, what, all)
  end
  return new
end

-- Returns whether it was there.
local function drop_member(p, id, what, name)
  name = plain(what, name)
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
