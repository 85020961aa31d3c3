-- What is counted of a pattern with each of its failures. Shared by the scripts that name it (`--@include _tally`).
--
-- One field of pattern:{id}, 'tally': numbers by blanks, in the order of TALLY, the last four where it had an outbreak. They change together,
-- and to write one field costs less than to write ten. `pattern_codec` reads it too.

local TALLY = { 'occurrence_count', 'repositories', 'match_votes', 'episodes', 'revision', 'last_ms',
  'outbreak_ms', 'outbreak_last_ms', 'outbreak_builds', 'outbreak_repositories' }

-- Puts what `packed` counts into `t`, by the names of TALLY; of an outbreak only where there was one.
local function open_tally(packed, t)
  local occurrences, repositories, matches, episodes, revision, last_ms, outbreak =
    string.match(packed or '', '^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+)(.*)$')
  t.occurrence_count, t.repositories, t.match_votes = tonumber(occurrences or '0'), tonumber(repositories or '0'), tonumber(matches or '0')
  t.episodes, t.revision, t.last_ms = tonumber(episodes or '0'), tonumber(revision or '0'), tonumber(last_ms or '0')
  if (outbreak or '') ~= '' then
    local began, last, builds, infected = string.match(outbreak, '^ (%d+) (%d+) (%d+) (%d+)$')
    t.outbreak_ms, t.outbreak_last_ms, t.outbreak_builds, t.outbreak_repositories = tonumber(began), tonumber(last), tonumber(builds), tonumber(infected)
  end
  return t
end

local function close_tally(t)
  local packed = string.format('%d %d %d %d %d %d', t.occurrence_count, t.repositories, t.match_votes, t.episodes, t.revision, t.last_ms)
  if not t.outbreak_last_ms then return packed end
  return packed .. string.format(' %d %d %d %d', t.outbreak_ms or 0, t.outbreak_last_ms, t.outbreak_builds or 0, t.outbreak_repositories or 0)
end

local function tally_of(p, id) return open_tally(redis.call('HGET', p .. 'pattern:' .. id, 'tally'), {}) end

local function keep_tally(p, id, t) redis.call('HSET', p .. 'pattern:' .. id, 'tally', close_tally(t)) end

-- Something of it has changed, whatever it is.
local function count_revision(p, id)
  local t = tally_of(p, id)
  t.revision = t.revision + 1
  keep_tally(p, id, t)
end
