--@include _tally
--@include _small
-- The ledger of fixes: what was tried, what worked, what failed. Shared by the scripts that name it (`--@include _ledger`).
--
-- A trial is one use of a fix: { fix, repo, kind = 'reported' | 'inferred', verdict = 'pending' | 'worked' | 'failed', ms }. One that was
-- inferred also says whether the failure persisted over several commits, whether it belongs to an outbreak, and has the fix in the words
-- of its own commit (words, JSON).
-- Trials are kept by their ids. pattern:{id} holds, for each fix, what it says ('fix|ID', a JSON array: see `encode_fix`), and how many
-- trials of each kind and verdict it has, in how many repositories, and when it last worked ('n|ID').

local MOST_VOTES = 200
-- Where a fix says its commit, its repository, when it was told, and whether it was learned.
local FIX_COMMIT, FIX_REPO, FIX_MS, FIX_LEARNED = 3, 5, 6, 7

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
  count_revision(p, id)
  if redis.call('HEXISTS', p .. 'leases:memory', id) == 0 then redis.call('ZADD', p .. 'due:memory', 'LT', ms, id) end
end

-- Keeps a vote for Aegis, unless so many wait that more would say nothing. `fix` names the strategy of a fix.
local function keep_vote(p, id, vote, target, context, fix)
  local list = p .. 'votes:' .. id
  if redis.call('LLEN', list) < MOST_VOTES then
    redis.call('RPUSH', list, cjson.encode({ vote = vote, target = target, context = context, fix_id = fix or '' }))
  end
end

-- Takes a vote off the list that still waits for Aegis there: what it was for is no longer so.
local function take_vote_back(p, id, vote, target, context, fix)
  local list = p .. 'votes:' .. id
  for _, waiting in ipairs(redis.call('LRANGE', list, 0, -1)) do
    local it = cjson.decode(waiting)
    if it.vote == vote and it.target == target and it.context == context and it.fix_id == (fix or '') then
      return redis.call('LREM', list, 1, waiting)
    end
  end
end

-- Trials are packed as { fix, repo, kind and verdict, ms, flags, words }, what is absent at the end left out.
local VERDICTS = { 'pending', 'worked', 'failed' }
local OUTCOMES, OUTCOME = {}, { reported = {}, inferred = {} }
for number, kind in ipairs({ 'reported', 'inferred' }) do
  for at, verdict in ipairs(VERDICTS) do
    OUTCOMES[3 * number + at - 3] = { kind, verdict }
    OUTCOME[kind][verdict] = 3 * number + at - 3
  end
end

local function open_trial(packed)
  local outcome, flags = OUTCOMES[packed[3]], packed[5] or 0
  return { fix = packed[1], repo = packed[2], kind = outcome[1], verdict = outcome[2], ms = packed[4], persisted = bit.band(flags, 1) > 0,
    outbreak = bit.band(flags, 2) > 0, unsure = bit.band(flags, 4) > 0, words = packed[6] }
end

local function close_trial(trial)
  local flags = (trial.persisted and 1 or 0) + (trial.outbreak and 2 or 0) + (trial.unsure and 4 or 0)
  local packed = { trial.fix, trial.repo, OUTCOME[trial.kind][trial.verdict], trial.ms }
  if flags > 0 or trial.words then packed[5] = flags end
  packed[6] = trial.words
  return packed
end

-- Trials by their ids.
local function trials_of(p, id)
  local trials = members(p, id, 'trials')
  for trial_id, packed in pairs(trials) do trials[trial_id] = open_trial(packed) end
  return trials
end

-- A trial by its id, or nil.
local function trial_of(p, id, trial_id)
  local packed = member(p, id, 'trials', trial_id)
  return packed and open_trial(packed) or nil
end

-- What a person has reported for a repository: { trial, ms }, or nil.
local function report_of(p, id, repo)
  local trial_id = member(p, id, 'reported', repo)
  local trial = trial_id and trial_of(p, id, trial_id)
  return trial and { trial = trial_id, ms = trial.ms } or nil
end

-- What is counted of a fix, as numbers: trials by OUTCOME, then REPOS and LAST.
local REPOS, LAST = 7, 8

local function counts_of(packed)
  local counts = {}
  for number in string.gmatch(packed or '', '%d+') do counts[#counts + 1] = tonumber(number) end
  for i = #counts + 1, LAST do counts[i] = 0 end
  return counts
end

local function put_counts(p, id, fix, counts)
  redis.call('HSET', p .. 'pattern:' .. id, 'n|' .. fix, string.format('%.0f %.0f %.0f %.0f %.0f %.0f %.0f %.0f', unpack(counts)))
end

local function count_trial(p, id, counts, trial, by)
  local outcome = OUTCOME[trial.kind][trial.verdict]
  counts[outcome] = math.max(0, counts[outcome] + by)
  if trial.verdict ~= 'pending' then
    redis.call('HINCRBY', p .. 'totals', trial.verdict == 'worked' and 'fixes_worked' or 'fixes_failed', by)
  end
end

-- When a fix last worked in another trial than this one; 0 for never.
local function worked_before(p, id, fix, trial_id)
  local last = 0
  for other, trial in pairs(trials_of(p, id)) do
    if other ~= trial_id and trial.fix == fix and trial.verdict == 'worked' then last = math.max(last, trial.ms) end
  end
  return last
end

-- The vote on a fix's strategy that a trial's verdict is, as arguments of keep_vote after the pattern.
local function vote_of(trial)
  return trial.verdict == 'worked' and 'helpful' or 'harmful', 'strategy', trial.kind .. ': ' .. trial.verdict .. ' in ' .. trial.repo, trial.fix
end

local function same_trial(one, other)
  for _, field in ipairs({ 'fix', 'kind', 'verdict', 'ms' }) do
    if one[field] ~= other[field] then return false end
  end
  for _, flag in ipairs({ 'persisted', 'outbreak', 'unsure' }) do
    if (one[flag] or false) ~= (other[flag] or false) then return false end
  end
  return true
end

-- Puts a trial in the place of the one with its id; nil takes it out. A vote on the fix's strategy follows each verdict, once
-- (`silent`: it was cast before). Returns whether anything changed.
local function put_trial(p, id, trial_id, trial, silent)
  local key, old = p .. 'pattern:' .. id, trial_of(p, id, trial_id)
  if old and trial and same_trial(old, trial) then return false end
  if old then
    local counts = counts_of(redis.call('HGET', key, 'n|' .. old.fix))
    count_trial(p, id, counts, old, -1)
    if old.verdict == 'worked' and old.ms == counts[LAST] then counts[LAST] = worked_before(p, id, old.fix, trial_id) end
    put_counts(p, id, old.fix, counts)
  end
  if not trial then
    if old then drop_member(p, id, 'trials', trial_id) end
    return old ~= nil
  end
  put_member(p, id, 'trials', trial_id, close_trial(trial))
  local counts = counts_of(redis.call('HGET', key, 'n|' .. trial.fix))
  count_trial(p, id, counts, trial, 1)
  if put_member(p, id, 'fix_repos', trial.fix .. '|' .. trial.repo, true) then counts[REPOS] = counts[REPOS] + 1 end
  if trial.verdict == 'worked' then counts[LAST] = math.max(counts[LAST], trial.ms) end
  put_counts(p, id, trial.fix, counts)
  if not silent and trial.verdict ~= 'pending' and (not old or old.verdict ~= trial.verdict or old.fix ~= trial.fix) then
    keep_vote(p, id, vote_of(trial))
  end
  return true
end

-- The repositories in which a fix was tried.
local function repos_of_fix(p, id, fix_id)
  local found, own = {}, fix_id .. '|'
  for name in pairs(members(p, id, 'fix_repos')) do
    if string.sub(name, 1, #own) == own then found[#found + 1] = string.sub(name, #own + 1) end
  end
  return found
end

local function drop_fix(p, id, fix_id)
  local key = p .. 'pattern:' .. id
  redis.call('HDEL', key, 'fix|' .. fix_id, 'n|' .. fix_id, 'changed|' .. fix_id, 'pin|' .. fix_id, 'veto|' .. fix_id)
  for _, repo in ipairs(repos_of_fix(p, id, fix_id)) do drop_member(p, id, 'fix_repos', fix_id .. '|' .. repo) end
end

local RANKS = { failed = 0, pending = 1, worked = 2 }

-- A fix that several commits made is told in the words of one that worked: of the newest, when the present words proved less.
local function choose_words(p, id, fix_id)
  local key = p .. 'pattern:' .. id
  local told, told_rank = redis.call('HGET', key, 'fix|' .. fix_id), -1
  local words, rank, ms = nil, -1, -1
  for _, trial in pairs(trials_of(p, id)) do
    if trial.fix == fix_id and trial.words then
      local its = RANKS[trial.verdict]
      if trial.words == told then told_rank = math.max(told_rank, its) end
      if its > rank or (its == rank and trial.ms > ms) then words, rank, ms = trial.words, its, trial.ms end
    end
  end
  if not words or (told and rank <= told_rank) then return end
  redis.call('HSET', key, 'fix|' .. fix_id, words)
  redis.call('HDEL', p .. 'links:' .. id, 'strategy_' .. fix_id)
  redis.call('XADD', p .. 'journal', '*', 'kind', 'learned_fix', 'pattern_id', id, 'fix_id', fix_id, 'fix', words)
end

-- A learned fix that nothing speaks for or against any more, and no person either, is no longer known.
local function drop_untried(p, id, fix_id)
  local key = p .. 'pattern:' .. id
  local told = redis.call('HMGET', key, 'fix|' .. fix_id, 'pin|' .. fix_id, 'veto|' .. fix_id)
  if not told[1] or not cjson.decode(told[1])[FIX_LEARNED] or told[2] or told[3] then return end
  for _, trial in pairs(trials_of(p, id)) do
    if trial.fix == fix_id then return end
  end
  drop_fix(p, id, fix_id)
end

-- What an inferred trial had resolved that has gone, or failed, is resolved by the newest one that stays and did not, or by none: then it is
-- open again, unless a person has said otherwise.
local function fall_back(p, id, gone)
  local key, newest = p .. 'pattern:' .. id, nil
  local state = redis.call('HMGET', key, 'status', 'resolved_kind', 'resolved_fix', 'resolved_ms')
  if state[3] ~= gone.fix or tonumber(state[4] or '') ~= gone.ms then return end
  for _, trial in pairs(trials_of(p, id)) do
    local newer = not newest or trial.ms > newest.ms or (trial.ms == newest.ms and trial.fix > newest.fix)
    if newer and trial.verdict ~= 'failed' then newest = trial end
  end
  if newest then
    redis.call('HSET', key, 'fix_repo', newest.repo, 'resolved_ms', newest.ms, 'fix_commits', '', 'resolved_fix', newest.fix, 'recurred', '0')
  elseif state[2] == 'inferred' then
    if state[1] == 'resolved' then redis.call('HSET', key, 'status', 'unresolved') end
    redis.call('HDEL', key, 'fix_repo', 'resolved_ms', 'fix_commits', 'resolved_fix', 'resolved_kind')
  end
end

-- Takes a trial that was inferred out of the ledger, with its vote if that still waits (unless `voted`: another trial is what it was for).
-- Returns whether it was there.
local function withdraw_trial(p, id, trial_id, voted)
  local trial = trial_of(p, id, trial_id)
  if not trial or trial.kind ~= 'inferred' then return false end
  put_trial(p, id, trial_id, nil)
  if trial.verdict ~= 'pending' and not voted then take_vote_back(p, id, vote_of(trial)) end
  choose_words(p, id, trial.fix)
  drop_untried(p, id, trial.fix)
  fall_back(p, id, trial)
  return true
end

-- Takes out what was inferred and `gone` says of.
local function withdraw_trials(p, id, gone)
  for trial_id, trial in pairs(trials_of(p, id)) do
    if gone(trial) then withdraw_trial(p, id, trial_id) end
  end
end
