--@include _versioned
--@include _merge
-- Applies a journal entry to a restored pattern whose state is older than the entry. No votes are cast again.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  pattern_id   ARGV[2]  entry id   ARGV[3]  its ms   ARGV[4]  kind
-- ARGV[5…] 'fix' and 'rerun': fix_id, fix (JSON), repo, event_id     'learned_fix': fix_id, fix (JSON)
--          'status': from, to, reason     'alias': pattern_id that went, fingerprints, by blanks     'fingerprint': fingerprint
--          'veto', 'lift', 'pin', 'unpin': fix_id, ruling (JSON)   'own': owner, ruling (JSON)   'split': fingerprints, by blanks, ruling   'forget': ruling
-- Reply    1, or 0 when the pattern is unknown, was not restored, or has the entry in it

local p, id, entry, now = KEYS[1], surviving(KEYS[1], ARGV[1]), ARGV[2], tonumber(ARGV[3])
local key = p .. 'pattern:' .. id

local function parts(stream_id)
  local ms, sequence = string.match(stream_id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(sequence)
end

local has = redis.call('HGET', key, 'journal_id')
if not has then return 0 end
local has_ms, has_sequence = parts(has)
local ms, sequence = parts(entry)
if ms < has_ms or (ms == has_ms and sequence <= has_sequence) then return 0 end

local function name_fingerprints(fingerprints)
  for fingerprint in string.gmatch(fingerprints, '%S+') do
    redis.call('HSET', p .. 'fingerprints', fingerprint, id)
    put_member(p, id, 'aliases', fingerprint, true)
  end
end

local kinds = {}

function kinds.fix()
  redis.call('HSET', key, 'status', 'resolved', 'fix_repo', ARGV[7], 'resolved_ms', now, 'resolved_fix', ARGV[5],
    'resolved_kind', 'reported', 'recurred', '0', 'fix|' .. ARGV[5], ARGV[6])
  for trial_id, trial in pairs(trials_of(p, id)) do
    if trial.repo == ARGV[7] and trial.kind == 'inferred' and trial.verdict ~= 'failed' then withdraw_trial(p, id, trial_id) end
  end
  put_trial(p, id, ARGV[8], { fix = ARGV[5], repo = ARGV[7], kind = 'reported', verdict = 'worked', ms = now }, true)
  put_member(p, id, 'reported', ARGV[7], ARGV[8])
end

function kinds.rerun()
  local flaky = math.min(tally_of(p, id).episodes, tonumber(redis.call('HGET', key, 'flaky_count') or '0') + 1)
  redis.call('HSET', key, 'flaky_count', flaky, 'status', 'flaky')
end

function kinds.learned_fix() redis.call('HSET', key, 'fix|' .. ARGV[5], ARGV[6]) end

function kinds.status()
  redis.call('HSET', key, 'status', ARGV[6], 'status_reason', ARGV[7], 'status_ms', now)
  if ARGV[5] ~= ARGV[6] then redis.call('HSET', key, 'status_before', ARGV[5]) end
  redis.call(ARGV[6] == 'quarantined' and 'SADD' or 'SREM', p .. 'quarantined', id)
end

function kinds.alias()
  name_fingerprints(ARGV[6])
  if ARGV[5] == id or surviving(p, ARGV[5]) ~= ARGV[5] then return end
  if redis.call('HEXISTS', p .. 'pattern:' .. ARGV[5], 'status') == 1 then
    merge(p, ARGV[5], id, now, 'merged before', false)
  else
    redis.call('HSET', p .. 'pattern:' .. ARGV[5], 'merged_into', id)
    stand_for(p, id, ARGV[5])
  end
end

function kinds.fingerprint() name_fingerprints(ARGV[5]) end

function kinds.veto()
  redis.call('HSET', key, 'veto|' .. ARGV[5], ARGV[6])
  redis.call('HDEL', key, 'pin|' .. ARGV[5])
end

function kinds.lift() redis.call('HDEL', key, 'veto|' .. ARGV[5]) end

function kinds.pin()
  local before = pin_of(p, id)
  if before then redis.call('HDEL', key, 'pin|' .. before) end
  redis.call('HSET', key, 'pin|' .. ARGV[5], ARGV[6])
end

function kinds.unpin() redis.call('HDEL', key, 'pin|' .. ARGV[5]) end

function kinds.own()
  local ruling = cjson.decode(ARGV[6])
  redis.call('HSET', key, 'owner', ARGV[5], 'owner_by', ruling.by, 'owner_why', ruling.why, 'owner_ms', string.format('%d', ruling.ms))
end

-- The fingerprints that left make a pattern of their own again with the next failure, or have it: their memories came back with them.
function kinds.split()
  for fingerprint in string.gmatch(ARGV[5], '%S+') do
    drop_member(p, id, 'aliases', fingerprint)
    if redis.call('HGET', p .. 'fingerprints', fingerprint) == id then redis.call('HDEL', p .. 'fingerprints', fingerprint) end
    for _, other in ipairs(fingerprints_of(p, id)) do keep_apart(p, fingerprint, other, ARGV[6]) end
  end
end

function kinds.forget()
  for _, fingerprint in ipairs(fingerprints_of(p, id)) do redis.call('HDEL', p .. 'fingerprints', fingerprint) end
  for _, name in ipairs({ 'pattern:', 'sample:', 'repos:', 'trials:', 'fix_repos:', 'lines_of:', 'reported:', 'aliases:', 'merged:', 'links:' }) do
    redis.call('DEL', p .. name .. id)
  end
  redis.call('ZREM', p .. 'last_seen', id)
  redis.call('SREM', p .. 'quarantined', id)
  redis.call('HSET', p .. 'forgotten', id, ARGV[5])
  redis.call('ZADD', p .. 'due:memory', now, id)
end

kinds[ARGV[4]]()
if ARGV[4] == 'forget' then return 1 end
redis.call('HSET', key, 'journal_id', entry)
owe_memory(p, id, now)
return 1
