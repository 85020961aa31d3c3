-- A pattern's version. Shared by the scripts that name it (`--@include _version`).
--
-- A drain keeps what it has read of a pattern, and is told its counts alone as long as the version of the rest, in the field VERSION, is
-- the one that it has read. A version never comes again, not even where a pattern was lost and restored: it is a time.

local VERSION = '~version'

local function new_version()
  local time = redis.call('TIME')
  return string.format('%x%05x', time[1], time[2])
end

-- Something else than counts has changed.
local function renew(p, id) redis.call('HSET', p .. 'pattern:' .. id, VERSION, new_version()) end
