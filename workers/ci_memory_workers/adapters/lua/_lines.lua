-- What a batch does to the runs of jobs. Shared by the scripts that name it (`--@include _lines`).
--
-- `batch` holds what is written once at the batch's end: `lines` (line -> { revisions, failing }), and their `line_order`.

local MOST_RUNS, RUNS_SECONDS = 400, 45 * 86400

-- Whether a pass that was just kept came before runs that were read sooner, in a line of which something was learned: it may have ended a
-- streak of failures before the pass that seemed to.
local function is_late(p, line, key, score)
  if redis.call('EXISTS', p .. 'learned:' .. line) == 0 then return false end
  return tonumber(redis.call('ZREVRANGE', key, 0, 0, 'WITHSCORES')[2]) > score
end

-- Keeps a run for `services.learning`, which is due when the runs hold a failure: then a pass may be a fix.
local function keep_run(p, batch, line, run, attempt, id, record)
  if line == '' then return end
  local key = p .. 'line:' .. line
  local score = tonumber(run) * 1000 + math.min(attempt, 999)
  redis.call('ZADD', key, score, id .. '|' .. record)
  local kept = batch.lines[line]
  if not kept then
    kept = { revisions = 0, failing = false }
    batch.lines[line] = kept
    batch.line_order[#batch.line_order + 1] = line
  end
  if id ~= '' then
    kept.failed, kept.failing = true, true
  elseif not kept.failing then
    kept.failing = redis.call('SISMEMBER', p .. 'failing_lines', line) == 1 or is_late(p, line, key, score)
  end
  if kept.failing then kept.revisions = kept.revisions + 1 end
end

local function write_lines(p, batch, now)
  local failed, due = {}, {}
  for _, line in ipairs(batch.line_order) do
    local kept, key = batch.lines[line], p .. 'line:' .. line
    -- To ask costs less than to write: most lines have room, and were seen lately.
    if redis.call('ZCARD', key) > MOST_RUNS then redis.call('ZREMRANGEBYRANK', key, 0, -MOST_RUNS - 1) end
    if redis.call('TTL', key) < RUNS_SECONDS - 86400 then redis.call('EXPIRE', key, RUNS_SECONDS) end
    if kept.failed then failed[#failed + 1] = line end
    if kept.revisions > 0 then
      redis.call('HINCRBY', p .. 'line_revisions', line, kept.revisions)
      due[#due + 1] = now
      due[#due + 1] = line
    end
  end
  in_pieces(failed, function(...) redis.call('SADD', p .. 'failing_lines', ...) end)
  in_pieces(due, function(...) redis.call('ZADD', p .. 'due:transitions', 'NX', ...) end)
end
