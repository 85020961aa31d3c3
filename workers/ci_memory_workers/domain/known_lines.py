"""Lines that were read before: a failure that comes again is recognised by them, without reading its text again.

Category and fingerprint see the lines of a text without colours and time stamps, and of some lines the masked form alone. Lines
of which they see the same are one `Line`: the noise of a run makes no new text. `untold` says where more is to be known. A line
with a secret is seen without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Final, NamedTuple, cast
from weakref import WeakValueDictionary

from ci_memory_producers.redact import is_harmless, redact, redact_line

from . import line_traits
from .category import Categorizer
from .frames import is_frame
from .log_lines import clean_line, line_without_colours
from .mask import mask_line

MOST_LINES: Final = 65_536
"""Lines that are remembered, twice: the younger and the older ones."""
LONGEST_LINE: Final = 500
MOST_NEW: Final = 3
"""New lines that a text may have and still be recognised: what varies from run to run, and is masked."""

ODD, STAMPED, MASKED, SECRET, BLANK, RAISED_LIKE, ANNOUNCES, WHOLE, TRACEBACK, CRASH, HEADING, TEST_BEGINS = (
    1 << number for number in range(12)
)
"""Bits of a line. It must be read with its text; stands for lines with other colours and time stamps, or with other noise; has a
secret; is empty; may end a Python traceback; announces the lines below it; makes all lines matter; begins a Python traceback; may
be part of a crash report; begins one; begins a test's name that takes several lines."""
_RULES: Final = 12
"""Where the bits of the categorizer's patterns of several lines begin."""
_BREAKS: Final = re.compile("[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029](?=.)", re.DOTALL)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ENDS_TRACEBACK: Final = re.compile(r"\s*(?![A-Z]+\b)[A-Za-z_][\w.]{1,200}(?::|$)")
# Parts of something of several lines: they are taken as they stand, whatever is varying in them.
_TAKEN_AS_IT_IS: Final = re.compile(r"\s*(?:severity|exitcode|signal|failureType|symbol|location|required|found|reason): ")
_FAR: Final = 3
"""How many lines below it what announces them can take."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Line:
    """What is seen of one line, or of several that are seen alike. Equal to itself alone."""

    bits: int


class Untold(NamedTuple):
    """What lines don't tell of their text: the lines at these positions as they stand, what rules of several lines say, and the
    text without its ``secrets``.
    """

    at: tuple[int, ...] = ()
    several: bool = False
    secrets: bool = False


class KnownLines:
    """Remembers lines, as one ``categorizer`` sees them."""

    def __init__(self, categorizer: Categorizer) -> None:
        self._categorizer = categorizer
        self._young: dict[str, Line] = {}
        self._old: dict[str, Line] = {}
        self._seen: set[str] = set()
        self._alike: WeakValueDictionary[tuple[object, ...], Line] = WeakValueDictionary()

    def of(self, texts: Sequence[str]) -> list[tuple[Line, ...] | None]:
        """The lines of each text; None for one of which too many are seen for the first time: it may never come again."""
        if len(self._young) >= MOST_LINES:
            self._old, self._young = self._young, {}
        if len(self._seen) >= MOST_LINES:
            self._seen = set()
        split = [text.split("\n") for text in texts]
        found = [list(map(self._young.get, lines)) for lines in split]
        missing = [self._missing(lines, its) for lines, its in zip(split, found, strict=True)]
        self._learn(dict.fromkeys(line for some in missing for line in some or ()))
        for lines, its, some in zip(split, found, missing, strict=True):
            if some:
                its[:] = map(self._young.get, lines)
        return [None if some is None else cast("tuple[Line, ...]", tuple(its)) for its, some in zip(found, missing, strict=True)]

    def _missing(self, lines: Sequence[str], found: Sequence[Line | None]) -> list[str] | None:
        """What has to be read of ``lines``; None where that is too much."""
        if None not in found:
            return []
        missing = [line for line, its in zip(lines, found, strict=True) if its is None]
        new = {line for line in missing if line not in self._seen and line not in self._old}
        if max(map(len, missing)) > LONGEST_LINE:
            return None
        if len(new) > MOST_NEW:
            self._seen |= new
            return None
        return missing

    def _learn(self, missing: Iterable[str]) -> None:
        new = [line for line in missing if line not in self._old]
        self._young.update({line: self._old[line] for line in missing if line in self._old})
        self._seen.difference_update(new)
        alone = [line for line in new if _reads_alone(line)]
        # Most hold no secret, which is said of all at once for less than of each.
        redacted = (
            {line: line for line in alone} if is_harmless("\n".join(alone)) else {line: redact_line(line) for line in alone}
        )
        self._young.update({line: self._line(line, redacted.get(line)) for line in new})

    def _line(self, raw: str, redacted: str | None) -> Line:
        if redacted is None:
            return Line(ODD)
        bits, seen = self._read(redacted)
        if redacted != raw:
            return self._shared(bits | SECRET, seen or (redacted,))
        return self._shared(bits, seen) if seen else Line(bits)

    def _read(self, raw: str) -> tuple[int, tuple[object, ...]]:
        """The bits of a line without secrets, and what is seen of it; nothing where it is seen as it stands."""
        if (plain := line_without_colours(raw)) is None:
            return ODD, ()
        cleaned = clean_line(plain)
        rules = self._categorizer.rules_of_line(plain)
        bits = self._categorizer.part_of_several(plain) << _RULES
        if cleaned is None:
            return bits | BLANK, ()
        line, is_error, traits = cleaned
        taken = traits or is_error or rules or "peer " in line or line.endswith((":", "'"))
        if not (taken or _TAKEN_AS_IT_IS.match(line) or is_frame(line)):
            indent = len(line) - len(line.lstrip())
            masked = mask_line(line)
            if (" " * indent + masked) != raw:
                raised_like = RAISED_LIKE if _ENDS_TRACEBACK.match(line) else 0
                return bits | STAMPED | MASKED | raised_like, (indent, masked)
        bits |= _reach(line, is_error=is_error, traits=traits)
        return (bits, ()) if line == raw else (bits | STAMPED, (line, is_error, rules))

    def _shared(self, bits: int, seen: tuple[object, ...]) -> Line:
        alike = (bits, *seen)
        found = self._alike.get(alike)
        if found is None:
            found = self._alike[alike] = Line(bits)
        return found

    def untold(self, lines: Sequence[Line]) -> Untold | None:
        """What category and fingerprint see of texts of these ``lines`` beside them; None where they must be read."""
        found = reduce(or_, [line.bits for line in lines], 0)
        if found & ODD:
            return None
        parts = found >> _RULES
        several = bool(found & STAMPED) and any(parts & needed == needed for needed in self._categorizer.several)
        return Untold(tuple(_taken(lines, found)) if found & MASKED else (), several, bool(found & SECRET))


def without_secrets(text: str, lines: Sequence[Line]) -> str:
    """What `redact` makes of a ``text`` of these ``lines``."""
    # Lines with secrets are redacted afresh: what holds secrets is not worth remembering what becomes of it.
    return "\n".join([redact(raw) if line.bits & SECRET else raw for raw, line in zip(text.split("\n"), lines, strict=True)])


def _reads_alone(line: str) -> bool:
    return _BREAKS.search(line) is None and _SURROGATE.search(line) is None


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
