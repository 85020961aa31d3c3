"""Failures that a test runner lists with numbers, or one a line, below a heading."""

from __future__ import annotations

import re

from ci_memory_producers.excerpt.around import Around
from ci_memory_producers.excerpt.extents import indent

_MAX_ITEMS = 60
_MAX_NAME_LINES = 8
_ITEM = re.compile(r"^\s{0,12}(\d{1,4})\)\s*(?P<name>.*)$")
_END = re.compile(
    r"^(?:Finished in|FAILURES!|ERRORS!|Tests: \d|Failed examples:|\d+ (?:tests?|examples?|runs?)\b|--$|npm (?:ERR!|error)"
    r"|error Command failed|There (?:was|were) \d+ |Pending:)"
)
_MINITEST = re.compile(r"^(?:Failure|Error|Skipped):$")


def items(near: Around) -> list[tuple[int, int, str]]:
    """The items below the heading at ``near.at``: first and last index, and the name of the test."""
    found: list[tuple[int, int, str]] = []
    begin = expected = 0
    for index in range(near.at + 1, len(near.lines)):
        line = near.lines[index]
        item = _ITEM.match(line)
        if near.lines.stops(index) or _END.match(line):
            break
        if item and int(item[1]) == expected + 1:
            if expected:
                found.append((begin, _last(near, begin, index), item_name(near, begin)))
            begin, expected = index, expected + 1
            if expected > _MAX_ITEMS:
                break
    else:
        index = len(near.lines)
    if expected and expected <= _MAX_ITEMS:
        found.append((begin, _last(near, begin, index), item_name(near, begin)))
    return found


def _last(near: Around, begin: int, end: int) -> int:
    while end - 1 > begin and not near.lines[end - 1].strip():
        end -= 1
    return end - 1


def item_name(near: Around, begin: int) -> str:
    """The name in the item's first line; mocha goes on over indented lines, up to one that ends with a colon."""
    item = _ITEM.match(near.lines[begin])
    name = item["name"].strip() if item else ""
    if _MINITEST.match(name):
        return near.lines[begin + 1].split(" [")[0].strip() if begin + 1 < len(near.lines) else ""
    parts = [name] if name else []
    if not name.endswith(":"):
        for line in near.lines[begin + 1 : begin + _MAX_NAME_LINES]:
            if not line.strip() and name:
                break
            if line.strip() and indent(line) <= indent(near.lines[begin]):
                break
            if line.strip():
                parts.append(line.strip())
            if line.rstrip().endswith(":"):
                return " ".join(parts).rstrip(":")
        return name
    return " ".join(parts).rstrip(":")
