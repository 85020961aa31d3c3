-- How an answer is stored, and handed to who waits for it. Shared by the scripts that name it (`--@include _answers`).

local function publish_answer(p, event_id, answer, kept_s, wake_s)
  redis.call('SET', p .. 'result:' .. event_id, answer, 'EX', kept_s)
  if redis.call('EXISTS', p .. 'waiting:' .. event_id) == 0 then return 0 end
  redis.call('LPUSH', p .. 'wake:' .. event_id, answer)
  redis.call('EXPIRE', p .. 'wake:' .. event_id, wake_s)
  return 1
end
