-- Outbreaks. Shared by the scripts that name it (`--@include _outbreaks`).
--
-- `t` is what a batch knows of a pattern (see _touched): its fields as they were (f), repositories, outbreak_ms and outbreak_last_ms as
-- numbers or nil, outbreak_builds once it is known, outbreak_new, repositories that are new to it, and burst, how many builds failed within
-- the window, once that was counted.

local OUTBREAK_WINDOW_MS, OUTBREAK_TAIL_MS = 15 * 60000, 60 * 60000
local OUTBREAK_BUILDS, OUTBREAK_REPOS, OUTBREAK_KEPT_S, MOST_OUTBREAKS = 8, 4, 45 * 86400, 20

-- Keeps when the last outbreak was, by the one that begins now: 'since-last', by blanks, the newest last.
local function keep_past_outbreak(t)
  if not t.outbreak_ms then return end
  local past = {}
  for span in string.gmatch(t.changed.outbreaks_past or t.f.outbreaks_past or '', '%S+') do past[#past + 1] = span end
  past[#past + 1] = string.format('%.0f-%.0f', t.outbreak_ms, t.outbreak_last_ms)
  t.changed.outbreaks_past = table.concat(past, ' ', math.max(1, #past - MOST_OUTBREAKS + 1))
end

-- One failure in many builds of many repositories within minutes is one incident, an outbreak: it is the infrastructure, whatever the
-- text says, and speaks neither for flakiness nor for a fix.
local function watch_for_outbreak(p, id, t, repo, place, job, ms)
  local burst, repos_key = p .. 'burst:' .. id, p .. 'outbreak_repos:' .. id
  if redis.call('ZADD', burst, 'NX', ms, repo .. '|' .. place .. '|' .. job) == 0 then return end
  if not t.burst then
    redis.call('PEXPIRE', burst, OUTBREAK_WINDOW_MS)
    t.burst = redis.call('ZCARD', burst) - 1
    if t.burst + 1 >= OUTBREAK_BUILDS then
      redis.call('ZREMRANGEBYSCORE', burst, '-inf', ms - OUTBREAK_WINDOW_MS)
      t.burst = redis.call('ZCARD', burst) - 1
    end
  end
  t.burst = t.burst + 1
  local active = t.outbreak_last_ms and ms - t.outbreak_last_ms <= OUTBREAK_TAIL_MS
  if not active then
    -- What was never seen in so many repositories is not now.
    if t.burst < OUTBREAK_BUILDS or t.repositories < OUTBREAK_REPOS then return end
    redis.call('ZREMRANGEBYSCORE', burst, '-inf', ms - OUTBREAK_WINDOW_MS)
    t.burst = redis.call('ZCARD', burst)
    local repos, found = {}, 0
    for _, member in ipairs(redis.call('ZREVRANGE', burst, 0, 63)) do
      local name = string.match(member, '^([^|]*)')
      if not repos[name] then repos[name], found = true, found + 1 end
    end
    if t.burst < OUTBREAK_BUILDS or found < OUTBREAK_REPOS then return end
    keep_past_outbreak(t)
    redis.call('DEL', repos_key)
    for name in pairs(repos) do redis.call('SADD', repos_key, name) end
    t.outbreak_ms = tonumber(redis.call('ZRANGE', burst, 0, 0, 'WITHSCORES')[2])
    t.outbreak_builds, t.changed.outbreak_ms = t.burst - 1, string.format('%.0f', t.outbreak_ms)
  end
  -- Failures are not read in the order in which they came: one that is read late, and came just before, was the first of it.
  if ms < t.outbreak_ms and t.outbreak_ms - ms <= OUTBREAK_WINDOW_MS then
    t.outbreak_ms, t.changed.outbreak_ms = ms, string.format('%.0f', ms)
  end
  t.outbreak_builds = (t.outbreak_builds or tonumber(t.f.outbreak_builds or '0')) + 1
  t.outbreak_last_ms = math.max(ms, t.outbreak_last_ms or 0)
  t.outbreak_new = t.outbreak_new or {}
  t.outbreak_new[repo] = true
end

-- Writes what the batch says of the outbreak, with its other changes.
local function change_outbreak(p, id, t)
  if not t.outbreak_new then return end
  local repos_key, repos = p .. 'outbreak_repos:' .. id, {}
  for repo in pairs(t.outbreak_new) do repos[#repos + 1] = repo end
  redis.call('SADD', repos_key, unpack(repos))
  redis.call('EXPIRE', repos_key, OUTBREAK_KEPT_S)
  t.changed.outbreak_builds = string.format('%.0f', t.outbreak_builds)
  t.changed.outbreak_last_ms = string.format('%.0f', t.outbreak_last_ms)
  t.changed.outbreak_repositories = string.format('%.0f', redis.call('SCARD', repos_key))
end

local function in_outbreak(t, ms)
  return t.outbreak_ms and t.outbreak_last_ms and ms and ms >= t.outbreak_ms and ms <= t.outbreak_last_ms + OUTBREAK_TAIL_MS
end

-- The same code passed after it had failed in an outbreak: it ended by itself, and no commit that passed then fixed it. Returns whether
-- that is new.
local function ended_by_itself(p, id)
  if redis.call('HSETNX', p .. 'pattern:' .. id, 'outbreak_passed', '1') == 0 then return false end
  withdraw_trials(p, id, function(trial) return trial.outbreak end)
  return true
end
