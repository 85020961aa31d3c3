"""Which of the lines that say something say why it failed."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from ci_memory_producers.excerpt.blocks import Block, around, block_of, stack_trace
from ci_memory_producers.excerpt.model import MAX_EXCERPT_LINES, MAX_FAILURES, Excerpt, Failure
from ci_memory_producers.excerpt.scan import Anchor

_TAIL_LINES = 50
_WHY = re.compile(r"(?:\w*(?:Error|Exception|Failure|panic)\b(?::|$)|\b[Ee]rror: |^\s*E  |[Ee]xpected\b|assert)")
_VERDICT = "verdict."


@dataclass(frozen=True, slots=True)
class _Span:
    first: int
    last: int


def choose(anchors: list[Anchor], tail: list[tuple[int, str]], *, entire: bool) -> Excerpt:
    """The excerpt of a log, from its anchors and its last lines (number, cleaned text).

    ``entire`` says that the last lines are the whole log and few: it is an excerpt already, and passes through.
    """
    excerpt = _choose(anchors, tail)
    return _passed_through(excerpt, tail) if entire else excerpt


def _passed_through(excerpt: Excerpt, tail: list[tuple[int, str]]) -> Excerpt:
    complete = whole(tail)
    if not complete.failures:
        return complete
    failures = excerpt.failures
    if len(failures) == 1:
        trace = excerpt.stack_trace or complete.stack_trace
        failures = (Failure(excerpt.headline, complete.text, failures[0].test_id, trace),)
    return Excerpt(excerpt.headline, complete.text, complete.ranges, excerpt.failed_tests, failures[0].stack_trace, failures)


def _choose(anchors: list[Anchor], tail: list[tuple[int, str]]) -> Excerpt:
    spans = _failing_spans(anchors)
    scored = [(anchor, _score(anchor, spans)) for anchor in anchors if anchor.rule.strength > 1]
    best = max((score for _, score in scored), default=0)
    if best < 2:
        return _fallback(anchors, tail)
    chosen = [anchor for anchor, score in scored if score >= best]
    blocks = _distinct([block_of(anchor) for anchor in chosen[: MAX_FAILURES * 3]])
    return _assemble(blocks)


def _failing_spans(anchors: list[Anchor]) -> list[_Span]:
    """Where the commands ran that a verdict says failed: from the beginning of the step to the verdict."""
    steps = [anchor.line for anchor in anchors if anchor.rule.strength == 0]
    spans = []
    for anchor in anchors:
        if anchor.rule.name.startswith(_VERDICT) and anchor.rule.name != "verdict.exit":
            index = bisect_right(steps, anchor.line)
            spans.append(_Span(steps[index - 1] if index else 1, anchor.line))
    return spans


def _score(anchor: Anchor, spans: list[_Span]) -> int:
    score = anchor.rule.strength
    if not spans:
        return score
    return score + (4 if any(span.first <= anchor.line <= span.last for span in spans) else 0)


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


def _fallback(anchors: list[Anchor], tail: list[tuple[int, str]]) -> Excerpt:
    verdicts = [anchor for anchor in anchors if anchor.rule.name.startswith(_VERDICT)]
    if verdicts:
        near = around(verdicts[0])
        begin = near.at
        while begin > 0 and near.at - begin < _TAIL_LINES and (begin - 1 not in near.stops or begin == near.at):
            begin -= 1
        first = verdicts[0].line - (near.at - begin)
        tail = [(first + index, line) for index, line in enumerate(near.lines[begin : near.at + 1])]
    return whole(tail[-_TAIL_LINES:])


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
