-- The ledger of fixes: what was tried, what worked, what failed. Shared by the scripts that name it (`--@include _ledger`).
--
-- A trial is one use of a fix: { fix, repo, kind = 'reported' | 'inferred', verdict = 'pending' | 'worked' | 'failed', ms }.
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
  if old and trial and old.fix == trial.fix and old.kind == trial.kind and old.verdict == trial.verdict then return false end
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
