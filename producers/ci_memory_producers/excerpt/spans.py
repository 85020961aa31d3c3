"""Where in a log the commands ran that failed."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ci_memory_producers.excerpt.classify import classify, is_step, is_step_end
from ci_memory_producers.excerpt.clean import MAX_LINE, strip_line
from ci_memory_producers.excerpt.scan import Anchor

_MAX_SPANS = 20
_CONSEQUENCE = 2
_COMMAND = re.compile(r"^(?:\$|>|\+) \S|^\[command\]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line near the end of a span: its number, where it begins in the span's bytes, cleaned text, and what knows it."""

    number: int
    begin: int
    text: str
    anchor: Anchor | None


@dataclass(frozen=True, slots=True)
class Span:
    """Lines ``first`` to ``last`` of a log, which a failed command printed; ``near`` are its last lines, all of them known."""

    first: int
    last: int
    near: tuple[Line, ...]
    verdict: Anchor | None = None

    def anchors(self, kept: Sequence[Anchor]) -> list[Anchor]:
        """The anchors inside the span, in order: those kept of the whole log, and all of its last lines."""
        own = [line.anchor for line in self.near if line.anchor]
        known = {line.number for line in self.near}
        rest = [anchor for anchor in kept if self.first <= anchor.line <= self.last and anchor.line not in known]
        return sorted(own + rest, key=lambda anchor: anchor.line)

    def quiet_end(self, most: int) -> list[Line]:
        """At most ``most`` last lines before the consequences, from the command that printed them: a tool's own words."""
        end = len(self.near)
        for index in range(len(self.near) - 1, -1, -1):
            line = self.near[index]
            if line.anchor and line.anchor.rule.strength <= _CONSEQUENCE:
                end = index
            elif line.text.strip() and end - index > most:
                break
        begin = end
        while begin > 0 and end - begin < most:
            begin -= 1
            if _COMMAND.match(self.near[begin].text):
                break
        return _trimmed(list(self.near[begin:end])) or _trimmed(list(self.near[-most:]))


def failing_spans(kept: Sequence[Anchor], steps: Sequence[int], tail: bytes, tail_line: int) -> list[Span]:
    """The spans that verdicts of a CI provider end; the whole log where there is none. ``tail`` is its end, from ``tail_line`` on."""
    spans: list[Span] = []
    previous = 0
    for anchor in kept:
        if anchor.rule.verdict:
            index = bisect_right(steps, anchor.line)
            first = max(previous + 1, steps[index - 1] if index else 1)
            begin_line = anchor.line - anchor.context.count(b"\n", 0, anchor.offset)
            spans.append(Span(first, anchor.line, _near(anchor.context, anchor.offset, begin_line, first), anchor))
            previous = anchor.line
    if not spans:
        last = tail_line + tail.count(b"\n")
        spans.append(Span(1, last, _near(tail, len(tail), tail_line, 1, complete=True)))
    return spans[:_MAX_SPANS]


def _near(context: bytes, stop: int, line: int, first: int, *, complete: bool = False) -> tuple[Line, ...]:
    begin = 0
    if line > 1:  # the first line of a context may be cut
        begin = context.find(b"\n", 0, stop) + 1
        line += begin > 0
    found: list[Line] = []
    ended = None
    while begin < stop:
        end = context.find(b"\n", begin, stop)
        end = stop if end < 0 else end
        if line >= first:
            raw = context[begin : min(end, begin + MAX_LINE)]
            text, low = strip_line(raw.decode("utf-8", "replace")), raw.lower()
            if is_step_end(low):
                ended = len(found)
            known = None if is_step(low) else classify(text, low)
            found.append(Line(line, begin, text, Anchor(line, text, known, context, begin) if known else None))
        begin, line = end + 1, line + 1
    return tuple(found if complete else found[:ended])


def _trimmed(lines: list[Line]) -> list[Line]:
    """The lines without empty ones at the beginning and the end."""
    begin, end = 0, len(lines)
    while begin < end and not lines[begin].text.strip():
        begin += 1
    while end > begin and not lines[end - 1].text.strip():
        end -= 1
    return lines[begin:end]
