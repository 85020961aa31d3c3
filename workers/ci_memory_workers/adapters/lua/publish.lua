--@include _answers
-- Stores answers and wakes who waits for them.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  how long an answer is kept, s    ARGV[2]  how long a wake-up is kept, s
-- ARGV[3…] event_id, answer (JSON), in turn
-- Reply    how many waiters were woken

local woken = 0
for i = 3, #ARGV, 2 do woken = woken + publish_answer(KEYS[1], ARGV[i], ARGV[i + 1], ARGV[1], ARGV[2]) end
return woken
