-- Whether an outbreak begins, or goes on. Shared by the scripts that name it (`--@include _outbreak_watch`); needs _touched, _outbreaks.
--
-- `t` is what a batch knows of a pattern (see _touched). It also holds burst, how many builds failed within the window, once that was counted.

local OUTBREAK_WINDOW_MS = 15 * 60000
local OUTBREAK_BUILDS, OUTBREAK_REPOS, MOST_OUTBREAKS = 8, 4, 20

-- Keeps when the last outbreak was, by the one that begins now: 'since-last', by blanks, the newest last.
local function keep_past_outbreak(t)
  if not t.outbreak_ms then return end
  local past = {}
  for span in string.gmatch(redis.call('HGET', t.key, 'outbreaks_past') or '', '%S+') do past[#past + 1] = span end
  past[#past + 1] = string.format('%d-%d', t.outbreak_ms, t.outbreak_last_ms)
  redis.call('HSET', t.key, 'outbreaks_past', table.concat(past, ' ', math.max(1, #past - MOST_OUTBREAKS + 1)))
end

-- An outbreak begins where so many builds of so many repositories failed within the window, this one among them.
local function outbreak_begins(p, id, t, repo, place, job, ms)
  local burst = p .. 'burst:' .. id
  if redis.call('ZADD', burst, 'NX', ms, repo .. '|' .. place .. '|' .. job) == 0 then return false end
  if not t.burst then
    redis.call('PEXPIRE', burst, OUTBREAK_WINDOW_MS)
    t.burst = redis.call('ZCARD', burst) - 1
    if t.burst + 1 >= OUTBREAK_BUILDS then
      redis.call('ZREMRANGEBYSCORE', burst, '-inf', ms - OUTBREAK_WINDOW_MS)
      t.burst = redis.call('ZCARD', burst) - 1
    end
  end
  t.burst = t.burst + 1
  -- What was never seen in so many repositories is not now.
  if t.burst < OUTBREAK_BUILDS or t.repositories < OUTBREAK_REPOS then return false end
  redis.call('ZREMRANGEBYSCORE', burst, '-inf', ms - OUTBREAK_WINDOW_MS)
  t.burst = redis.call('ZCARD', burst)
  local repos, found = {}, 0
  for _, member in ipairs(redis.call('ZREVRANGE', burst, 0, 63)) do
    local name = string.match(member, '^([^|]*)')
    if not repos[name] then repos[name], found = true, found + 1 end
  end
  if t.burst < OUTBREAK_BUILDS or found < OUTBREAK_REPOS then return false end
  keep_past_outbreak(t)
  redis.call('DEL', p .. 'outbreak_in:' .. id)
  t.packed['~outbreak_in'], t.outbreak_repositories = nil, 0
  for name in pairs(repos) do
    if meet(p, id, t, 'outbreak_in', name) then t.outbreak_repositories = t.outbreak_repositories + 1 end
  end
  t.outbreak_ms, t.outbreak_builds = tonumber(redis.call('ZRANGE', burst, 0, 0, 'WITHSCORES')[2]), t.burst - 1
  return true
end

-- One failure in many builds of many repositories within minutes is one incident, an outbreak: it is the infrastructure, whatever the
-- text says, and speaks neither for flakiness nor for a fix. While it lasts, what fails is part of it, and no other one can begin.
local function watch_for_outbreak(p, id, t, repo, place, job, ms)
  local lasts = t.outbreak_last_ms and ms - t.outbreak_last_ms <= OUTBREAK_TAIL_MS
  if not lasts and not outbreak_begins(p, id, t, repo, place, job, ms) then return end
  -- Failures are not read in the order in which they came: one that is read late, and came just before, was the first of it.
  if ms < t.outbreak_ms and t.outbreak_ms - ms <= OUTBREAK_WINDOW_MS then t.outbreak_ms = ms end
  t.outbreak_builds = t.outbreak_builds + 1
  t.outbreak_last_ms = math.max(ms, t.outbreak_last_ms or 0)
  if meet(p, id, t, 'outbreak_in', repo) then t.outbreak_repositories = t.outbreak_repositories + 1 end
end
