--@include _version
-- Makes a new version of a pattern with each write to its hash, so that none can forget it. The first include of every script that writes
-- to pattern:{id}; `apply_batch`, which counts in it, says itself where it does more than that.

local server = redis
local WRITES = { HSET = true, HSETNX = true, HDEL = true, HINCRBY = true }

local redis = {
  call = function(command, key, ...)
    local reply = server.call(command, key, ...)
    if WRITES[command] and string.find(key, ':pattern:', 1, true) and server.call('EXISTS', key) == 1 then
      server.call('HSET', key, VERSION, new_version())
    end
    return reply
  end,
}
