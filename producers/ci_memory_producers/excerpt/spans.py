"""Where in a log the commands ran that failed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ci_memory_producers.excerpt.classify import classify, lines_with_gates
from ci_memory_producers.excerpt.clean import strip_line
from ci_memory_producers.excerpt.rules.providers import STEP_ENDS, STEPS
from ci_memory_producers.excerpt.scan import CONSEQUENCE, Anchor, tail_begin

_MAX_SPANS = 20
_COMMAND = re.compile(r"^(?:\$|>|\+) \S|^\[command\]")


@dataclass(frozen=True, slots=True)
class Near:
    """The last lines of a span: the raw lines, the number of the first, and what is known of some, by index."""

    raw: list[bytes]
    first: int
    known: dict[int, Anchor]

    def text(self, index: int) -> str:
        """The cleaned line."""
        return strip_line(self.raw[index].decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Span:
    """Lines ``first`` to ``last`` of a log, which a failed command printed; ``near`` are its last lines."""

    first: int
    last: int
    near: Near
    verdict: Anchor | None = None

    def anchors(self, kept: Sequence[Anchor]) -> list[Anchor]:
        """The anchors inside the span, in order: those kept of the whole log, and all of its last lines."""
        begin, end = self.near.first, self.near.first + len(self.near.raw)
        rest = [anchor for anchor in kept if self.first <= anchor.line <= self.last and not begin <= anchor.line < end]
        return sorted([*self.near.known.values(), *rest], key=lambda anchor: anchor.line)

    def quiet_end(self, most: int) -> list[tuple[int, str]]:
        """At most ``most`` last lines before the consequences, from the command that printed them: a tool's own words."""
        lines = [self.near.text(index) for index in range(max(0, len(self.near.raw) - 2 * most), len(self.near.raw))]
        skipped = len(self.near.raw) - len(lines)
        end = len(lines)
        for index in range(len(lines) - 1, -1, -1):
            anchor = self.near.known.get(skipped + index)
            if anchor and anchor.rule.strength <= CONSEQUENCE:
                end = index
            elif lines[index].strip() and end - index > most:
                break
        begin = end
        while begin > 0 and end - begin < most:
            begin -= 1
            if _COMMAND.match(lines[begin]):
                break
        if not any(line.strip() for line in lines[begin:end]):
            begin, end = max(0, len(lines) - most), len(lines)
        numbered = [(self.near.first + skipped + index, lines[index]) for index in range(begin, end)]
        return _trimmed(numbered)


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a log, from the line with the number ``line`` on."""

    data: bytes
    line: int

    def cut(self) -> Tail:
        """The complete lines of it that are read line by line."""
        begin = tail_begin(self.data)
        return Tail(self.data[begin:], self.line + self.data.count(b"\n", 0, begin))

    def lines(self, most: int) -> list[tuple[int, str]]:
        """The last lines, ``most`` at most, with their numbers; without empty ones at the end."""
        raw = self.data.rstrip().split(b"\n")
        first = max(0, len(raw) - most)
        return [(self.line + index, strip_line(raw[index].decode("utf-8", "replace"))) for index in range(first, len(raw))]


def failing_spans(kept: Sequence[Anchor], tail: Tail) -> list[Span]:
    """The spans that verdicts of a CI provider end; the whole log where there is none."""
    spans: list[Span] = []
    previous = 0
    for anchor in kept:
        if anchor.rule.verdict and len(spans) < _MAX_SPANS:
            first = max(previous + 1, anchor.step)
            begin_line = anchor.line - anchor.context.count(b"\n", 0, anchor.offset)
            near = _near(anchor.context, anchor.offset, begin_line, first, of_step=True)
            spans.append(Span(first, anchor.line, near, anchor))
            previous = anchor.line
    if not spans:
        last = tail.line + tail.data.count(b"\n")
        spans.append(Span(1, last, _near(tail.data, len(tail.data), tail.line, tail.line, of_step=False)))
    return spans


def _near(context: bytes, stop: int, line: int, first: int, *, of_step: bool) -> Near:
    begin = 0
    while line < first and begin < stop:
        begin = context.find(b"\n", begin, stop) + 1 or stop
        line += 1
    if of_step:
        stop = _step_end(context, begin, stop)
    near = context[begin:stop]
    known: dict[int, Anchor] = {}
    index, counted = 0, 0
    for at, end in lines_with_gates(near):
        index += near.count(b"\n", counted, at)
        counted = at
        own = near[at:end]
        found = None if any(step in own for step in STEPS) else classify(own)
        if found:
            rule, text = found
            known[index] = Anchor(line + index, text, rule, context, begin + at)
    raw = near.split(b"\n")
    if not raw[-1]:
        raw.pop()
    return Near(raw, line, known)


def _step_end(context: bytes, begin: int, stop: int) -> int:
    for end in STEP_ENDS:
        at = context.find(end, begin, stop)
        if at >= 0:
            return context.rfind(b"\n", begin, at) + 1 or begin
    return stop


def _trimmed(numbered: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines without empty ones at the beginning and the end."""
    begin, end = 0, len(numbered)
    while begin < end and not numbered[begin][1].strip():
        begin += 1
    while end > begin and not numbered[end - 1][1].strip():
        end -= 1
    return numbered[begin:end]
