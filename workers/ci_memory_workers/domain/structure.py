"""What a failure's text structurally is: a crash, a compiler's error, a missing package, an exception, or a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

import re2

from . import line_traits
from .build_errors import COMPILER, DEPENDENCY
from .crash_report import crash_in
from .exception import exception_in
from .frames import own_frames
from .log_lines import LogLines
from .reason import reason_in

Kind = Literal["crash", "compiler", "dependency", "exception", "reason", "output", "nothing"]

_LONGEST_PART: Final = 1_000

# Symbols that compilers print without quotes: kept as they stand, where masking would drop their numbers.
_SYMBOL: Final = re.compile(r"\b(?:undefined:|symbol: +\w+) ([\w.:]+)")
_NO_SYMBOL: Final = "cannot find symbol"
"""javac's error, the same for every cause where its symbol stands elsewhere."""
_FILE: Final = re.compile(r"([^\s/\\:]{1,200}\.\w{1,10}):")
_DIRECTORIES: Final = re.compile(r"(?<=['\" ])(?:[A-Za-z]:)?[/\\](?:[^'\"\s/\\]{1,200}[/\\]){1,40}")


@dataclass(frozen=True, slots=True)
class Structure:
    """What was read. ``names`` (types, functions) are kept as they stand, ``parts`` want masking."""

    kind: Kind
    names: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def read(log: LogLines, trace: LogLines, *, of_test: bool) -> Structure:
    """The structure of ``log``; ``trace`` are the lines of a separate stack trace, where there is one.

    ``of_test`` says that a test is known: then the exception and its message tell failures apart, and frames are left out.
    """
    if (built := _crash_or_build(log)) is not None:
        return built
    hollow = log.hollow
    raised = exception_in(log, hollow) or exception_in(trace)
    if raised is not None:
        name, message = raised
        frames = () if of_test else own_frames(trace.lines or log.lines)
        return Structure("exception", (name, *frames), (message,) if message else ())
    reason = reason_in(log, hollow, of_test=of_test)
    if not reason.line:
        return Structure("nothing")
    return Structure("reason" if reason.telling else "output", (), (reason.line,))


def _crash_or_build(log: LogLines) -> Structure | None:
    found = log.found
    if not found & (line_traits.COMPILER | line_traits.DEPENDENCY) and not (
        found & line_traits.CRASH and found & line_traits.HEADING
    ):
        return None
    text = "\n".join(log.lines)
    if found & line_traits.CRASH and found & line_traits.HEADING and "goroutine " not in text:
        start = next(index for index, its in enumerate(log.traits) if its & line_traits.HEADING)
        if (crash := crash_in(log.lines, start)) is not None:
            what, function = crash
            return Structure("crash", (function,) if function else (), (what,))
    if found & line_traits.COMPILER and (match := COMPILER.search(text)) is not None:
        return _compiler_error(match, text)
    if found & line_traits.DEPENDENCY and (match := DEPENDENCY.search(text)) is not None:
        # A package's version is the constraint that could not be met: kept, where masking would drop it.
        return Structure("dependency", (_DIRECTORIES.sub("", _captured(match)),))
    return None


def _compiler_error(match: re2._Match, text: str) -> Structure:
    """The first error that a compiler prints, and what it is about: Maven lists the places before it tells the symbols."""
    error = _captured(match)
    if error == _NO_SYMBOL:
        told = (said for other in COMPILER.finditer(text) if _SYMBOL.search(said := _captured(other)))
        file = _FILE.search(match[0])
        error = next(told, f"{error} in {file[1]}" if file else error)
    return Structure("compiler", tuple(_SYMBOL.findall(error)), (error,))


def _captured(match: re2._Match) -> str:
    return " ".join(group for group in match.groups() if group)[:_LONGEST_PART]
