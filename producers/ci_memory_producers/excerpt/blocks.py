"""From a line that says something to the block of lines that belongs to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from ci_memory_producers.excerpt.clean import strip_line
from ci_memory_producers.excerpt.model import MAX_EXCERPT_LINES
from ci_memory_producers.excerpt.rules import Extent
from ci_memory_producers.excerpt.scan import Anchor

_MAX_UP = 40
_NEAR = 6_000
_MAX_BLANKS = 2
_SHORT = 5
_BEFORE = 3
_AFTER = 5
_STOP = re.compile(r"travis_(?:time|fold)|##\[(?:group|endgroup)\]|section_(?:start|end):|##\[error\]Process completed")
_FRAME = re.compile(
    r"^\s*(?:at |File \"|\.\.\. \d+ (?:more|common)|Caused by: |Suppressed: |stack (?:back)?trace(?:back)?:|from |goroutine \d|\[<|#\d+\s|in `|--> |\d+: |=+> )"
    r"|^\s*\S+:\d+(?::\d+)?:in [`']|^\s+\S+\.\w+:\d+"
)
_DETAIL = re.compile(
    r"^\s*(?:[|^~>]|[-+] |[-+]{3}|@@|E  |\d+ ?\||note:|help:|= (?:note|help)|[Ee]xpected|[Aa]ctual|[Rr]eceived|[Gg]ot\b|[Ww]ant\b|but |symbol:|location:|required:|found:|reason:|left:|right:)"
)
_HEADING = re.compile(r"^(?:={3,}|-{3,} \S.* -{3,}|-{20,}|_{3,})(?:.*[=\-_]{3,})?$")
_TAG = re.compile(r"\[\w+\] ")
_TRACEBACK = re.compile(r"^\s*Traceback \(most recent call last\)")


@dataclass(frozen=True, slots=True)
class Block:
    """Cleaned lines around an anchor: ``lines[at]`` is the anchor's own, ``first`` the number of ``lines[0]`` in the log."""

    anchor: Anchor
    first: int
    lines: tuple[str, ...]
    at: int

    @property
    def last(self) -> int:
        """The number of the last line in the log."""
        return self.first + len(self.lines) - 1


@dataclass(frozen=True, slots=True)
class Around:
    """The context of an anchor as cleaned lines; ``stops`` are the indices where a step or a fold begins or ends."""

    lines: list[str]
    at: int
    stops: frozenset[int]
    spaced: bool


def around(anchor: Anchor) -> Around:
    """The lines of an anchor's context. A line that the context cuts is left out, but for the anchor's own."""
    behind = anchor.context[max(0, anchor.offset - _NEAR) : anchor.offset].decode("utf-8", "replace").split("\n")
    before = behind[1 if anchor.offset > _NEAR else 0 : -1][-_MAX_UP:]
    after = anchor.context[anchor.offset : anchor.offset + 2 * _NEAR].decode("utf-8", "replace").split("\n")
    if len(after) > 1:
        after.pop()
    raw = before + after[: MAX_EXCERPT_LINES * 2]
    at = len(before)
    stops = frozenset(index for index, line in enumerate(raw) if _STOP.search(line))
    lines = [strip_line(line) for line in raw]
    return Around(lines, at, stops, _is_spaced(lines, at))


def block_of(anchor: Anchor) -> Block:
    """The block of an anchor, at most `MAX_EXCERPT_LINES` long."""
    near = around(anchor)
    begin, end = _bounds(anchor, near)
    while end > near.at and not near.lines[end].strip():
        end -= 1
    if end - begin < _SHORT:
        begin, end = _with_neighbours(near, begin, end)
    end = min(end, begin + MAX_EXCERPT_LINES - 1)
    return Block(anchor, anchor.line - (near.at - begin), tuple(near.lines[begin : end + 1]), near.at - begin)


def _with_neighbours(near: Around, begin: int, end: int) -> tuple[int, int]:
    """A short block with the lines beside it, as far as its paragraph goes."""
    for index in range(begin - 1, max(-1, begin - 1 - _BEFORE), -1):
        if index in near.stops or not near.lines[index].strip():
            break
        begin = index
    for index in range(end + 1, min(len(near.lines), end + 1 + _AFTER)):
        if index in near.stops or not near.lines[index].strip():
            break
        end = index
    return begin, end


def _bounds(anchor: Anchor, near: Around) -> tuple[int, int]:
    match anchor.rule.extent:
        case Extent.LINE:
            return near.at, near.at
        case Extent.PARAGRAPH:
            return near.at, _paragraph_end(near)
        case Extent.AROUND:
            return _paragraph_begin(near, 1), _paragraph_end(near)
        case Extent.ABOVE:
            return _paragraph_begin(near, 2), _paragraph_end(near)
        case Extent.SECTION:
            return near.at, _section_end(anchor, near)
        case Extent.UPWARDS:
            return _trace_begin(near), _detail_end(near)
        case Extent.DETAIL:
            return near.at, _detail_end(near)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _paragraph_end(near: Around) -> int:
    end = near.at
    while (following := _next(near, end)) < len(near.lines) and following not in near.stops:
        if not near.lines[following].strip():
            break
        end = following
    return end


def _paragraph_begin(near: Around, paragraphs: int) -> int:
    begin = near.at
    for index in range(near.at - 1, max(-1, near.at - _MAX_UP), -1):
        if index in near.stops:
            break
        if near.lines[index].strip():
            begin = index
        elif index + 1 == begin:
            paragraphs -= 1
            if not paragraphs:
                break
    return begin


def _next(near: Around, index: int) -> int:
    """The line after ``index``; one further where every other line is empty, as carriage returns leave it."""
    following = index + 1
    if near.spaced and following < len(near.lines) and not near.lines[following].strip():
        return following + 1
    return following


def _is_spaced(lines: list[str], at: int) -> bool:
    """Whether every other line around ``at`` is empty."""
    around_it = lines[max(0, at - 8) : at + 9]
    text = [bool(line.strip()) for line in around_it]
    pairs = sum(one and other for one, other in pairwise(text))
    return len(text) >= 8 and pairs <= 1 and sum(text) * 5 >= len(text) * 2


def _detail_end(near: Around) -> int:
    own = near.lines[near.at]
    tag = _TAG.match(own)
    base, end = _indent(own), near.at
    for index in range(near.at + 1, len(near.lines)):
        line = near.lines[index]
        gap = index - end - 1 - near.spaced
        if index in near.stops or gap > _MAX_BLANKS:
            break
        if not line.strip():
            continue
        deeper = _indent(line) > base or (tag is not None and line.startswith(tag[0]))
        if not deeper and (gap > 0 or not (_FRAME.match(line) or _DETAIL.match(line))):
            break
        end = index
    return end


def _section_end(anchor: Anchor, near: Around) -> int:
    end = near.at
    dashes = 0
    for index in range(near.at + 1, len(near.lines)):
        line = near.lines[index]
        if index in near.stops:
            break
        if _HEADING.match(line):
            dashes += 1
            if dashes > 1 or not line.startswith("-") or anchor.text.startswith("_"):
                break
        elif anchor.rule.pattern.search(line) or _SUMMARY.match(line):
            break
        if line.strip():
            end = index
    return end


_SUMMARY = re.compile(
    r"^(?:Test Suites:|Tests:|Ran \d+ tests?|Finished in|FAILURES!|failures:|\d+ (?:passing|tests?|examples?)\b|\s*(?:PASS|FAIL) |Failed examples:)|^npm (?:ERR!|error)|^make(?:\[\d+\])?: \*\*\*"
)


def _trace_begin(near: Around) -> int:
    begin = near.at
    for index in range(near.at - 1, max(-1, near.at - _MAX_UP), -1):
        line = near.lines[index]
        if index in near.stops:
            break
        if _TRACEBACK.match(line):
            return index
        if line.strip() and not (_indent(line) > _indent(near.lines[near.at]) or _FRAME.match(line)):
            break
    return begin


def stack_trace(lines: tuple[str, ...]) -> str:
    """The lines from the first to the last frame, with the exception's line where it stands beside them; or nothing."""
    frames = [index for index, line in enumerate(lines) if _FRAME.match(line) or _TRACEBACK.match(line)]
    if not frames:
        return ""
    begin, end = frames[0], frames[-1]
    if _TRACEBACK.match(lines[begin]):
        end = min(end + 2, len(lines) - 1)
    elif begin and lines[begin - 1].strip():
        begin -= 1
    return "\n".join(lines[begin : end + 1])
