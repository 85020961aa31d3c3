-- What a person said of the fixes of a pattern: beside the ledger in pattern:{id}, 'veto|FIX' and 'pin|FIX' hold { by, why, ms }
-- (JSON). A pattern has one pin at most, and no fix is both. Shared by the scripts that name it (`--@include _rulings`).

-- The fix that is pinned, or nil.
local function pin_of(p, id)
  for _, field in ipairs(redis.call('HKEYS', p .. 'pattern:' .. id)) do
    if string.sub(field, 1, 4) == 'pin|' then return string.sub(field, 5) end
  end
  return nil
end

local function ruling_of(by, why, now) return cjson.encode({ by = by, why = why, ms = tonumber(now) }) end
