--@include _recent
-- What Aegis is owed of a pattern's matches: a vote for each. Shared by the scripts that name it (`--@include _matches`); needs _ledger.
--
-- '~voted' says for how many of match_votes Aegis has a vote, or will never get one: of matches, too, only MOST_VOTES wait. So that a match
-- costs a batch no vote of its own, they are made up when they are taken, from the places where the pattern was seen last.

-- How many wait, and where the last ones were, the newest first.
local function waiting_matches(p, id)
  local state = redis.call('HMGET', p .. 'pattern:' .. id, 'tally', '~voted', '~recent')
  local matched = open_tally(state[1], {}).match_votes
  return math.min(matched - tonumber(state[2] or '0'), MOST_VOTES), open_recent(state[3]), matched
end

local function context_of_match(place) return place and 'matched in build ' .. place[1] or 'matched' end

-- The pattern `into` stands for `from` now, and has its matches: those that wait become votes of their own, since their places go.
local function move_matches(p, from, into)
  local waiting, places, matched = waiting_matches(p, from)
  for at = waiting, 1, -1 do keep_vote(p, into, 'helpful', 'reflection', context_of_match(places[at])) end
  redis.call('HSET', p .. 'pattern:' .. from, '~voted', matched)
  redis.call('HINCRBY', p .. 'pattern:' .. into, '~voted', matched)
end
