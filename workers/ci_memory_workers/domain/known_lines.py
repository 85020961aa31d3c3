"""Lines that were read before: a failure that comes again is recognised by them, without reading its text again.

What is seen of a line says `seen_line`. A line with a secret is seen without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain, compress
from typing import Final, NamedTuple, cast

from ci_memory_producers.redact import is_harmless, redact, redact_line

from .category import Categorizer
from .seen_line import ODD, SECRET, Line, Untold, read_lines, together, untold

MOST_LINES: Final = 65_536
"""Lines that are remembered, twice: the younger and the older ones."""
LONGEST_LINE: Final = 500
MOST_NEW: Final = 3
"""New lines that a text may have and still be recognised: what varies from run to run, and is masked."""
_DOES_NOT_READ_ALONE: Final = re.compile("[\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029](?=.)|[\ud800-\udfff]", re.DOTALL)


class Lines(NamedTuple):
    """The lines of a text: as they are seen, and as they stand."""

    seen: tuple[Line, ...]
    raw: list[str]

    def without_secrets(self) -> str:
        """What `redact` makes of the text."""
        # Lines with secrets are redacted afresh: nobody keeps what became of them.
        return "\n".join([redact(raw) if line.bits & SECRET else raw for raw, line in zip(self.raw, self.seen, strict=True)])


NO_LINES: Final = Lines((), [])


class KnownLines:
    """Remembers lines, as one ``categorizer`` sees them."""

    def __init__(self, categorizer: Categorizer) -> None:
        self._categorizer = categorizer
        self._young: dict[str, Line] = {}
        self._old: dict[str, Line] = {}
        self._seen: set[str] = set()
        self._alike: dict[tuple[object, ...], Line] = {}
        self._once_alike: dict[tuple[object, ...], Line] = {}

    def of(self, texts: Sequence[str]) -> list[Lines | None]:
        """The lines of each text; None for one of which too many are seen for the first time: it may never come again."""
        if len(self._young) >= MOST_LINES:
            self._old, self._young = self._young, {}
            self._once_alike, self._alike = self._alike, {}
        if len(self._seen) >= MOST_LINES:
            self._seen = set()
        split = [text.split("\n") for text in texts]
        found = [list(map(self._young.get, lines)) for lines in split]
        missing = [
            [] if all(its) else [line for line, known in zip(lines, its, strict=True) if known is None]
            for lines, its in zip(split, found, strict=True)
        ]
        worth_it = [not some or self._may_come_again(some) for some in missing]
        self._learn(dict.fromkeys(chain.from_iterable(compress(missing, worth_it))))
        for lines, its, some in compress(zip(split, found, missing, strict=True), worth_it):
            if some:
                its[:] = [self._young[line] if known is None else known for line, known in zip(lines, its, strict=True)]
        return [
            Lines(cast("tuple[Line, ...]", tuple(its)), lines) if worth else None
            for lines, its, worth in zip(split, found, worth_it, strict=True)
        ]

    def untold(self, lines: Lines) -> Untold | None:
        """What category and fingerprint see of texts of these ``lines`` beside them; None where they must be read."""
        return untold(lines.seen, self._categorizer)

    def _may_come_again(self, missing: Sequence[str]) -> bool:
        """Whether what is ``missing`` of a text is little, or comes for the second time."""
        new = {line for line in missing if line not in self._seen and line not in self._old}
        if max(map(len, missing)) > LONGEST_LINE:
            return False
        if len(new) > MOST_NEW:
            self._seen |= new
            return False
        return True

    def _learn(self, missing: Iterable[str]) -> None:
        new = [line for line in missing if line not in self._old]
        self._young.update({line: self._old[line] for line in missing if line in self._old})
        self._seen.difference_update(new)
        redacted = _redacted(new)
        harmless = list(dict.fromkeys(line for line in redacted.values() if line is not None))
        read = dict(zip(harmless, read_lines(harmless, self._categorizer), strict=True))
        for raw, line in redacted.items():
            if line is None:
                self._young[raw] = Line(ODD)
                continue
            bits, seen = read[line]
            if line != raw:
                self._young[raw] = self._shared(bits | SECRET, seen or (line,))
            else:
                self._young[raw] = self._shared(bits, seen) if seen else Line(bits)

    def _shared(self, bits: int, seen: tuple[object, ...]) -> Line:
        alike = (bits, *seen)
        found = self._alike.get(alike)
        if found is None:
            found = self._alike[alike] = self._once_alike.get(alike) or Line(bits)
        return found


def _redacted(lines: Sequence[str]) -> dict[str, str | None]:
    """What becomes of each line where its secrets go; None where that depends on its text."""
    redacted: dict[str, str | None] = dict.fromkeys(lines)
    for some in together(lines):
        # Most hold no secret, which is said of many at once for less.
        joined = "\n".join(some)
        if _DOES_NOT_READ_ALONE.search(joined) is None and is_harmless(joined):
            redacted.update(zip(some, some, strict=True))
        else:
            redacted.update((line, redact_line(line)) for line in some if _DOES_NOT_READ_ALONE.search(line) is None)
    return redacted
