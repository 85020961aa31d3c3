"""One pass over a log: which lines say something about a failure, with the text around them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ci_memory_producers.excerpt.classify import COMMON, LOOKED_AT, RARE, classify, is_step
from ci_memory_producers.excerpt.rules import Rule
from ci_memory_producers.excerpt.rules.providers import ENDINGS, STEP_WORDS

BEHIND = 16_000
AHEAD = 12_000
"""Bytes before and after a line that are at hand when it is looked at."""
CONSEQUENCE = 2
"""The strength of a line that says that something failed, and not why."""
_KEPT_BEHIND = 4_000
_KEPT = 120
_RARE_NEAR = 1 << 17
"""Bytes before an anchor that are kept with it; anchors of one strength that are kept, of the first and of the last."""


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

    def scan(self, window: bytes, start: int, stop: int, first_line: int, *, last: bool) -> None:
        """Read ``window[start:stop]``, whose first line has the number ``first_line``; the rest of the window is context."""
        low = window[start:stop].lower()
        line, counted = first_line, 0
        steps, lines = _lines_with(low, last=last)
        for begin, end in sorted({**steps, **lines}.items()):
            line += low.count(b"\n", counted, begin)
            counted = begin
            if begin in steps and is_step(low[begin:end]):
                self.steps.append(line)
            else:
                self._look(window, start + begin, start + end, line)

    def _look(self, window: bytes, begin: int, end: int, line: int) -> None:
        known = classify(window[begin:end])
        if known is not None:
            rule, text = known
            if rule.verdict or rule.strength > CONSEQUENCE:
                left = max(0, begin - (BEHIND if rule.verdict else _KEPT_BEHIND))
                anchor = Anchor(line, text, rule, window[left : begin + AHEAD], begin - left)
                self._bins.setdefault(rule.strength, _Bin()).add(anchor)


def _lines_with(low: bytes, *, last: bool) -> tuple[dict[int, int], dict[int, int]]:
    """Begin and end of lines that may begin a step, and of those that hold one of the words."""
    steps: dict[int, int] = {}
    _find(low, STEP_WORDS, 0, steps)
    lines: dict[int, int] = {}
    _find(low, COMMON, 0, lines)
    endings = [at for at in map(low.find, ENDINGS) if at >= 0] + ([len(low)] if last else [])
    if endings:
        _find(low, RARE, max(0, min(endings) - _RARE_NEAR), lines)
    return steps, lines


def _find(low: bytes, words: tuple[bytes, ...], start: int, ends: dict[int, int]) -> None:
    for word in words:
        at = low.find(word, start)
        while at >= 0:
            begin = low.rfind(b"\n", 0, at) + 1
            end = low.find(b"\n", at)
            end = len(low) if end < 0 else end
            if at - begin <= LOOKED_AT:
                ends[begin] = end
            at = low.find(word, end)
