"""One pass over a log: which lines say something about a failure, with the text around them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ci_memory_producers.excerpt.classify import COMMON, LOOKED_AT, RARE, classify
from ci_memory_producers.excerpt.rules import Rule
from ci_memory_producers.excerpt.rules.providers import ENDINGS, STEPS

BEHIND = 16_000
AHEAD = 12_000
"""Bytes before and after a line that are at hand when it is looked at."""
CONSEQUENCE = 2
"""The strength of a line that says that something failed, and not why."""
_KEPT_BEHIND = 4_000
_KEPT = 120
_RARE_NEAR = 1 << 18
"""Bytes before an anchor that are kept with it; anchors of one strength that are kept, of the first and of the last."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A line that a rule knows: ``line`` is its 1-based number, ``offset`` its place in ``context``, bytes around it.

    ``step`` is the number of the line where the step began that a verdict is about.
    """

    line: int
    text: str
    rule: Rule
    context: bytes
    offset: int
    step: int = 1


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
        self._last_step = 1

    def anchors(self) -> list[Anchor]:
        """What was kept, in the order of the log."""
        kept = (anchor for each in self._bins.values() for anchor in (*each.first, *each.last))
        return sorted(kept, key=lambda anchor: anchor.line)

    def scan(self, window: bytes, start: int, stop: int, first_line: int, *, last: bool) -> None:
        """Read ``window[start:stop]``, whose first line has the number ``first_line``; the rest of the window is context."""
        low = window[start:stop].lower()
        line, counted = first_line, 0
        for begin, end in _lines_with(low, last=last):
            line += low.count(b"\n", counted, begin)
            counted = begin
            self._look(window, start + begin, start + end, line)
        if not last:
            self._last_step = self._step(window, stop, first_line + window.count(b"\n", start, stop))

    def _look(self, window: bytes, begin: int, end: int, line: int) -> None:
        known = classify(window[begin:end])
        if known is None:
            return
        rule, text = known
        if rule.verdict:
            left = _line_start(window, begin - BEHIND, begin)
            step = self._step(window, begin, line)
            self._keep(Anchor(line, text, rule, window[left : begin + AHEAD], begin - left, step))
        elif rule.strength > CONSEQUENCE:
            left = _line_start(window, begin - _KEPT_BEHIND, begin)
            self._keep(Anchor(line, text, rule, window[left : begin + AHEAD], begin - left))

    def _keep(self, anchor: Anchor) -> None:
        self._bins.setdefault(anchor.rule.strength, _Bin()).add(anchor)

    def _step(self, window: bytes, stop: int, line: int) -> int:
        """The line where the last step before ``stop``, which stands in ``line``, begins."""
        at = max(window.rfind(step, 0, stop) for step in STEPS)
        return line - window.count(b"\n", at, stop) if at >= 0 else self._last_step


def _line_start(window: bytes, at: int, begin: int) -> int:
    """Where the first whole line after ``at`` begins, at most ``begin``."""
    return window.find(b"\n", at, begin) + 1 or begin if at > 0 else 0


def _lines_with(low: bytes, *, last: bool) -> list[tuple[int, int]]:
    """Begin and end of the lines that hold one of the words; the `RARE` ones where the log or a step ends."""
    lines: dict[int, int] = {}
    _find(low, COMMON, 0, lines)
    endings = [at for at in map(low.find, ENDINGS) if at >= 0] + ([len(low)] if last else [])
    if endings:
        _find(low, RARE, max(0, min(endings) - _RARE_NEAR), lines)
    return sorted(lines.items())


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
