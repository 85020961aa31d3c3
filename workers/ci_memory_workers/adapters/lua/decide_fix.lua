--@include _versioned
--@include _ledger
--@include _rulings
-- Writes what a person says of a fix: never suggested again, or suggested first. Journalled.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  'veto' | 'lift' (a veto) | 'pin' | 'unpin'   ARGV[2]  pattern_id   ARGV[3]  fix_id   ARGV[4]  now, ms   ARGV[5]  who   ARGV[6]  why
-- Reply    { 'done', pattern_id that stands for it } | { 'unknown_pattern' | 'unknown_fix' | 'not_vetoed' | 'not_pinned', pattern_id }
--          | { 'vetoed', who } (it can't be pinned); only the first changes anything

local p, decision, fix, now = KEYS[1], ARGV[1], ARGV[3], tonumber(ARGV[4])
local id = surviving(p, ARGV[2])
local fixes = p .. 'pattern:' .. id
if redis.call('EXISTS', p .. 'pattern:' .. id) == 0 then return { 'unknown_pattern', ARGV[2] } end
if redis.call('HEXISTS', fixes, 'fix|' .. fix) == 0 then return { 'unknown_fix', id } end

local decide = {
  veto = function()
    redis.call('HSET', fixes, 'veto|' .. fix, ruling_of(ARGV[5], ARGV[6], now))
    redis.call('HDEL', fixes, 'pin|' .. fix)
  end,
  lift = function()
    if redis.call('HDEL', fixes, 'veto|' .. fix) == 0 then return { 'not_vetoed', id } end
  end,
  pin = function()
    local veto = redis.call('HGET', fixes, 'veto|' .. fix)
    if veto then return { 'vetoed', cjson.decode(veto).by } end
    local before = pin_of(p, id)
    if before then redis.call('HDEL', fixes, 'pin|' .. before) end
    redis.call('HSET', fixes, 'pin|' .. fix, ruling_of(ARGV[5], ARGV[6], now))
  end,
  unpin = function()
    if redis.call('HDEL', fixes, 'pin|' .. fix) == 0 then return { 'not_pinned', id } end
  end,
}
local refused = decide[decision]()
if refused then return refused end
redis.call('XADD', p .. 'journal', '*', 'kind', 'decision', 'decision', decision, 'pattern_id', id, 'fix_id', fix, 'by', ARGV[5], 'why', ARGV[6],
  'ms', now)
owe_memory(p, id, now)
return { 'done', id }
