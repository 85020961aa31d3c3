"""The lines around an anchor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import overload

from ci_memory_producers.excerpt.clean import strip_line
from ci_memory_producers.excerpt.scan import Anchor

MAX_UP = 40
"""Lines above an anchor that can belong to its block."""
_NEAR_BEHIND = 6_000
_SPACED_NEAR = 8
_STOP = re.compile(r"travis_(?:time|fold)|##\[(?:group|endgroup)\]|section_(?:start|end):|##\[error\]Process completed")


class Lines(Sequence[str]):
    """Lines that are cleaned when they are looked at."""

    def __init__(self, raw: list[str]) -> None:
        self._raw = raw
        self._clean: list[str | None] = [None] * len(raw)

    def __len__(self) -> int:
        return len(self._raw)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self._raw)))]
        clean = self._clean[index]
        if clean is None:
            clean = self._clean[index] = strip_line(self._raw[index])
        return clean

    def stops(self, index: int) -> bool:
        """Whether a step or a fold begins or ends with the line; no block goes beyond."""
        return _STOP.search(self._raw[index]) is not None


@dataclass(frozen=True, slots=True)
class Around:
    """The context of an anchor: ``lines[at]`` is the anchor's own, ``first`` the number of ``lines[0]`` in the log.

    ``spaced`` says that every other line is empty, as carriage returns leave it in some logs.
    """

    lines: Lines
    at: int
    first: int
    spaced: bool

    def following(self, index: int) -> int:
        """The index of the line after ``index``: one further where every other line is empty."""
        after = index + 1
        if self.spaced and after < len(self.lines) and not self.lines[after].strip():
            return after + 1
        return after


def around(anchor: Anchor, max_lines: int) -> Around:
    """The lines of an anchor's context, at most ``max_lines`` from the anchor on. Lines that the context cuts are left out."""
    begin = max(0, anchor.offset - _NEAR_BEHIND)
    before = anchor.context[begin : anchor.offset].decode("utf-8", "replace").split("\n")[1 if begin else 0 : -1][-MAX_UP:]
    after = anchor.context[anchor.offset :].decode("utf-8", "replace").split("\n", max_lines)
    if len(after) > 1:
        after.pop()
    at = len(before)
    return Around(Lines(before + after), at, anchor.line - at, _is_spaced(before + after, at))


def _is_spaced(raw: list[str], at: int) -> bool:
    text = [bool(line.strip()) for line in raw[max(0, at - _SPACED_NEAR) : at + _SPACED_NEAR + 1]]
    pairs = sum(one and other for one, other in pairwise(text))
    return len(text) >= _SPACED_NEAR and pairs <= 1 and sum(text) * 5 >= len(text) * 2
