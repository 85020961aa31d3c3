"""From a line that says something to the block of lines that belongs to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ci_memory_producers.excerpt.around import Around, around
from ci_memory_producers.excerpt.extents import FRAME, TRACEBACK, bounds, is_chained
from ci_memory_producers.excerpt.listed import item_name, items
from ci_memory_producers.excerpt.model import MAX_EXCERPT_LINES
from ci_memory_producers.excerpt.rules import Extent
from ci_memory_producers.excerpt.scan import Anchor

_LONGEST = 300
_SHORT = 5
_BEFORE = 3
_AFTER = 5
_HEAD = 6
_TELLING = re.compile(
    r"^(?:E  |>  )|\b[Ee]rror\b|\bERROR\b|\bFAIL|Exception\b|\b[Ff]ailed\b|[Ee]xpected|[Rr]eceived|undefined|cannot|not found"
)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that belong to one failure, with their numbers in the log; ``at`` is the index of the line that names it.

    ``test`` is the name of the failed test, or empty; ``why`` what its rule takes from the line, or empty. ``chained`` says
    that it is an exception which another was raised from.
    """

    anchor: Anchor
    lines: tuple[str, ...]
    numbers: tuple[int, ...]
    at: int
    test: str = ""
    why: str = ""
    chained: bool = False


def blocks_of(anchor: Anchor) -> list[Block]:
    """The block of an anchor; several where it begins a list of failures."""
    long = anchor.rule.listing or anchor.rule.extent is Extent.SECTION
    near = around(anchor, _LONGEST if long else MAX_EXCERPT_LINES + 10)
    if anchor.rule.listing:
        listed = items(near)
        if listed:
            return [_block(anchor, near, begin, end, begin, name) for begin, end, name in listed]
    begin, end = bounds(anchor.rule, near)
    found = anchor.rule.pattern.search(anchor.text)
    groups = found.groupdict() if found else {}
    test = (groups.get("test") or "").strip()
    if anchor.rule.name == "numbered.failure":
        test = item_name(near, near.at)
    block = _block(anchor, near, begin, end, near.at, test)
    return [replace(block, why=(groups.get("why") or "").strip(), chained=is_chained(near, near.at))]


def _block(anchor: Anchor, near: Around, begin: int, end: int, at: int, test: str) -> Block:
    lines = tuple(near.lines[begin : end + 1])
    return Block(anchor, lines, tuple(range(near.first + begin, near.first + end + 1)), at - begin, test)


def with_neighbours(block: Block) -> Block:
    """A short block with the lines beside it, as far as its paragraph goes."""
    if len(block.lines) > _SHORT:
        return block
    near = around(block.anchor, 2 * _SHORT + _AFTER)
    begin = own = block.numbers[0] - near.first
    end = block.numbers[-1] - near.first
    for index in range(begin - 1, max(-1, begin - 1 - _BEFORE), -1):
        if near.lines.stops(index) or not near.lines[index].strip():
            break
        begin = index
    for index in range(end + 1, min(len(near.lines), end + 1 + _AFTER)):
        if near.lines.stops(index) or not near.lines[index].strip():
            break
        end = index
    wider = _block(block.anchor, near, begin, end, block.at + own, block.test)
    return replace(wider, why=block.why)


def thinned(block: Block, room: int = MAX_EXCERPT_LINES) -> Block:
    """The block in at most ``room`` lines: its beginning, the lines that tell most, and of the others the last."""
    if len(block.lines) <= room:
        return block
    head = list(range(min(_HEAD, room)))
    rest = range(len(head), len(block.lines))
    telling = [index for index in rest if _TELLING.search(block.lines[index])][: room - len(head)]
    known = set(telling)
    quiet = [index for index in rest if index not in known]
    kept = sorted([*head, *telling, *quiet[len(quiet) - (room - len(head) - len(telling)) :]])
    at = kept.index(block.at) if block.at in kept else 0
    return replace(block, lines=tuple(block.lines[i] for i in kept), numbers=tuple(block.numbers[i] for i in kept), at=at)


def stack_trace(lines: tuple[str, ...]) -> str:
    """The lines from the first to the last frame, with the exception's line where it stands beside them; or nothing."""
    frames = [index for index, line in enumerate(lines) if FRAME.match(line) or TRACEBACK.match(line)]
    if not frames:
        return ""
    begin, end = frames[0], frames[-1]
    if TRACEBACK.match(lines[begin]):
        end = min(end + 2, len(lines) - 1)
    elif begin and lines[begin - 1].strip():
        begin -= 1
    return "\n".join(lines[begin : end + 1])
