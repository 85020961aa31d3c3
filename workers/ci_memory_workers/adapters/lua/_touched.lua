--@include _recent
-- What a batch does to its patterns. Shared by the scripts that name it (`--@include _touched`); needs _small, _outbreaks.
--
-- A pattern is read once, changed in a table, and written once at the batch's end: most failures of a batch are of few patterns. What
-- writes to its hash meanwhile by other ways is rare, touches other fields, and says `stale`. `batch` holds `touched` (pattern id ->
-- table), and their `touched_order`.

local COUNTED = { 'occurrence_count', 'repositories', 'match_votes', 'episodes', 'revision' }

local function touch(p, batch, id)
  local t = batch.touched[id]
  if t then return t end
  local key = p .. 'pattern:' .. id
  local flat, f, at = redis.call('HGETALL', key), {}, {}
  for i = 1, #flat, 2 do
    local name = flat[i]
    f[name], at[name] = flat[i + 1], i + 1
  end
  t = { key = key, flat = flat, f = f, at = at, last_ms = tonumber(f.last_ms or '0'), analysed = f.analysed, status = f.status,
    resolved_ms = tonumber(f.resolved_ms or '') or 0, fix_repo = f.fix_repo, outbreak_ms = tonumber(f.outbreak_ms or ''),
    outbreak_last_ms = tonumber(f.outbreak_last_ms or ''), ms = 0, merged = f['~merged'] and redis.call('SMEMBERS', p .. 'merged:' .. id) or {},
    small = {}, met = {}, recent = {}, votes = {}, changed = {} }
  for _, name in ipairs(COUNTED) do t[name] = tonumber(f[name] or '0') end
  if t.status == 'deprecated' then
    t.status, t.stale = f.status_before or 'unresolved', true
    redis.call('HSET', key, 'status', t.status, 'status_reason', '')
  end
  batch.touched[id] = t
  batch.touched_order[#batch.touched_order + 1] = id
  return t
end

-- Writes a number with the rest of the batch.
local function change(t, name, number) t.changed[name] = string.format('%.0f', number) end

local function add(t, name)
  t[name] = t[name] + 1
  change(t, name, t[name])
end

-- Puts `name` into a small collection. Returns whether it is new there.
local function meet(p, id, t, what, name)
  local mark = what .. name
  if t.met[mark] then return false end
  t.met[mark] = true
  local all = t.small[what]
  if all == nil then
    all = opened(t.f['~' .. what]) or false
    t.small[what] = all
  end
  if not all then return redis.call('HSETNX', p .. what .. ':' .. id, name, cmsgpack.pack(true)) == 1 end
  if all[name] then return false end
  all[name], t.changed['~' .. what] = true, what
  return true
end

local function write_touched(p, id, t)
  local changed = t.changed
  change_outbreak(p, id, t)
  add(t, 'revision')
  if t.ms > t.last_ms then change(t, 'last_ms', t.ms) end
  for what, all in pairs(t.small) do
    if changed['~' .. what] then changed['~' .. what] = closed(p, id, what, all) end
  end
  if #t.recent > 0 then
    local packed = t.f['~recent']
    for i = math.max(1, #t.recent - MOST_RECENT + 1), #t.recent do packed = seen_at(packed, unpack(t.recent[i])) end
    changed['~recent'] = only_recent(packed)
  end
  local fields = {}
  for name, value in pairs(changed) do
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  redis.call('HSET', t.key, unpack(fields))
  if #t.votes > 0 then
    local votes = p .. 'votes:' .. id
    if redis.call('RPUSH', votes, unpack(t.votes, 1, math.min(MOST_VOTES, #t.votes))) > MOST_VOTES then
      redis.call('LTRIM', votes, 0, MOST_VOTES - 1)
    end
  end
end

-- A pattern as the batch left it: HGETALL, in which what is packed may be as it was.
local function as_written(p, batch, id)
  local t = batch.touched[id]
  if not t or t.stale then return redis.call('HGETALL', p .. 'pattern:' .. id) end
  local flat, at = t.flat, t.at
  for name, value in pairs(t.changed) do
    local where = at[name]
    if where then
      flat[where] = value
    else
      flat[#flat + 1] = name
      flat[#flat + 1] = value
    end
  end
  return flat
end

-- Aegis is owed what was touched and is analysed, unless somebody is writing it now: the revision says that it has changed again.
local function owe_touched(p, batch, now, flush)
  local seen, analysed, flaky = {}, {}, {}
  for _, id in ipairs(batch.touched_order) do
    local t = batch.touched[id]
    write_touched(p, id, t)
    -- To the second: aging counts in days, and most failures of a busy pattern come in the same one.
    if t.f.occurrence_count == '0' or t.f.status == 'deprecated' or t.ms >= t.last_ms - t.last_ms % 1000 + 1000 then
      seen[#seen + 1] = t.ms
      seen[#seen + 1] = id
    end
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
