-- Who is to be notified of what. Shared by the scripts that name it (`--@include _notices`).
--
-- A notice is one execution of a job, notice:{work}: a hash of its place (JSON), line, order, passed ('1'), first_ms, told_ms, revision,
-- events (how many failures it has), and for each of the first of them e|{event_id} = 'number|test id'. A line is a job on a branch,
-- noticed:{line}: order and work (of the newest execution; orders sort as text), state ('failed' | 'passed'), and change|{channel}, the
-- change request in which it is told. notice_of:{event_id} leads to the notice of a failure whose answer is not final yet.

local MOST_NOTICED, QUIET_MS = 64, 5000

local function owe_notice(p, work, now)
  local key = p .. 'notice:' .. work
  redis.call('HINCRBY', key, 'revision', 1)
  -- What is told already is told anew at most once in a while; who tells it now sees by the revision that it has changed.
  local due = math.max(now, tonumber(redis.call('HGET', key, 'told_ms') or '0') + QUIET_MS)
  if redis.call('HEXISTS', p .. 'leases:notify', work) == 0 then redis.call('ZADD', p .. 'due:notify', due, work) end
end

-- Writes a failure into its notice. `anywhere` is the job, where its branch is unknown ('' where it is known). Returns whether it is new there, and not of an execution that a later one has overtaken.
local function note_failure(p, event_id, work, line, order, place, test, final, anywhere, now, kept_s)
  local key, noted = p .. 'notice:' .. work, p .. 'noticed:' .. line
  if redis.call('HEXISTS', key, 'e|' .. event_id) == 1 then return false end
  local number = redis.call('HINCRBY', key, 'events', 1)
  if number > MOST_NOTICED then return false end
  redis.call('HSET', key, 'e|' .. event_id, number .. '|' .. test)
  if number == 1 then
    redis.call('HSET', key, 'place', place, 'line', line, 'passed', '0', 'order', order, 'first_ms', string.format('%.0f', now))
    redis.call('EXPIRE', key, kept_s)
  elseif order > redis.call('HGET', key, 'order') then
    redis.call('HSET', key, 'order', order)
  end
  if anywhere ~= '' then redis.call('SET', p .. 'noticed_anywhere:' .. anywhere, '1', 'EX', kept_s) end
  if not final then redis.call('SET', p .. 'notice_of:' .. event_id, work, 'EX', kept_s) end
  local before = redis.call('HMGET', noted, 'order', 'state')
  if order < (before[1] or '') then return false end
  if order ~= before[1] or before[2] ~= 'failed' then
    redis.call('HSET', noted, 'order', order, 'work', work, 'state', 'failed')
    redis.call('EXPIRE', noted, kept_s)
  end
  return true
end

-- Writes a pass of a whole job down. Returns whether the job had failed before, or may have where branches are unknown: then its notice
-- is due.
local function note_pass(p, work, line, order, place, anywhere, kept_s)
  local key, noted = p .. 'notice:' .. work, p .. 'noticed:' .. line
  local before = redis.call('HMGET', noted, 'order', 'state')
  if order <= (before[1] or '') then return false end
  redis.call('HSET', noted, 'order', order, 'work', work, 'state', 'passed')
  redis.call('EXPIRE', noted, kept_s)
  local may_have = anywhere ~= '' and redis.call('EXISTS', p .. 'noticed_anywhere:' .. anywhere) == 1
  if before[2] ~= 'failed' and not may_have then return false end
  redis.call('HSET', key, 'place', place, 'line', line, 'passed', '1', 'order', order)
  redis.call('EXPIRE', key, kept_s)
  return true
end

-- Makes the notices due of which something can be told. `told` are the events that are answered by this call. Notices stand in ARGV
-- from `first`: kind ('F' | 'P'), event_id, work, line, order, place (JSON), test id, final ('1': its answer will not change), and the job
-- where its branch is unknown.
local function owe_notices(p, told, first, now, kept_s)
  local owed, order, here = {}, {}, {}
  local function owe(work)
    if not owed[work] then
      owed[work] = true
      order[#order + 1] = work
    end
  end
  for i = first, #ARGV, 9 do
    local kind, event_id, work, line, at, place, test, final, anywhere = unpack(ARGV, i, i + 8)
    here[event_id] = true
    if kind == 'P' then
      if note_pass(p, work, line, at, place, anywhere, kept_s) then owe(work) end
    elseif note_failure(p, event_id, work, line, at, place, test, final == '1', anywhere, now, kept_s) then
      -- Its answer may have been given before this was written down.
      if redis.call('EXISTS', p .. 'result:' .. event_id) == 1 then owe(work) end
    end
  end
  for _, event_id in ipairs(told) do
    local work = not here[event_id] and redis.call('GET', p .. 'notice_of:' .. event_id)
    if work and redis.call('EXISTS', p .. 'notice:' .. work) == 1 then owe(work) end
  end
  for _, work in ipairs(order) do owe_notice(p, work, now) end
  return order
end
