-- Lists of arguments that are longer than a call takes. Shared by the scripts that name it (`--@include _pieces`).

local PIECE = 2000

-- Calls `act` with the members of `list`, an even number of them at a time. What it returns is discarded.
local function in_pieces(list, act)
  for start = 1, #list, PIECE do act(unpack(list, start, math.min(start + PIECE - 1, #list))) end
end

-- The replies of a command that gives one value for each argument, as a table from argument to value, false where there is none.
local function looked_up(list, ask)
  local found = {}
  in_pieces(list, function(...)
    local asked = { ... }
    for i, value in ipairs(ask(...)) do found[asked[i]] = value end
  end)
  return found
end
