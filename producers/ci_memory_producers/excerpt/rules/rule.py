"""The form of a rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Extent(Enum):
    """How the block of a matched line goes on."""

    LINE = "the line alone"
    DETAIL = "lines that are indented deeper, frames, diffs"
    PARAGRAPH = "until an empty line"
    AROUND = "the paragraph that it stands in"
    ABOVE = "the two paragraphs above, too"
    UPWARDS = "the trace above, then as DETAIL"
    SECTION = "until the next heading of its kind or a rule of the report"


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of line.

    ``strength`` says how much the line explains: 9 a failed test or compiler error with its place, 8 and 7 an exception or a
    tool's own fatal message, 6 a line marked as error, 2 and 1 a consequence ("exit code 1"). ``gates`` are lowercase literals
    of which the line holds at least one: they make the reader fast; a newline in a gate is the line's end. The pattern's group
    ``test`` names a failed test, its group ``why`` says why. ``listing`` marks a heading with numbered failures below,
    ``anchored`` a pattern that can match at the beginning of a line only.
    """

    name: str
    strength: int
    gates: tuple[str, ...]
    pattern: re.Pattern[str]
    extent: Extent = Extent.DETAIL
    listing: bool = False
    anchored: bool = False

    def knows(self, text: str) -> bool:
        """Whether the rule knows the cleaned line."""
        return (self.pattern.match(text) if self.anchored else self.pattern.search(text)) is not None

    @property
    def verdict(self) -> bool:
        """Whether a CI provider says with this line that the step above it failed."""
        return self.name.startswith("verdict.")


def rule(
    name: str,
    strength: int,
    gates: str,
    pattern: str,
    extent: Extent = Extent.DETAIL,
    *,
    listing: bool = False,
) -> Rule:
    """A rule whose gates are written with ``|`` between them."""
    return Rule(name, strength, tuple(gates.split("|")), re.compile(pattern), extent, listing, _is_anchored(pattern))


def _is_anchored(pattern: str) -> bool:
    """Whether every alternative of a pattern begins with ``^``: a match at the beginning is then all that is worth a try."""
    depth = 0
    alternatives = [""]
    escaped = False
    for character in pattern:
        if not escaped and character in "([":
            depth += 1
        elif not escaped and character in ")]":
            depth -= 1
        if character == "|" and depth == 0 and not escaped:
            alternatives.append("")
        else:
            alternatives[-1] += character
        escaped = character == "\\" and not escaped
    return all(each.startswith("^") for each in alternatives)
