"""One pass over a log: which lines say something about a failure, with the text around them."""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass, field

from ci_memory_producers.excerpt.clean import MAX_LINE, strip_line
from ci_memory_producers.excerpt.classify import RARE, classify, is_step
from ci_memory_producers.excerpt.rules import Rule

BEHIND = 16_000
AHEAD = 12_000
"""Bytes before and after a line that are at hand when it is looked at."""
_KEPT_BEHIND = 4_000
_KEPT = 120
_LEAST = 5


@dataclass(frozen=True, slots=True)
class Anchor:
    """A line that a rule knows: ``line`` is its 1-based number, ``offset`` its place in ``context``, bytes around it."""

    line: int
    text: str
    rule: Rule
    context: bytes
    offset: int


@dataclass(slots=True)
class _Bin:
    """The first and the last anchors of one strength."""

    first: list[Anchor] = field(default_factory=list)
    last: deque[Anchor] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def add(self, anchor: Anchor) -> None:
        if len(self.first) < _KEPT:
            self.first.append(anchor)
        else:
            self.last.append(anchor)


class Scanner:
    """Collects anchors from successive windows of a log, in bounded memory."""

    def __init__(self) -> None:
        self._bins: dict[int, _Bin] = {}
        self.steps: deque[int] = deque(maxlen=4_000)

    def anchors(self) -> list[Anchor]:
        """What was kept, in the order of the log."""
        kept = (anchor for each in self._bins.values() for anchor in (*each.first, *each.last))
        return sorted(kept, key=lambda anchor: anchor.line)

    def scan(self, window: bytes, start: int, stop: int, first_line: int) -> None:
        """Read ``window[start:stop]``, whose first line has the number ``first_line``; the rest of the window is context."""
        low = window[start:stop].lower()
        line, counted = first_line, 0
        for begin, end in _lines_with(low):
            line += low.count(b"\n", counted, begin)
            counted = begin
            self._look(window, start + begin, low[begin : min(end, begin + MAX_LINE)], line)

    def _look(self, window: bytes, begin: int, low: bytes, line: int) -> None:
        if is_step(low):
            self.steps.append(line)
            return
        text = strip_line(window[begin : begin + len(low)].decode("utf-8", "replace"))
        found = classify(text, low)
        if found is not None and (found.strength >= _LEAST or found.verdict):
            behind = BEHIND if found.verdict else _KEPT_BEHIND
            left = max(0, begin - behind)
            anchor = Anchor(line, text, found, window[left : begin + AHEAD], begin - left)
            self._bins.setdefault(found.strength, _Bin()).add(anchor)


def _lines_with(low: bytes) -> list[tuple[int, int]]:
    """Begin and end of the lines that hold one of the `RARE` words."""
    ends: dict[int, int] = {}
    for word in RARE:
        at = low.find(word)
        while at >= 0:
            begin = low.rfind(b"\n", 0, at) + 1
            end = low.find(b"\n", at)
            end = len(low) if end < 0 else end
            ends[begin] = end
            at = low.find(word, end)
    return sorted(ends.items())
