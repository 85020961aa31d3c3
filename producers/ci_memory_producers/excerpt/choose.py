"""Which of the lines that say something say why it failed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ci_memory_producers.excerpt.blocks import Block, blocks_of, stack_trace, thinned, with_neighbours
from ci_memory_producers.excerpt.classify import classify
from ci_memory_producers.excerpt.model import MAX_EXCERPT_LINES, MAX_FAILURES, Excerpt, Failure
from ci_memory_producers.excerpt.names import distinct_names
from ci_memory_producers.excerpt.rules.generic import BENIGN, WORDS
from ci_memory_producers.excerpt.scan import CONSEQUENCE, Anchor
from ci_memory_producers.excerpt.spans import Span, Tail

_TAIL_LINES = 50
_QUIET_LINES = 40
_QUIET_BESIDE = 12
_LAST_ONES = 6
_TELLING = 6
_LATER = 7
_NAMED = 6
_FEW_BLOCKS = 3
_MAX_ANCHORS = 100
_ASSERTED = re.compile(r"^E {2,}(?P<why>\S.*)$")
_WHY = re.compile(
    r"^\s*Failure/Error: |^\s*(?:[\w$.]+\.)?\w*(?:Error|Exception|Failure|Fault)\b(?::|$)|^\s*(?:Error|error|ERROR): "
    r"|\bpanicked at|\b[Ee]xpected\b|\bAssert|\bassert|[Ff]ailed asserting|: error: |\.go:\d+: \S|\bdid not\b|^\s*\*\* \("
    r"|\bwas not\b|\bSC\d{4}\b"
)
_TAG = re.compile(r"^\[(?:info|error|INFO|ERROR)\]\s+")
_NAMELESS = (":", ": Failure")


def choose(kept: Sequence[Anchor], spans: Sequence[Span], tail: Tail) -> Excerpt:
    """The excerpt of a log, from its anchors, its failing spans and its end."""
    found = [span.anchors(kept) for span in spans]
    names = [_name(anchor) for anchors in found for anchor in anchors if anchor.rule.strength >= _NAMED]
    told = [_telling(span, anchors) for span, anchors in zip(spans, found, strict=True)]
    if not told[0]:
        told[0] = _quiet(spans[0], _QUIET_BESIDE if any(told) else _QUIET_LINES)
    blocks = [block for each in told for block in each]
    return _assemble(_distinct(blocks), names) if blocks else whole(tail.lines(_TAIL_LINES))


def _telling(span: Span, anchors: list[Anchor]) -> list[Block]:
    """The blocks of the anchors of a span that say most, or nothing where none says much."""
    top = max((anchor.rule.strength for anchor in anchors), default=0)
    if top < _TELLING:
        return []
    chosen = [anchor for anchor in anchors if anchor.rule.strength == top]
    if top <= _LATER:
        chosen = [anchor for anchor in chosen if anchor.line >= span.near.first] or chosen[-_LAST_ONES:]
    if all(anchor.rule.name == "marked" for anchor in chosen):
        chosen.reverse()  # an action reports what it met, and then what it makes of it
    return [block for anchor in chosen[:_MAX_ANCHORS] for block in blocks_of(anchor)]


def _quiet(span: Span, most: int) -> list[Block]:
    """What a command said last before its verdict, in words that no rule knows, and the verdict."""
    lines = span.quiet_end(most)
    if span.verdict is None or not lines:
        return []
    numbers = (*(number for number, _ in lines), span.verdict.line)
    texts = (*(text for _, text in lines), span.verdict.text)
    return [Block(span.verdict, texts, numbers, worst_line(texts[:-1]))]


def worst_line(lines: Sequence[str]) -> int:
    """The index of the last line with a word of failure, or of the last line with any."""
    last = 0
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].strip():
            last = last or index
            if WORDS.search(lines[index]) and not BENIGN.search(lines[index]) and not _is_consequence(lines[index]):
                return index
    return last


def _is_consequence(line: str) -> bool:
    known = classify(line.encode("utf-8", "replace"))
    return known is not None and known[0].strength <= CONSEQUENCE


def _distinct(blocks: list[Block]) -> list[Block]:
    """The blocks without repetitions; an exception that another was raised from is in the block of the last."""
    kept: list[Block] = []
    seen: set[str] = set()
    covered: set[int] = set()
    for block in [block for block in blocks if not block.chained] or blocks:
        key = f"{block.test}\n{block.lines[block.at].strip()}"
        if key in seen or block.numbers[block.at] in covered:
            continue
        seen.add(key)
        covered.update(block.numbers)
        kept.append(block)
    return kept


def _name(anchor: Anchor) -> str:
    found = anchor.rule.pattern.search(anchor.text)
    return ((found.groupdict().get("test") if found else "") or "").strip()


def headline_of(block: Block) -> str:
    """The line of a block that says why it failed: of a test that is not the one which names it."""
    own = block.lines[block.at].strip()
    if block.why or not (block.test or own.endswith(_NAMELESS)):
        return own
    after = [line.strip() for line in block.lines[block.at + 1 :] if line.strip()]
    if block.anchor.rule.name == "gradle.wrong":
        return next(
            (line[2:] for line in after if line.startswith("> ") and not line.startswith("> Task ")), after[0] if after else own
        )
    asserted = [found["why"] for found in map(_ASSERTED.match, after) if found]
    if asserted:
        return next((line for line in asserted if not line.endswith(":")), asserted[0])
    if block.anchor.rule.name == "unittest":
        after.reverse()
    telling = next((line for line in after if _WHY.search(line)), "")
    return _TAG.sub("", telling) or (after[0] if after and not block.test else own)


def _failure(block: Block) -> Failure:
    short = thinned(block)
    return Failure(headline_of(block), "\n".join(short.lines), block.test, stack_trace(short.lines))


def _assemble(blocks: list[Block], names: list[str]) -> Excerpt:
    if len(blocks) <= _FEW_BLOCKS:
        blocks = [block if block.anchor.rule.verdict else with_neighbours(block) for block in blocks]
    failures = tuple(_failure(block) for block in blocks[:MAX_FAILURES])
    lines: dict[int, str] = {}
    for block in blocks:
        room = MAX_EXCERPT_LINES - len(lines)
        if room <= 0:
            break
        part = thinned(block, room)
        lines.update(zip(part.numbers, part.lines, strict=True))
    numbers = sorted(lines)
    text = "\n".join(lines[number] for number in numbers)
    tests = distinct_names([*(block.test for block in blocks), *names])
    ranges = _joined([(number, number) for number in numbers])
    return Excerpt(failures[0].headline, text, ranges, tests, failures[0].stack_trace, failures)


def _joined(ranges: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return tuple(joined)


def whole(numbered: list[tuple[int, str]]) -> Excerpt:
    """All of these lines as one failure."""
    if not any(line.strip() for _, line in numbered):
        return Excerpt("", "", (), (), "", ())
    lines = tuple(line for _, line in numbered)
    text = "\n".join(lines)
    headline = lines[worst_line(lines)].strip()
    trace = stack_trace(lines)
    ranges = ((numbered[0][0], numbered[-1][0]),)
    return Excerpt(headline, text, ranges, (), trace, (Failure(headline, text, "", trace),))


def passed_through(excerpt: Excerpt, tail: Tail) -> Excerpt:
    """All lines, with what was found in them: the text is an excerpt already."""
    complete = whole(tail.lines(MAX_EXCERPT_LINES))
    if not complete.failures:
        return complete
    failures = excerpt.failures
    if len(failures) == 1:
        trace = excerpt.stack_trace or complete.stack_trace
        failures = (replace(failures[0], text=complete.text, stack_trace=trace),)
    return replace(excerpt, text=complete.text, ranges=complete.ranges, failures=failures, stack_trace=failures[0].stack_trace)
