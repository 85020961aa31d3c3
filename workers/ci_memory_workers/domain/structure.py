"""What a failure's text structurally is: a crash, a compiler's error, a missing package, an exception, or a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

import re2

from .crash_report import crash_in
from .exception import exception_in
from .frames import own_frames
from .log_lines import LogLines
from .reason import reason_in

Kind = Literal["crash", "compiler", "dependency", "exception", "reason", "output", "nothing"]

_LONGEST_PART: Final = 1_000

_COMPILER: Final = re2.compile(
    r"(?m)"
    + "|".join(
        (
            r"^[^\s:(][^\n:(]*\.\w+:\d+(?::\d+)?: (?:fatal |internal compiler )?error: ([^\n]*)",  # gcc, clang, javac
            r"^(error(?:\[E\d+\])?: [^\n]*)\n *--> ",  # rustc
            r"\(\d+(?:,\d+){0,3}\) ?: (?:fatal )?(error [A-Z]{1,6}\d{2,5}: [^\n]*?)(?: \[[^\]\n]*proj\])?$",  # MSVC, C#, tsc
            r":\d+:\d+ - (error TS\d+: [^\n]*)",  # tsc --pretty
            r"^[^\s:]+\.(?:java|kt|kts|scala|groovy):\[\d+,\d+\] "
            r"([^\n]*(?:\n *(?:symbol|location|required|found|reason): [^\n]*)*)",  # Maven
            r"^e: (?:file://)?[^\n]*?\.kts?:?[^ ]*:? ([^\n]*)",  # kotlinc
            r"^[^\s:]+\.go:\d+:\d+: ([^\n]*)|^# \S+\n[^\s:]+\.go:\d+: ([^\n]*)",  # go
            r"(undefined reference to [^\n]*)",  # ld
            r"^[^\n:]*ld[^\n:]*: (cannot find -l\S+|library not found for \S+|[^\n]*undefined symbol[^\n]*)",
        )
    )
)
# Symbols that compilers print without quotes: kept as they stand, where masking would drop their numbers.
_SYMBOL: Final = re.compile(r"\b(?:undefined:|symbol: +\w+) ([\w.:]+)")
_NO_SYMBOL: Final = "cannot find symbol"
"""javac's error, the same for every cause where its symbol stands elsewhere."""
_FILE: Final = re.compile(r"([^\s/\\:]{1,200}\.\w{1,10}):")
_DEPENDENCY: Final = re2.compile(
    r"(?m)(?i:"
    + "|".join(
        (
            r"(No module named ['\"]?[\w.]+)",
            r"(Cannot find (?:module|package) ['\"][^'\"\n]+['\"])",
            r"(Module not found: [^\n]*?'[^'\n]+')",
            r"(No (?:matching distribution|distributions at all) found for [^\n(]+)",
            r"(Could not find a version that satisfies the requirement [^\n(]+)",
            r"(Could not (?:find artifact|transfer artifact|resolve|find) [\w.-]+:[\w.-]+(?::[\w.-]+)*"
            r"|Failure to find [\w.-]+:[\w.:-]+)",
            r"(Could not find gem '[^'\n]+')",
            r"(unable to locate package \S+|package \S+ (?:is not available|has no installation candidate)"
            r"|no package \S+ available)",
            r"(no required module provides package [^\s;]+|cannot find package \"[^\"\n]+\""
            r"|package \S+ is not in (?:GOROOT|std))",
            r"(unresolved import [^\n]*|can't find crate for [^\n]*|no matching package named [^\n]*)",
            r"404 +(Not Found) - GET \S+/(\S+)",
            r"(No matching version found for \S+[^\s.])",
            r"(ERESOLVE) [^\n]*(?:\n[^\n]*){0,12}?\n[^\n]*\b(peer \S+@\"[^\"\n]+\" from @?[^\s@]+)",
            r"(cannot load such file -- \S+)",
            r"(error while loading shared libraries: [^\n:]*)",
        )
    )
    + r")"
)
_DIRECTORIES: Final = re.compile(r"(?<=['\" ])(?:[A-Za-z]:)?[/\\](?:[^'\"\s/\\]{1,200}[/\\]){1,40}")


@dataclass(frozen=True, slots=True)
class Structure:
    """What was read. ``names`` (types, functions) are kept as they stand, ``parts`` want masking."""

    kind: Kind
    names: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def read(log: LogLines, trace: list[str], hollow: frozenset[str], *, of_test: bool) -> Structure:
    """The structure of ``log``; ``trace`` are the lines of a separate stack trace, where there is one.

    ``hollow`` are the lines that say only that something failed. ``of_test`` says that a test is known:
    then the exception and its message tell failures apart, and frames are left out.
    """
    lines = log.lines
    text = "\n".join(lines)
    if (crash := crash_in(lines, text)) is not None:
        what, function = crash
        return Structure("crash", (function,) if function else (), (what,))
    if (match := _COMPILER.search(text)) is not None:
        return _compiler_error(match, text)
    if (match := _DEPENDENCY.search(text)) is not None:
        # A package's version is the constraint that could not be met: kept, where masking would drop it.
        return Structure("dependency", (_DIRECTORIES.sub("", _captured(match)),))
    raised = exception_in(lines, text, hollow)
    if raised is None and trace:
        raised = exception_in(trace, "\n".join(trace))
    if raised is not None:
        name, message = raised
        frames = () if of_test else own_frames(trace or lines)
        return Structure("exception", (name, *frames), (message,) if message else ())
    reason = reason_in(log, text, hollow, of_test=of_test)
    if not reason.line:
        return Structure("nothing")
    return Structure("reason" if reason.telling else "output", (), (reason.line,))


def _compiler_error(match: re2._Match, text: str) -> Structure:
    """The first error that a compiler prints, and what it is about: Maven lists the places before it tells the symbols."""
    error = _captured(match)
    if error == _NO_SYMBOL:
        told = (said for other in _COMPILER.finditer(text) if _SYMBOL.search(said := _captured(other)))
        file = _FILE.search(match[0])
        error = next(told, f"{error} in {file[1]}" if file else error)
    return Structure("compiler", tuple(_SYMBOL.findall(error)), (error,))


def _captured(match: re2._Match) -> str:
    return " ".join(group for group in match.groups() if group)[:_LONGEST_PART]
