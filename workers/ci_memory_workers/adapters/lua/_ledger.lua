-- The ledger of fixes: what was tried, what worked, what failed. Shared by the scripts that name it (`--@include _ledger`).
--
-- A trial is one use of a fix: { fix, repo, kind = 'reported' | 'inferred', verdict = 'pending' | 'worked' | 'failed', ms }. One that was
-- inferred also says whether the failure persisted over several commits, whether it belongs to an outbreak, and has the fix in the words
-- of its own commit (words, JSON).
-- Trials are kept by their ids in trials:{pattern}; fixes:{pattern} holds, for each fix, its JSON ('fix|ID'), how many trials of each
-- kind and verdict it has ('n|ID|KIND|VERDICT'), in how many repositories ('repos|ID'), and when it last worked ('last|ID').

local MOST_VOTES = 200

-- Follows merges to the pattern that stands for `id` now.
local function surviving(p, id)
  for _ = 1, 16 do
    local into = redis.call('HGET', p .. 'pattern:' .. id, 'merged_into')
    if not into then return id end
    id = into
  end
  return id
end

-- A deprecated pattern that recurs comes back as it was.
local function revive(key)
  local state = redis.call('HMGET', key, 'status', 'status_before')
  if state[1] == 'deprecated' then redis.call('HSET', key, 'status', state[2] or 'unresolved', 'status_reason', '') end
end

-- A pattern has changed, and Aegis is owed the change at `ms`, or sooner if that was owed before. Whoever is writing it now sees by
-- the revision that it has changed again; its lease is not touched.
local function owe_memory(p, id, ms)
  redis.call('HINCRBY', p .. 'pattern:' .. id, 'revision', 1)
  if redis.call('HEXISTS', p .. 'leases:memory', id) == 0 then redis.call('ZADD', p .. 'due:memory', 'LT', ms, id) end
end

-- Keeps a vote for Aegis, unless so many wait that more would say nothing. `fix` names the strategy of a fix.
local function keep_vote(p, id, vote, target, context, fix)
  local list = p .. 'votes:' .. id
  if redis.call('LLEN', list) < MOST_VOTES then
    redis.call('RPUSH', list, cjson.encode({ vote = vote, target = target, context = context, fix_id = fix or '' }))
  end
end

-- Trials by their ids, as JSON.
local function trials_of(p, id)
  local fields, trials = redis.call('HGETALL', p .. 'trials:' .. id), {}
  for i = 1, #fields, 2 do trials[fields[i]] = fields[i + 1] end
  return trials
end

local function count_trial(p, id, trial, by)
  redis.call('HINCRBY', p .. 'fixes:' .. id, 'n|' .. trial.fix .. '|' .. trial.kind .. '|' .. trial.verdict, by)
  if trial.verdict ~= 'pending' then
    redis.call('HINCRBY', p .. 'totals', trial.verdict == 'worked' and 'fixes_worked' or 'fixes_failed', by)
  end
end

-- Puts a trial in the place of the one with its id; nil takes it out. A vote on the fix's strategy follows each verdict, once
-- (`silent`: it was cast before). Returns whether anything changed.
local function put_trial(p, id, trial_id, trial, silent)
  local trials, fixes = p .. 'trials:' .. id, p .. 'fixes:' .. id
  local encoded = redis.call('HGET', trials, trial_id)
  local old = encoded and cjson.decode(encoded) or nil
  if old and trial and old.fix == trial.fix and old.kind == trial.kind and old.verdict == trial.verdict
    and (old.persisted or false) == (trial.persisted or false) and (old.outbreak or false) == (trial.outbreak or false) then
    return false
  end
  if old then count_trial(p, id, old, -1) end
  if not trial then
    if old then redis.call('HDEL', trials, trial_id) end
    return old ~= nil
  end
  redis.call('HSET', trials, trial_id, cjson.encode(trial))
  count_trial(p, id, trial, 1)
  if redis.call('SADD', p .. 'fix_repos:' .. id .. ':' .. trial.fix, trial.repo) == 1 then
    redis.call('HINCRBY', fixes, 'repos|' .. trial.fix, 1)
  end
  if trial.verdict == 'worked' and trial.ms > tonumber(redis.call('HGET', fixes, 'last|' .. trial.fix) or '0') then
    redis.call('HSET', fixes, 'last|' .. trial.fix, trial.ms)
  end
  if not silent and trial.verdict ~= 'pending' and (not old or old.verdict ~= trial.verdict) then
    local vote = trial.verdict == 'worked' and 'helpful' or 'harmful'
    keep_vote(p, id, vote, 'strategy', trial.kind .. ': ' .. trial.verdict .. ' in ' .. trial.repo, trial.fix)
  end
  return true
end

local RANKS = { failed = 0, pending = 1, worked = 2 }

-- A fix that several commits made is told in the words of one that worked: of the newest, when the present words proved less.
local function choose_words(p, id, fix_id)
  local fixes = p .. 'fixes:' .. id
  local told, told_rank = redis.call('HGET', fixes, 'fix|' .. fix_id), -1
  local words, rank, ms = nil, -1, -1
  for _, encoded in pairs(trials_of(p, id)) do
    local trial = cjson.decode(encoded)
    if trial.fix == fix_id and trial.words then
      local its = RANKS[trial.verdict]
      if trial.words == told then told_rank = math.max(told_rank, its) end
      if its > rank or (its == rank and trial.ms > ms) then words, rank, ms = trial.words, its, trial.ms end
    end
  end
  if not words or (told and rank <= told_rank) then return end
  redis.call('HSET', fixes, 'fix|' .. fix_id, words)
  redis.call('HDEL', p .. 'links:' .. id, 'strategy_' .. fix_id)
  redis.call('XADD', p .. 'journal', '*', 'kind', 'learned_fix', 'pattern_id', id, 'fix', words)
end

-- A learned fix that nothing speaks for or against any more, and no person either, is no longer known.
local function drop_untried(p, id, fix_id)
  local fixes = p .. 'fixes:' .. id
  local told = redis.call('HGET', fixes, 'fix|' .. fix_id)
  if not told or not cjson.decode(told).learned then return end
  if redis.call('HEXISTS', fixes, 'pin|' .. fix_id) + redis.call('HEXISTS', fixes, 'veto|' .. fix_id) > 0 then return end
  for _, encoded in pairs(trials_of(p, id)) do
    if cjson.decode(encoded).fix == fix_id then return end
  end
  for _, name in ipairs(redis.call('HKEYS', fixes)) do
    if string.match(name, '^%a+|([^|]*)') == fix_id then redis.call('HDEL', fixes, name) end
  end
  redis.call('DEL', p .. 'fix_repos:' .. id .. ':' .. fix_id)
  -- What was resolved by it alone, and by nobody's word, is open again.
  local key = p .. 'pattern:' .. id
  local state = redis.call('HMGET', key, 'status', 'resolved_kind', 'resolved_fix')
  if state[1] == 'resolved' and state[2] == 'inferred' and state[3] == fix_id then
    redis.call('HSET', key, 'status', 'unresolved')
    redis.call('HDEL', key, 'fix_repo', 'resolved_ms', 'fix_commits', 'resolved_fix', 'resolved_kind')
  end
end

-- Takes a trial that was inferred out of the ledger. Returns whether it was there.
local function withdraw_trial(p, id, trial_id)
  local encoded = redis.call('HGET', p .. 'trials:' .. id, trial_id)
  if not encoded then return false end
  local trial = cjson.decode(encoded)
  if trial.kind ~= 'inferred' then return false end
  put_trial(p, id, trial_id, nil)
  choose_words(p, id, trial.fix)
  drop_untried(p, id, trial.fix)
  return true
end

-- Takes out what was inferred and `gone` says of.
local function withdraw_trials(p, id, gone)
  for trial_id, encoded in pairs(trials_of(p, id)) do
    if gone(cjson.decode(encoded)) then withdraw_trial(p, id, trial_id) end
  end
end
