-- Where a pattern was seen lately. Shared by the scripts that name it (`--@include _recent`).
--
-- Packed in the field '~recent' of pattern:{id}: place, commit and ms in turn, the newest first. A commit is told by its first characters,
-- and a time but the first as how much earlier it was.

local MOST_RECENT, COMMIT = 10, 12

-- Characters that are cut in their middle would be none.
local function short(commit) return string.find(commit, '[\128-\255]') and commit or string.sub(commit, 1, COMMIT) end

-- As { place, commit, ms } each, the newest first.
local function open_recent(packed)
  if not packed then return {} end
  local flat, found, ms = cmsgpack.unpack(packed), {}, 0
  for i = 1, #flat, 3 do
    ms = i == 1 and flat[3] or ms - flat[i + 2]
    found[#found + 1] = { flat[i], flat[i + 1], ms }
  end
  return found
end

local function close_recent(places)
  local flat, ms = {}, 0
  for i = 1, math.min(#places, MOST_RECENT) do
    local place = places[i]
    flat[#flat + 1] = place[1]
    flat[#flat + 1] = short(place[2])
    flat[#flat + 1] = i == 1 and place[3] or ms - place[3]
    ms = place[3]
  end
  return cmsgpack.pack(flat)
end

-- The commits of `repo` that the pattern was seen at lately, by blanks: what fails on them later was not fixed by then.
local function recent_commits(p, id, repo)
  local commits = {}
  for _, place in ipairs(open_recent(redis.call('HGET', p .. 'pattern:' .. id, '~recent'))) do
    if string.match(place[1], '^(.*)#') == repo then commits[#commits + 1] = place[2] end
  end
  return table.concat(commits, ' ')
end

-- The same of commits by blanks.
local function short_each(commits)
  local cut = {}
  for commit in string.gmatch(commits, '%S+') do cut[#cut + 1] = short(commit) end
  return table.concat(cut, ' ')
end
