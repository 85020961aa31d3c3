--@include _recent
--@include _ledger
-- Takes the next vote that Aegis is owed of a pattern: those that were kept (see keep_vote), then one for each match that it was not told of.
--
-- KEYS[1]  the tenant's prefix   ARGV[1]  pattern_id
-- Reply    the vote (JSON), or '' for none
--
-- '~voted' says for how many of match_votes Aegis has a vote, or will never get one: of matches, too, only MOST_VOTES wait.

local p, id = KEYS[1], ARGV[1]
local kept = redis.call('LPOP', p .. 'votes:' .. id)
if kept then return kept end
local key = p .. 'pattern:' .. id
local state = redis.call('HMGET', key, 'tally', '~voted', '~recent')
local matched = open_tally(state[1], {}).match_votes
local waiting = math.min(matched - tonumber(state[2] or '0'), MOST_VOTES)
if waiting <= 0 then return '' end
redis.call('HSET', key, '~voted', string.format('%d', matched - waiting + 1))
local place = open_recent(state[3])[waiting]
return cjson.encode({ vote = 'helpful', target = 'reflection', fix_id = '', context = place and 'matched in build ' .. place[1] or 'matched' })
