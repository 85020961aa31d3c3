"""One pass over a log: which lines say something about a failure, with the text around them."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from ci_memory_producers.excerpt.classify import COMMON, LOOKED_AT, RARE, TELLING, classify
from ci_memory_producers.excerpt.rules import Rule
from ci_memory_producers.excerpt.rules.providers import LAST_VERDICTS, STEPS, VERDICTS
from ci_memory_producers.excerpt.source import AHEAD, BEHIND, Window

TAIL = 16_000
"""Bytes of the end of a log that are read line by line."""
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
    """Collects anchors from successive windows of a log, in bounded memory.

    Verdicts of the CI provider are looked for first, with a few long literals. Where there are some, only the steps are searched
    that they are about; and never the last `BEHIND` bytes before a verdict or the last `TAIL` of the log, which `failing_spans`
    reads line by line.
    """

    def __init__(self) -> None:
        self._bins: dict[int, _Bin] = {}
        self._verdicts = 0
        self._last_step = 1

    def anchors(self) -> list[Anchor]:
        """What was kept, in the order of the log."""
        kept = (anchor for each in self._bins.values() for anchor in (*each.first, *each.last))
        return sorted(kept, key=lambda anchor: anchor.line)

    def scan(self, window: Window) -> None:
        """Read the new part of a window."""
        lines = _Counter(window.data, window.start, window.first_line)
        at = window.start
        for begin, end, rule, text in _verdicts(window):
            step = _last(STEPS, window.data, at, begin)
            near = _line_start(window.data, begin - BEHIND, begin)
            self._search(lines, max(at, step), near, begin)
            line = lines.of(begin)
            first = line - window.data.count(b"\n", step, begin) if step >= 0 else self._last_step
            context = window.data[near : begin + AHEAD]
            self._keep(Anchor(line, text, rule, context, begin - near, first))
            self._verdicts += 1
            at = end
        self._rest(window, lines, at)

    def _rest(self, window: Window, lines: _Counter, at: int) -> None:
        """What stands after the last verdict of a window: a later window may say that it failed."""
        if window.last:
            if not self._verdicts:
                self._search(lines, at, tail_begin(window.data), window.stop)
            return
        step = _last(STEPS, window.data, at, window.stop)
        self._search(lines, max(at, step) if self._verdicts else at, window.stop, None)
        if step >= 0:
            self._last_step = window.first_line + window.data.count(b"\n", window.start, step)

    def _search(self, lines: _Counter, start: int, stop: int, ending: int | None) -> None:
        """Keep what rules know in ``data[start:stop]``; `RARE` words count where the step or the log ends at ``ending``."""
        if start >= stop:
            return
        data = lines.data
        low = data[start:stop].lower()
        found: dict[int, int] = {}
        _find(low, COMMON, 0, found, telling=TELLING)
        if ending is not None:
            _find(low, RARE, max(0, ending - _RARE_NEAR - start), found)
        for begin, end in sorted(found.items()):
            known = classify(data[start + begin : start + end])
            if known and known[0].strength > CONSEQUENCE:
                left = _line_start(data, start + begin - _KEPT_BEHIND, start + begin)
                context = data[left : start + begin + AHEAD]
                self._keep(Anchor(lines.of(start + begin), known[1], known[0], context, start + begin - left))

    def _keep(self, anchor: Anchor) -> None:
        self._bins.setdefault(anchor.rule.strength, _Bin()).add(anchor)


class _Counter:
    """Numbers of lines, for places that are asked for in ascending order."""

    def __init__(self, data: bytes, at: int, line: int) -> None:
        self.data = data
        self._at = at
        self._line = line

    def of(self, at: int) -> int:
        """The number of the line that holds the place ``at``."""
        self._line += self.data.count(b"\n", self._at, at)
        self._at = at
        return self._line


def tail_begin(data: bytes) -> int:
    """Where the complete lines in the last `TAIL` bytes begin."""
    return data.find(b"\n", len(data) - TAIL) + 1 if len(data) > TAIL else 0


def _verdicts(window: Window) -> list[tuple[int, int, Rule, str]]:
    """Begin, end, rule and cleaned text of the lines with which a CI provider says that a step failed."""
    found: dict[int, int] = {}
    _find(window.data, VERDICTS, window.start, found, window.stop)
    if window.last:
        _find(window.data, LAST_VERDICTS, max(window.start, window.stop - _RARE_NEAR), found, window.stop)
    known = ((begin, end, classify(window.data[begin:end])) for begin, end in sorted(found.items()))
    return [(begin, end, *what) for begin, end, what in known if what and what[0].verdict]


def _last(words: tuple[bytes, ...], data: bytes, start: int, stop: int) -> int:
    """Where the last of the words stands in ``data[start:stop]``, or -1."""
    at = -1
    for word in words:
        at = max(at, data.rfind(word, max(at, start), stop))
    return at


def _line_start(window: bytes, at: int, begin: int) -> int:
    """Where the first whole line after ``at`` begins, at most ``begin``."""
    return window.find(b"\n", at, begin) + 1 or begin if at > 0 else 0


def _find(
    data: bytes,
    words: tuple[bytes, ...],
    start: int,
    ends: dict[int, int],
    stop: int | None = None,
    telling: re.Pattern[bytes] | None = None,
) -> None:
    """Add begin and end of the lines of ``data[start:stop]`` that hold one of the words near their beginning."""
    stop = len(data) if stop is None else stop
    for word in words:
        at = data.find(word, start, stop)
        while at >= 0:
            if telling and not telling.match(data, at):
                at = data.find(word, at + len(word), stop)
                continue
            begin = data.rfind(b"\n", 0, at) + 1
            end = data.find(b"\n", at)
            end = len(data) if end < 0 else end
            if at - begin <= LOOKED_AT:
                ends[begin] = end
            at = data.find(word, end, stop)
