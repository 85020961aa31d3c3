--@include _recent
-- What a batch does to its patterns. Shared by the scripts that name it (`--@include _touched`); needs _tally, _small, _version.
--
-- What a batch needs of a pattern is read once, changed in a table, and written once at the batch's end: most failures of a batch are of
-- few patterns. What is written to its hash meanwhile by other ways is rare, touches other fields, and says `stale`: a new version. `batch`
-- holds `touched` (pattern id -> table), and their `touched_order`.

local READ = { 'tally', 'status', 'analysed', 'resolved_ms', 'fix_repo', '~version', '~merged', '~recent', '~repos', '~lines_of', '~outbreak_in' }

local function touch(p, batch, id)
  local t = batch.touched[id]
  if t then return t end
  local key = p .. 'pattern:' .. id
  local v = redis.call('HMGET', key, unpack(READ))
  t = open_tally(v[1], { key = key, status = v[2], analysed = v[3], resolved_ms = tonumber(v[4] or '') or 0, fix_repo = v[5],
    version = v[6] or '', merged = v[7] and redis.call('SMEMBERS', p .. 'merged:' .. id) or {}, ms = 0,
    packed = { ['~recent'] = v[8] or nil, ['~repos'] = v[9] or nil, ['~lines_of'] = v[10] or nil, ['~outbreak_in'] = v[11] or nil },
    changed = {} })
  t.was_seen = t.occurrence_count > 0 and t.status ~= 'deprecated'
  if t.status == 'deprecated' then
    t.status, t.stale = redis.call('HGET', key, 'status_before') or 'unresolved', true
    redis.call('HSET', key, 'status', t.status, 'status_reason', '')
  end
  batch.touched[id] = t
  batch.touched_order[#batch.touched_order + 1] = id
  return t
end

-- Puts `name` into a small collection of names alone. Returns whether it is new there.
local function meet(p, id, t, what, name)
  local field = '~' .. what
  local packed = joined(p, id, what, t.packed[field], name)
  if not packed then return false end
  t.packed[field], t.changed[field] = packed, packed
  return true
end

-- It was seen in one place more.
local function seen_in(t, place, commit, ms)
  local packed = seen_at(t.packed['~recent'], place, commit, ms)
  t.packed['~recent'], t.changed['~recent'] = packed, packed
end

local function write_touched(p, id, t)
  t.revision, t.last_ms = t.revision + 1, math.max(t.last_ms, t.ms)
  t.tally = close_tally(t)
  if t.stale then t.changed[VERSION] = new_version() end
  local fields = { t.key, 'tally', t.tally }
  for name, value in pairs(t.changed) do
    fields[#fields + 1] = name
    fields[#fields + 1] = value
  end
  redis.call('HSET', unpack(fields))
end

-- Aegis is owed what was touched and is analysed, unless somebody is writing it now: the revision says that it has changed again.
local function owe_touched(p, batch, now, flush)
  local seen, analysed, flaky = {}, {}, {}
  for _, id in ipairs(batch.touched_order) do
    local t = batch.touched[id]
    local last_ms = t.last_ms
    write_touched(p, id, t)
    -- To the second: aging counts in days, and most failures of a busy pattern come in the same one.
    if not t.was_seen or t.ms >= last_ms - last_ms % 1000 + 1000 then
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
