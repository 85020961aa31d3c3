--@include _ledger
--@include _matches
-- Takes the next vote that Aegis is owed of a pattern: those that were kept (see keep_vote), then one for each match that it was not told of.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  pattern_id
-- Reply    the vote (JSON), or '' for none

local p, id = KEYS[1], ARGV[1]
local kept = redis.call('LPOP', p .. 'votes:' .. id)
if kept then return kept end
local waiting, places, matched = waiting_matches(p, id)
if waiting <= 0 then return '' end
redis.call('HSET', p .. 'pattern:' .. id, '~voted', string.format('%d', matched - waiting + 1))
return cjson.encode({ vote = 'helpful', target = 'reflection', fix_id = '', context = context_of_match(places[waiting]) })
