"""What is seen of one line by category and fingerprint: without colours and time stamps, and of some lines the masked form alone.

Lines of which the same is seen are one `Line`: the noise of a run makes no new text. `untold` says where more is to be known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final, NamedTuple, TypeVar

from . import line_traits
from .category import Categorizer
from .frames import is_frame
from .log_lines import line_without_colours, without_prefix
from .mask import mask_line

ODD, STAMPED, MASKED, SECRET, BLANK, RAISED_LIKE, ANNOUNCES, WHOLE, TRACEBACK, CRASH, HEADING, TEST_BEGINS = (
    1 << number for number in range(12)
)
"""Bits of a line. It must be read with its text; stands for lines with other colours and time stamps, or with other noise; has a
secret; is empty; may end a Python traceback; announces the lines below it; makes all lines matter; begins a Python traceback; may
be part of a crash report; begins one; begins a test's name that takes several lines."""
_RULES: Final = 12
"""Where the bits of the categorizer's patterns of several lines begin."""
_ENDS_TRACEBACK: Final = re.compile(r"\s*(?![A-Z]+\b)[A-Za-z_][\w.]{1,200}(?::|$)")
# Parts of something of several lines: they are taken as they stand, whatever is varying in them.
_TAKEN_AS_IT_IS: Final = re.compile(r"\s*(?:severity|exitcode|signal|failureType|symbol|location|required|found|reason): ")
_FAR: Final = 3
"""How many lines below it what announces them can take."""


@dataclass(slots=True, eq=False)
class Line:
    """What is seen of one line, or of several that are seen alike. Equal to itself alone."""

    bits: int


class Untold(NamedTuple):
    """What lines don't tell of their text: the lines ``at`` these positions as they stand; what rules of several lines say, which
    the lines at the positions ``several`` may change; and the text without its ``secrets``.
    """

    at: tuple[int, ...] = ()
    several: tuple[int, ...] = ()
    secrets: bool = False


Seen = tuple[int, tuple[object, ...]]
"""The bits of a line, and what is seen of it; nothing where it is seen as it stands."""
_Said = TypeVar("_Said", int, tuple[int, ...])
_TOGETHER: Final = 32


def read_lines(lines: Sequence[str], categorizer: Categorizer) -> list[Seen]:
    """What is seen of lines without secrets, none of which breaks other than at its end."""
    plain = [line_without_colours(line) for line in lines]
    known = [line for line in plain if line is not None]
    rules = _of_each(known, categorizer.rules_of_line, ())
    parts = _of_each(known, categorizer.part_of_several, 0)
    said = {line: without_prefix(line) for line in known}
    traits = _of_each([bare[0] for bare in said.values() if bare is not None], line_traits.traits, 0)
    seen: list[Seen] = []
    for raw, line in zip(lines, plain, strict=True):
        if line is None:
            seen.append((ODD, ()))
        elif (bare := said[line]) is None:
            seen.append((parts[line] << _RULES | BLANK, ()))
        else:
            bits, what = _read(raw, *bare, rules[line], traits[bare[0]])
            seen.append((parts[line] << _RULES | bits, what))
    return seen


def together(lines: Sequence[str]) -> Iterator[Sequence[str]]:
    """``lines``, so many at a time as are worth being looked at as one text: of most new lines nothing is to be said."""
    return (lines[start : start + _TOGETHER] for start in range(0, len(lines), _TOGETHER))


def _of_each(lines: Sequence[str], said: Callable[[str], _Said], nothing: _Said) -> dict[str, _Said]:
    """What is ``said`` of each line; ``said`` of several as one text, it is at least something where it is of one of them."""
    found = dict.fromkeys(lines, nothing)
    for some in together(lines):
        if said("\n".join(some)) != nothing:
            found.update((line, said(line)) for line in some)
    return found


def _read(raw: str, line: str, is_error: bool, rules: tuple[int, ...], traits: int) -> Seen:
    taken = traits or is_error or rules or "peer " in line or line.endswith((":", "'"))
    if not (taken or _TAKEN_AS_IT_IS.match(line) or is_frame(line)):
        indent = len(line) - len(line.lstrip())
        masked = mask_line(line)
        if (" " * indent + masked) != raw:
            raised_like = RAISED_LIKE if _ENDS_TRACEBACK.match(line) else 0
            return STAMPED | MASKED | raised_like, (indent, masked)
    bits = _reach(line, is_error=is_error, traits=traits)
    return (bits, ()) if line == raw else (bits | STAMPED, (line, is_error, rules))


def untold(lines: Sequence[Line], categorizer: Categorizer) -> Untold | None:
    """What category and fingerprint see of texts of these ``lines`` beside them; None where they must be read."""
    found = reduce(or_, [line.bits for line in lines], 0)
    if found & ODD:
        return None
    several: set[int] = set()
    if found & STAMPED:
        parts = found >> _RULES
        for needed, steps in categorizer.several:
            if parts & needed == needed:
                several.update(_varying(lines, needed, steps))
    return Untold(tuple(_taken(lines, found)) if found & MASKED else (), tuple(sorted(several)), bool(found & SECRET))


def _varying(lines: Sequence[Line], needed: int, steps: int | None) -> Iterator[int]:
    """Where lines stand that stand for others, in what has these parts: in so many lines below one, blank ones not counted."""
    full, at, blank = [0], [0], 0
    for position, line in enumerate(lines):
        if line.bits & BLANK:
            full[-1] |= line.bits
            blank |= line.bits
        else:
            full.append(line.bits | blank)
            at.append(position)
            blank = 0
    for start in range(1 if steps is None else len(full)):
        end = len(full) if steps is None else start + steps + 1
        run = full[start:end]
        if (reduce(or_, run) >> _RULES) & needed == needed:
            yield from (position for position, bits in zip(at[start:end], run, strict=True) if bits & STAMPED)


_OF_TRAITS: Final = (
    (line_traits.TRACEBACK, TRACEBACK),
    (line_traits.CRASH, CRASH),
    (line_traits.HEADING, HEADING),
    (line_traits.TEST_BEGINS, TEST_BEGINS),
)


def _reach(line: str, *, is_error: bool, traits: int) -> int:
    """How far what a line says reaches beyond itself."""
    bits = reduce(or_, [bit for trait, bit in _OF_TRAITS if traits & trait], 0)
    if line.startswith("│ Error: ") or line.endswith((":", "'")):
        # A line without traits that begins as this one does would have its traits, but not its mark.
        bits |= WHOLE if is_error else ANNOUNCES
    return bits


def _taken(lines: Sequence[Line], found: int) -> Iterator[int]:
    """Where lines stand whose noise is masked, and that may be a part of what another one says; ``found`` are the bits of all."""
    whole, traceback = found & WHOLE, found & TRACEBACK
    begins = TEST_BEGINS | HEADING if found & CRASH else TEST_BEGINS
    above = _FAR
    for at, line in enumerate(lines):
        if line.bits & BLANK:
            continue
        above = 0 if line.bits & ANNOUNCES else above + 1
        whole = whole or line.bits & begins
        if line.bits & MASKED and (whole or 0 < above <= _FAR or (traceback and line.bits & RAISED_LIKE)):
            yield at
