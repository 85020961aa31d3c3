-- What a batch does to its patterns. Shared by the scripts that name it (`--@include _touched`).
--
-- It is added up in a table, and written once at the batch's end: most failures of a batch are of few patterns. Only what events of the
-- same batch must see of each other is written at once. `batch` holds `touched` (pattern id -> table), and their `touched_order`.

local COUNTED = { 'occurrence_count', 'repositories', 'match_votes', 'episodes', 'revision' }

local function touch(p, batch, id)
  local t = batch.touched[id]
  if t then return t end
  local key = p .. 'pattern:' .. id
  local f = redis.call('HMGET', key, 'last_ms', 'analysed', 'status', 'resolved_ms', 'fix_repo', 'fix_commits', 'resolved_fix',
    'outbreak_ms', 'outbreak_last_ms', 'status_before', unpack(COUNTED))
  t = { key = key, last_ms = tonumber(f[1] or '0'), analysed = f[2], status = f[3], resolved_ms = tonumber(f[4] or '0'), fix_repo = f[5],
    fix_commits = f[6] or '', resolved_fix = f[7], outbreak_ms = tonumber(f[8] or ''), outbreak_last_ms = tonumber(f[9] or ''),
    ms = 0, merged = redis.call('SMEMBERS', p .. 'merged:' .. id), repos = {}, lines = {}, recent = {}, votes = {}, changed = { revision = true } }
  for i, name in ipairs(COUNTED) do t[name] = tonumber(f[10 + i] or '0') end
  if t.status == 'deprecated' then
    t.status = f[10] or 'unresolved'
    redis.call('HSET', key, 'status', t.status, 'status_reason', '')
  end
  batch.touched[id] = t
  batch.touched_order[#batch.touched_order + 1] = id
  return t
end

local function add(t, name)
  t[name] = t[name] + 1
  t.changed[name] = true
end

local function write_touched(p, id, t)
  add(t, 'revision')
  local fields = {}
  for name in pairs(t.changed) do
    fields[#fields + 1] = name
    fields[#fields + 1] = t[name]
  end
  if t.ms > t.last_ms then
    fields[#fields + 1] = 'last_ms'
    fields[#fields + 1] = t.ms
  end
  redis.call('HSET', t.key, unpack(fields))
  if #t.recent > 0 then
    local recent = p .. 'recent:' .. id
    if redis.call('LPUSH', recent, unpack(t.recent, math.max(1, #t.recent - 9))) > 10 then redis.call('LTRIM', recent, 0, 9) end
  end
  if #t.votes > 0 then
    local votes = p .. 'votes:' .. id
    if redis.call('RPUSH', votes, unpack(t.votes, 1, math.min(MOST_VOTES, #t.votes))) > MOST_VOTES then
      redis.call('LTRIM', votes, 0, MOST_VOTES - 1)
    end
  end
end

-- Aegis is owed what was touched and is analysed, unless somebody is writing it now: the revision says that it has changed again.
local function owe_touched(p, batch, now, flush)
  local seen, analysed, flaky = {}, {}, {}
  for _, id in ipairs(batch.touched_order) do
    local t = batch.touched[id]
    write_touched(p, id, t)
    seen[#seen + 1] = t.ms
    seen[#seen + 1] = id
    if t.analysed then analysed[#analysed + 1] = id end
    if t.status == 'quarantined' then
      flaky[#flaky + 1] = now
      flaky[#flaky + 1] = id
    end
  end
  in_pieces(seen, function(...) redis.call('ZADD', p .. 'last_seen', 'GT', ...) end)
  in_pieces(flaky, function(...) redis.call('ZADD', p .. 'due:quarantine', ...) end)
  local leased = looked_up(analysed, function(...) return redis.call('HMGET', p .. 'leases:memory', ...) end)
  local owed = {}
  for _, id in ipairs(analysed) do
    if not leased[id] then
      owed[#owed + 1] = now + flush
      owed[#owed + 1] = id
    end
  end
  in_pieces(owed, function(...) redis.call('ZADD', p .. 'due:memory', 'LT', ...) end)
end
