-- Where a pattern was seen lately. Shared by the scripts that name it (`--@include _recent`).
--
-- Packed in the field '~recent' of pattern:{id}: place, commit and time in turn, the newest first. A commit is told by its first digits, as
-- a number where it is one in hex; a time in seconds. They are written one after the other, so that what is new is put before the rest.

local MOST_RECENT, SOME, COMMIT = 10, 3, 8

-- The first digits of a commit. Characters that are cut in their middle would be none: others than hex stay whole.
local function short(commit) return string.match(commit, '^%x%x%x%x%x%x%x%x') or commit end

-- `packed`, less those that came before the last MOST_RECENT.
local function only_recent(packed)
  local stop = cmsgpack.unpack_limit(packed, 3 * MOST_RECENT, 0)
  return stop > 0 and string.sub(packed, 1, stop) or packed
end

-- `packed` with a failure put first. To count them takes longer than to put one there, so that some more are kept for a while.
local function seen_at(packed, place, commit, ms)
  local digits = short(commit)
  if #digits == COMMIT and digits == string.lower(digits) then digits = tonumber(digits, 16) or digits end
  local first = cmsgpack.pack(place, digits, math.floor(ms / 1000))
  if not packed then return first end
  packed = first .. packed
  return #packed > (MOST_RECENT + SOME) * #first and only_recent(packed) or packed
end

-- As { place, commit, ms } each, the newest first.
local function open_recent(packed)
  local found = {}
  if not packed then return found end
  local flat = { cmsgpack.unpack(only_recent(packed)) }
  for i = 1, #flat, 3 do
    local commit = flat[i + 1]
    if type(commit) == 'number' then commit = string.format('%08x', commit) end
    found[#found + 1] = { flat[i], commit, flat[i + 2] * 1000 }
  end
  return found
end

-- The commits of `repo` that the pattern was seen at lately, by blanks: what fails on them later was not fixed by then.
local function recent_commits(p, id, repo)
  local commits = {}
  for _, place in ipairs(open_recent(redis.call('HGET', p .. 'pattern:' .. id, '~recent'))) do
    if string.match(place[1], '^(.*)#') == repo then commits[#commits + 1] = place[2] end
  end
  return table.concat(commits, ' ')
end

-- The first digits of commits by blanks.
local function short_each(commits)
  local cut = {}
  for commit in string.gmatch(commits, '%S+') do cut[#cut + 1] = short(commit) end
  return table.concat(cut, ' ')
end
