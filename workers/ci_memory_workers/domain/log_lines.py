"""Lines of a log: cleaned of what a terminal, a CI provider or a logger put before them."""

from __future__ import annotations

import re
from functools import lru_cache, reduce
from operator import or_
from typing import Final, NamedTuple

from .line_traits import HOLLOW, traits

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|\[\d{1,3}(?:;\d{1,3})*m")
_BARE_COLOUR: Final = re.compile(r"\[\d{1,3}(?:;\d{1,3})*m")
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|SEVERE|CRITICAL|FATAL|AUDIT)"
_PREFIX: Final = re.compile(
    rf"""(?:\s*(?:
        \[\s*\d+\.\d+\](?:\[\s*[TC]\d+\])?                                    # kernel
      | \d{{4}}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|\s?[+-]\d\d:?\d\d)?\b   # ISO
      | \[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?(?=\s)                                  # clock
      | \#\d+\ \d+\.\d+(?=\s)                                                    # BuildKit
      | \[(?:-|req-[^\]\s]{{1,60}}(?:\ [^\]\s]{{1,60}}){{0,5}})\](?=\s)               # a request's context
      | \#\#\[(?:error|warning|debug|group|section|command)\]
      | ::(?:error|warning|debug|group)[^:\n]{{0,200}}::
      | \[(?:{_LEVEL}|error|info|warn)\](?=\s|$)
      )
      (?:[ ]+\d+[ ]+{_LEVEL}[ ]+[\w.]+|[ ]+{_LEVEL}(?=\s))?                        # a logger's level and name
      [ ]?)+""",
    re.VERBOSE,
)
_ERROR_MARK: Final = re.compile(r"ERROR|SEVERE|CRITICAL|FATAL|error")
_MAY_HAVE_PREFIX: Final = frozenset("0123456789[#:")
_LONGEST_REMEMBERED: Final = 300
_MOST_REMEMBERED: Final = 32_768


def _seems_coloured(text: str) -> bool:
    return "[0m" in text or "[9" in text or "[3" in text


@lru_cache(4)
def without_colours(text: str) -> str:
    """``text`` without terminal escapes, also those that lost their escape character on the way; always encodable."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    if "\x1b" in text or (_seems_coloured(text) and _BARE_COLOUR.search(text) is not None):
        return _ANSI.sub("", text)
    return text


def line_without_colours(line: str) -> str | None:
    """What `without_colours` leaves of a ``line`` in any text; None where that depends on the text."""
    if "\x1b" not in line:
        return line if _BARE_COLOUR.search(line) is None else None
    return _ANSI.sub("", line) if "\x1b]" not in line else None


class LogLines(NamedTuple):
    """Cleaned lines; ``errors`` are those that a logger or the CI provider had marked as errors; ``traits`` are each line's."""

    lines: list[str]
    errors: frozenset[str]
    traits: list[int]

    @property
    def found(self) -> int:
        """The traits that any line has."""
        return reduce(or_, self.traits, 0)

    def having(self, wanted: int) -> list[str]:
        """The lines that have one of the traits ``wanted``, in their order."""
        return [line for line, its in zip(self.lines, self.traits, strict=True) if its & wanted]

    @property
    def hollow(self) -> frozenset[str]:
        """The lines that say only *that* something failed (an exit code, "Build failed"), not why."""
        return frozenset(self.having(HOLLOW))


def clean(text: str) -> LogLines:
    """The lines of ``text`` without colour codes, time stamps and level marks; empty lines dropped, inner space kept."""
    read = [
        line
        for raw in without_colours(text).splitlines()
        if (line := (_remembered(raw) if len(raw) <= _LONGEST_REMEMBERED else clean_line(raw))) is not None
    ]
    return LogLines(
        [line.text for line in read],
        frozenset([line.text for line in read if line.is_error]),
        [line.traits for line in read],
    )


class LogLine(NamedTuple):
    """A cleaned line; ``is_error`` where a logger or the CI provider had marked it so; its ``traits``."""

    text: str
    is_error: bool
    traits: int


def clean_line(line: str) -> LogLine | None:
    """A line without colour codes, cleaned of the rest; None where nothing is left."""
    said = without_prefix(line)
    return None if said is None else LogLine(*said, traits(said[0]))


def without_prefix(line: str) -> tuple[str, bool] | None:
    """What a line without colour codes says, and whether a logger or the CI provider had marked it as an error; None where that
    is nothing.
    """
    bare = line.lstrip()
    if not bare:
        return None
    is_error = False
    if bare[0] in _MAY_HAVE_PREFIX and (match := _PREFIX.match(line)) is not None:
        line = line[match.end() :]
        if not line.strip():
            return None
        is_error = _ERROR_MARK.search(match.group()) is not None
    return line.rstrip(), is_error


_remembered = lru_cache(_MOST_REMEMBERED)(clean_line)
