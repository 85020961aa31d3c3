"""The lines around an anchor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from ci_memory_producers.excerpt.clean import strip_line
from ci_memory_producers.excerpt.scan import Anchor

MAX_UP = 40
"""Lines above an anchor that can belong to its block."""
_NEAR_BEHIND = 6_000
_STOP = re.compile(r"travis_(?:time|fold)|##\[(?:group|endgroup)\]|section_(?:start|end):|##\[error\]Process completed|\x1b_bk;")


@dataclass(frozen=True, slots=True)
class Around:
    """The context of an anchor as cleaned lines: ``lines[at]`` is the anchor's own, ``first`` the number of ``lines[0]`` in the log.

    ``stops`` are the indices where a step or a fold begins or ends; no block goes beyond. ``spaced`` says that every other line is
    empty, as carriage returns leave it in some logs.
    """

    lines: list[str]
    at: int
    first: int
    stops: frozenset[int]
    spaced: bool

    def following(self, index: int) -> int:
        """The index of the line after ``index``: one further where every other line is empty."""
        after = index + 1
        if self.spaced and after < len(self.lines) and not self.lines[after].strip():
            return after + 1
        return after


def around(anchor: Anchor, max_lines: int) -> Around:
    """The lines of an anchor's context, at most ``max_lines`` from the anchor on. Lines that the context cuts are left out."""
    behind = anchor.context[max(0, anchor.offset - _NEAR_BEHIND) : anchor.offset].decode("utf-8", "replace").split("\n")
    before = behind[1 if anchor.offset > _NEAR_BEHIND else 0 : -1][-MAX_UP:]
    after = anchor.context[anchor.offset :].decode("utf-8", "replace").split("\n", max_lines)
    if len(after) > 1:
        after.pop()
    raw = before + after
    stops = frozenset(index for index, line in enumerate(raw) if _STOP.search(line)) if _may_stop(anchor.context) else frozenset()
    lines = [strip_line(line) for line in raw]
    return Around(lines, len(before), anchor.line - len(before), stops, _is_spaced(lines, len(before)))


def _may_stop(context: bytes) -> bool:
    return any(mark in context for mark in (b"travis_", b"##[", b"section_", b"_bk;"))


def _is_spaced(lines: list[str], at: int) -> bool:
    text = [bool(line.strip()) for line in lines[max(0, at - 8) : at + 9]]
    pairs = sum(one and other for one, other in pairwise(text))
    return len(text) >= 8 and pairs <= 1 and sum(text) * 5 >= len(text) * 2
