"""One pass over a log: which lines say something about a failure, with the text around them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from ci_memory_producers.excerpt.clean import MAX_LINE, strip_line
from ci_memory_producers.excerpt.rules import RULES, Rule
from ci_memory_producers.excerpt.rules.generic import BENIGN

BEHIND = 6_000
AHEAD = 16_000
"""Bytes around a line that are kept with it."""
_KEPT = 150
_WORD_STRENGTH = 3
_STEPS = (b"travis_time:start", b"##[group]run ", b"section_start:", b"##[section]starting")
_STEP = Rule("step", 0, (), re.compile(""))


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
        self.lines = 0

    def anchors(self) -> list[Anchor]:
        """What was kept, in the order of the log."""
        kept = (anchor for each in self._bins.values() for anchor in (*each.first, *each.last))
        return sorted(kept, key=lambda anchor: anchor.line)

    def scan(self, window: bytes, start: int, stop: int, first_line: int) -> None:
        """Read ``window[start:stop]``, whose first line has the number ``first_line``; the rest of the window is context."""
        low = window[start:stop].lower()
        search = _trigger().search
        line, counted = first_line, 0
        match = search(low, 0)
        while match is not None:
            begin = low.rfind(b"\n", 0, match.start() + 1) + 1
            end = low.find(b"\n", max(match.end() - 1, begin))
            end = len(low) if end < 0 else end
            line += low.count(b"\n", counted, begin)
            counted = begin
            self._look(window, start + begin, start + end, low[begin : min(end, begin + MAX_LINE)], line)
            match = search(low, end)

    def _look(self, window: bytes, begin: int, end: int, low: bytes, line: int) -> None:
        raw = window[begin : min(end, begin + MAX_LINE)]
        if any(step in low for step in _STEPS):
            self._keep(window, begin, line, "", _STEP)
            return
        text = strip_line(raw.decode("utf-8", "replace"))
        found = classify(text, low)
        if found is not None:
            self._keep(window, begin, line, text, found)

    def _keep(self, window: bytes, begin: int, line: int, text: str, found: Rule) -> None:
        left = max(0, begin - BEHIND)
        anchor = Anchor(line, text, found, window[left : begin + AHEAD], begin - left)
        self._bins.setdefault(found.strength, _Bin()).add(anchor)


def classify(text: str, low: bytes) -> Rule | None:
    """The first rule that knows the cleaned line ``text``; ``low`` is the raw line in lower case."""
    benign: bool | None = None
    for found in _rules_for(low):
        if found.pattern.search(text):
            if found.strength <= _MAX_BENIGN:
                benign = bool(BENIGN.search(text)) if benign is None else benign
                if benign:
                    return None
            return found
    return None


_MAX_BENIGN = 5


def _rules_for(low: bytes) -> Iterator[Rule]:
    padded = b"\n" + low
    seen: set[int] = set()
    for word in set(_trigger().findall(padded)):
        seen.update(_by_gate()[word])
    for index in sorted(seen):
        yield RULES[index]


@cache
def _by_gate() -> dict[bytes, tuple[int, ...]]:
    table: dict[bytes, list[int]] = {}
    for index, each in enumerate(RULES):
        for gate in each.gates:
            table.setdefault(gate.encode(), []).append(index)
    # a gate inside another is never found on its own where the longer one matches, so the longer one carries its rules
    return {gate: tuple(sorted({i for other, found in table.items() if other in gate for i in found})) for gate in table}


@cache
def _trigger() -> re.Pattern[bytes]:
    gates = sorted({*_by_gate(), *_STEPS}, key=len, reverse=True)
    return re.compile(b"|".join(re.escape(gate) for gate in gates))
