-- Applies a reported resolution to its pattern, exactly once: the lease's token and the due entry are checked and removed here.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  event_id   ARGV[2]  token   ARGV[3]  pattern_id   ARGV[4]  now, ms   ARGV[5]  fix_id   ARGV[6]  fix (JSON; '' for a rerun)
-- ARGV[7]  repo       ARGV[8]  journal entry (JSON)   ARGV[9]  context of the vote
-- Reply    1, or 0 when the lease was lost to another (nothing is changed)

local p, event_id, id = KEYS[1], ARGV[1], ARGV[3]
if redis.call('HGET', p .. 'leases:resolutions', event_id) ~= ARGV[2] then return 0 end
local key, votes = p .. 'pattern:' .. id, p .. 'votes:' .. id
if ARGV[6] == '' then
  redis.call('HINCRBY', key, 'flaky_count', 1)
  if tonumber(redis.call('HGET', key, 'flaky_count')) > tonumber(redis.call('HGET', key, 'episodes') or '0') then
    redis.call('HSET', key, 'flaky_count', redis.call('HGET', key, 'episodes') or '0')
  end
  redis.call('HSET', key, 'status', 'flaky')
  redis.call('RPUSH', votes, cjson.encode({ vote = 'harmful', target = 'reflection', context = ARGV[9] }))
  redis.call('ZADD', p .. 'due:quarantine', ARGV[4], id)
else
  local commits = {}
  for _, recent in ipairs(redis.call('LRANGE', p .. 'recent:' .. id, 0, -1)) do
    commits[#commits + 1] = cjson.decode(recent)['commit']
  end
  redis.call('HSET', key, 'status', 'resolved', 'fix_id', ARGV[5], 'fix_repo', ARGV[7], 'resolved_ms', ARGV[4],
    'fix_commits', table.concat(commits, ' '), 'recurred', '0')
  redis.call('HSET', p .. 'fixes:' .. id, 'fix|' .. ARGV[5], ARGV[6])
  redis.call('HINCRBY', p .. 'fixes:' .. id, 'worked|' .. ARGV[5], 1)
  redis.call('HINCRBY', p .. 'totals', 'fixes_worked', 1)
  redis.call('RPUSH', votes, cjson.encode({ vote = 'helpful', target = 'reflection', context = ARGV[9] }))
  redis.call('RPUSH', votes, cjson.encode({ vote = 'helpful', target = 'strategy', context = ARGV[9] }))
end
redis.call('XADD', p .. 'journal', '*', 'kind', 'resolution', 'entry', ARGV[8])
redis.call('HINCRBY', key, 'revision', 1)
redis.call('ZADD', p .. 'due:memory', ARGV[4], id)
redis.call('ZREM', p .. 'due:resolutions', event_id)
redis.call('HDEL', p .. 'leases:resolutions', event_id)
redis.call('DEL', p .. 'resolution:' .. event_id)
return 1
