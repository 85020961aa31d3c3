-- Puts a dead letter back into the event log.
--
-- KEYS[1]  the event log    KEYS[2]  the dead letters    ARGV[1]  id of the dead letter
-- Reply    the new entry's id, or '' when there is no such dead letter

local found = redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])
if #found == 0 then return '' end
local fields = found[1][2]
local payload
for i = 1, #fields, 2 do
  if fields[i] == 'event' then payload = fields[i + 1] end
end
local id = redis.call('XADD', KEYS[1], '*', 'event', payload)
redis.call('XDEL', KEYS[2], ARGV[1])
return id
