"""Which of the lines that say something say why it failed."""

from __future__ import annotations

import re

from ci_memory_producers.excerpt.blocks import Block, block_of, stack_trace
from ci_memory_producers.excerpt.model import MAX_EXCERPT_LINES, MAX_FAILURES, Excerpt, Failure
from ci_memory_producers.excerpt.scan import Anchor
from ci_memory_producers.excerpt.spans import Span

_TAIL_LINES = 50
_TELLING = 6
_LATER = 7
_WHY = re.compile(r"(?:\w*(?:Error|Exception|Failure|panic)\b(?::|$)|\b[Ee]rror: |^\s*E  |[Ee]xpected\b|assert)")


def choose(kept: list[Anchor], spans: list[Span], numbered: list[tuple[int, str]]) -> Excerpt:
    """The excerpt of a log, from its anchors, its failing spans and its last lines (number, cleaned text)."""
    blocks = [block for span in spans for block in _telling(span, kept)]
    if blocks:
        return _assemble(_distinct(blocks))
    if spans[0].verdict:
        return _quiet(spans[0], spans[0].verdict)
    return whole(numbered[-_TAIL_LINES:])


def _telling(span: Span, kept: list[Anchor]) -> list[Block]:
    """The blocks of the anchors of a span that say most, or nothing where none says much."""
    anchors = span.anchors(kept)
    top = max((anchor.rule.strength for anchor in anchors), default=0)
    if top < _TELLING:
        return []
    chosen = [anchor for anchor in anchors if anchor.rule.strength == top]
    if top <= _LATER and span.near:
        chosen = [anchor for anchor in chosen if anchor.line >= span.near[0].number] or chosen
    return [block_of(anchor) for anchor in chosen[: MAX_FAILURES * 3]]


def _quiet(span: Span, verdict: Anchor) -> Excerpt:
    lines = [(line.number, line.text) for line in span.quiet_end()]
    said = whole(lines)
    if not said.failures:
        return whole([(verdict.line, verdict.text)])
    text = f"{said.text}\n{verdict.text}"
    failure = Failure(said.headline, text, "", said.stack_trace)
    ranges = _joined([*said.ranges, (verdict.line, verdict.line)])
    return Excerpt(said.headline, text, ranges, (), said.stack_trace, (failure,))


def _distinct(blocks: list[Block]) -> list[Block]:
    kept: list[Block] = []
    seen: set[str] = set()
    for block in blocks:
        key = block.anchor.text.strip()
        if (kept and block.anchor.line <= kept[-1].last) or key in seen:
            continue
        seen.add(key)
        kept.append(block)
    return kept


def headline_of(block: Block) -> str:
    """The line of a block that says why it failed."""
    found = block.anchor.rule.pattern.search(block.anchor.text)
    groups = found.groupdict() if found else {}
    if groups.get("test") and not groups.get("why"):
        for line in block.lines[block.at + 1 :]:
            if _WHY.search(line):
                return line.strip()
    return block.anchor.text.strip()


def _test_of(block: Block) -> str:
    found = block.anchor.rule.pattern.search(block.anchor.text)
    return ((found.groupdict().get("test") if found else "") or "").strip()


def _failure(block: Block) -> Failure:
    return Failure(headline_of(block), "\n".join(block.lines), _test_of(block), stack_trace(block.lines))


def _assemble(blocks: list[Block]) -> Excerpt:
    failures = tuple(_failure(block) for block in blocks[:MAX_FAILURES])
    lines: list[str] = []
    ranges: list[tuple[int, int]] = []
    for block in blocks:
        room = MAX_EXCERPT_LINES - len(lines)
        if room <= 0:
            break
        part = block.lines[:room]
        lines.extend(part)
        ranges.append((block.first, block.first + len(part) - 1))
    tests = tuple(dict.fromkeys(failure.test_id for failure in failures if failure.test_id))
    return Excerpt(failures[0].headline, "\n".join(lines), _joined(ranges), tests, failures[0].stack_trace, failures)


def _joined(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def whole(numbered: list[tuple[int, str]]) -> Excerpt:
    """All of these lines as one failure; the last that is no consequence is the headline."""
    while numbered and not numbered[-1][1].strip():
        numbered = numbered[:-1]
    lines = tuple(line for _, line in numbered)
    text = "\n".join(lines)
    headline = next((line.strip() for line in reversed(lines) if line.strip()), "")
    trace = stack_trace(lines)
    ranges = ((numbered[0][0], numbered[-1][0]),) if numbered else ()
    return Excerpt(headline, text, ranges, (), trace, (Failure(headline, text, "", trace),) if headline else ())


def passed_through(excerpt: Excerpt, numbered: list[tuple[int, str]]) -> Excerpt:
    """All lines, with what was found in them: the text is an excerpt already."""
    complete = whole(numbered)
    if not complete.failures:
        return complete
    failures = excerpt.failures
    if len(failures) == 1:
        trace = excerpt.stack_trace or complete.stack_trace
        failures = (Failure(excerpt.headline, complete.text, failures[0].test_id, trace),)
    return Excerpt(excerpt.headline, complete.text, complete.ranges, excerpt.failed_tests, failures[0].stack_trace, failures)
