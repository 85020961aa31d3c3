-- Watches the files of a fix in its repository.
--
-- KEYS[1]  the tenant's prefix
-- ARGV[1]  digest of the repository   ARGV[2]  'pattern_id fix_id'
-- ARGV[3]  how long the repository's files are watched from now, s
-- ARGV[4]  most files of a repository   ARGV[5]  most fixes of a file   ARGV[6…]  files
--
-- watched:{repo} holds 'pattern_id fix_id' of each fix that changed a file, by the file, one a line, the newest first.

local key, entry, most_files, most_fixes = KEYS[1] .. 'watched:' .. ARGV[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5])
for i = 6, #ARGV do
  local before = redis.call('HGET', key, ARGV[i])
  if before or redis.call('HLEN', key) < most_files then
    local kept = { entry }
    for other in string.gmatch(before or '', '[^\n]+') do
      if other ~= entry and #kept < most_fixes then kept[#kept + 1] = other end
    end
    redis.call('HSET', key, ARGV[i], table.concat(kept, '\n'))
  end
end
redis.call('EXPIRE', key, ARGV[3])
return #ARGV - 5
