"""How far the block of an anchor goes."""

from __future__ import annotations

import re

from ci_memory_producers.excerpt.around import MAX_UP, Around
from ci_memory_producers.excerpt.rules import Extent, Rule

_MAX_BLANKS = 2
_MAX_CHAIN = 3
_RULE = 20
_CHAIN = re.compile(r"^\s*(?:The above exception was the direct cause|During handling of the above exception)")
FRAME = re.compile(
    r"^\s*(?:at |File \"|\.\.\. \d+ (?:more|common)|Caused by: |Suppressed: |stack (?:back)?trace(?:back)?:|from |goroutine \d"
    r"|\[<|#\d+\s|in `|--> |\d+: |=+> )"
    r"|^\s*\S+:\d+(?::\d+)?:in [`']|^\s+\S+\.\w+:\d+"
)
"""A frame of a stack trace, or what stands between frames."""
TRACEBACK = re.compile(r"^\s*Traceback \(most recent call last\)")
_DETAIL = re.compile(
    r"^\s*(?:[|^~>]|[-+] |[-+]{3}|@@|E  |\d+ ?\||note:|help:|= (?:note|help)|[Ee]xpected|[Aa]ctual|[Rr]eceived|[Gg]ot\b|[Ww]ant\b"
    r"|but |symbol:|location:|required:|found:|reason:|left:|right:)"
)
_SUMMARY = re.compile(
    r"^(?:Test Suites:|Tests:|Ran \d+ tests?|Finished in|FAILURES!|failures:|\d+ (?:passing|tests?|examples?)\b|\s*(?:PASS|FAIL) "
    r"|Failed examples:)|^npm (?:ERR!|error)|^make(?:\[\d+\])?: \*\*\*"
)
_TAG = re.compile(r"\s*\[\w+\] ")


def bounds(rule: Rule, near: Around) -> tuple[int, int]:
    """The first and the last index of the block of ``near.lines[near.at]``, which ``rule`` knows."""
    match rule.extent:
        case Extent.LINE:
            begin, end = near.at, near.at
        case Extent.PARAGRAPH:
            begin, end = near.at, _paragraph_end(near)
        case Extent.AROUND:
            begin, end = _paragraph_begin(near, 1), _paragraph_end(near)
        case Extent.ABOVE:
            begin, end = _paragraph_begin(near, 2), _paragraph_end(near)
        case Extent.SECTION:
            begin, end = near.at, _section_end(rule, near)
        case Extent.UPWARDS:
            begin, end = _trace_begin(near), _detail_end(rule, near)
        case Extent.DETAIL:
            begin, end = near.at, _detail_end(rule, near)
    while end > near.at and not near.lines[end].strip():
        end -= 1
    return begin, end


def is_heading(line: str) -> bool:
    """Whether a report begins or ends a part with the line: a rule of = or _ or many -, or words between such rules."""
    mark = line[:1]
    if not mark or mark not in "=_-" or not line.endswith(mark * 3) or not line.startswith(mark * 3):
        return False
    words = line.strip(mark)
    if mark == "-":
        return len(line) >= _RULE if not words else words.startswith(" ") and words.endswith(" ")
    return True


def indent(line: str) -> int:
    """How many characters of white space the line begins with."""
    return len(line) - len(line.lstrip())


def _paragraph_end(near: Around) -> int:
    end = near.at
    while (following := near.following(end)) < len(near.lines) and not near.lines.stops(following):
        if not near.lines[following].strip():
            break
        end = following
    return end


def _paragraph_begin(near: Around, paragraphs: int) -> int:
    begin = near.at
    for index in range(near.at - 1, max(-1, near.at - MAX_UP), -1):
        if near.lines.stops(index):
            break
        if near.lines[index].strip():
            begin = index
        elif index + 1 == begin:
            paragraphs -= 1
            if not paragraphs:
                break
    return begin


def _detail_end(rule: Rule, near: Around) -> int:
    own = near.lines[near.at]
    tag = _TAG.match(own)
    base, end = indent(own), near.at
    for index in range(near.at + 1, len(near.lines)):
        line = near.lines[index]
        gap = index - end - 1 - near.spaced
        if near.lines.stops(index) or gap > _MAX_BLANKS:
            break
        if not line.strip():
            continue
        deeper = indent(line) > base or (tag is not None and line.startswith(tag[0]))
        if not deeper and not FRAME.match(line) and (gap > 0 or rule.knows(line) or not _DETAIL.match(line)):
            break
        if not deeper and gap > 0:
            break
        end = index
    return end


def _section_end(rule: Rule, near: Around) -> int:
    end = near.at
    dashes = 0
    underlined = near.lines[near.at].startswith("_")
    for index in range(near.at + 1, len(near.lines)):
        line = near.lines[index]
        if near.lines.stops(index):
            break
        if is_heading(line):
            dashes += 1
            if dashes > 1 or underlined or not line.startswith("-"):
                break
        elif rule.pattern.search(line) or _SUMMARY.match(line):
            break
        if line.strip():
            end = index
    return end


def is_chained(near: Around, at: int) -> bool:
    """Whether the exception at ``at`` is one that the next was raised from."""
    following = (near.lines[index] for index in range(at + 1, min(len(near.lines), at + 4)))
    return any(_CHAIN.match(line) for line in following)


def _trace_begin(near: Around) -> int:
    begin = _traceback_above(near, near.at)
    for _ in range(_MAX_CHAIN):
        above = begin - 1
        while above > 0 and (not near.lines[above].strip() or _CHAIN.match(near.lines[above])):
            above -= 1
        if above <= 0 or not is_chained(near, above):
            break
        begin = _traceback_above(near, above)
    return begin


def _traceback_above(near: Around, at: int) -> int:
    """The index where the trace of the exception at ``at`` begins."""
    for index in range(at - 1, max(-1, at - MAX_UP), -1):
        line = near.lines[index]
        if near.lines.stops(index):
            break
        if TRACEBACK.match(line):
            return index
        if line.strip() and not (indent(line) > indent(near.lines[at]) or FRAME.match(line)):
            break
    return at
