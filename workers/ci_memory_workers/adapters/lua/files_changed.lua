--@include _versioned
--@include _ledger
-- Tells fixes that commits of a default branch change their files.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  delay of a flush to Aegis, ms   ARGV[2]  most commits of a repository that are remembered   ARGV[3]  for how long, s
-- ARGV[4…] changes, one after the other: digest of the repository, repository, commit, ms, number of files, files
-- Reply    how many fixes were told something new
--
-- pattern:{id} holds, for each fix, the newest change of one of its files as 'ms|file' ('changed|ID').
-- commits:{repo} holds when each of the last commits was taken in first: one that is run again, or reported twice, is no newer for it.

local p, told = KEYS[1], 0
local flush, most_commits, remembered = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]

local function first_taken_in(digest, commit, ms)
  if commit == '' then return ms end
  local key = p .. 'commits:' .. digest
  redis.call('ZADD', key, 'LT', ms, commit)
  local first = tonumber(redis.call('ZSCORE', key, commit))
  redis.call('ZREMRANGEBYRANK', key, 0, -1 - most_commits)
  redis.call('EXPIRE', key, remembered)
  return first
end

local function same_commit(a, b)
  if a == '' or b == '' then return false end
  local shorter = math.min(#a, #b)
  return string.sub(a, 1, shorter) == string.sub(b, 1, shorter)
end

local function tell(entry, repo, commit, ms, file)
  local pattern_id, fix_id = string.match(entry, '^(%S+) (%S+)$')
  local id = surviving(p, pattern_id)
  local fixes = p .. 'pattern:' .. id
  local encoded = redis.call('HGET', fixes, 'fix|' .. fix_id)
  if not encoded then return end
  local fix = cjson.decode(encoded)
  -- The same fix of another repository has other files there.
  if fix[FIX_REPO] ~= repo or same_commit(fix[FIX_COMMIT], commit) or ms <= fix[FIX_MS] then return end
  local before = redis.call('HGET', fixes, 'changed|' .. fix_id)
  if before and tonumber(string.match(before, '^%d+')) >= ms then return end
  redis.call('HSET', fixes, 'changed|' .. fix_id, string.format('%d', ms) .. '|' .. file)
  told = told + 1
  if not before then owe_memory(p, id, ms + flush) end
end

local at = 4
while at <= #ARGV do
  local key, repo, commit = p .. 'watched:' .. ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local ms = first_taken_in(ARGV[at], commit, tonumber(ARGV[at + 3]))
  local count = tonumber(ARGV[at + 4])
  if redis.call('EXISTS', key) == 1 then
    for i = at + 5, at + 4 + count do
      local entries = redis.call('HGET', key, ARGV[i])
      for entry in string.gmatch(entries or '', '[^\n]+') do tell(entry, repo, commit, ms, ARGV[i]) end
    end
  end
  at = at + 5 + count
end
return told
