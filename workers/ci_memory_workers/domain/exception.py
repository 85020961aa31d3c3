"""The exception that ended it: its type and message, as Python, Java, JavaScript, Rust, Go, Ruby and .NET print them."""

from __future__ import annotations

import re
from typing import Final

from .line_traits import RAISED, TRACEBACK
from .log_lines import LogLines
from .reason import with_next

_LONGEST_LINE: Final = 1_000

_TYPE: Final = (
    r"(?:[\w$]{1,100}(?:\.|::|\\)){0,12}(?:[A-Z][\w$]{0,100}?(?:Error|Exception|Fault|Failure|Failed|Timeout|Interrupt|Exit"
    r"|Mismatch|NotFound|Warning)|Error|StopIteration|KeyboardInterrupt)(?![\w$])"
)
_EXCEPTION: Final = re.compile(
    rf"""\s*(?:E\s+)?(?P<cause>Caused\ by:\s+)?
    (?:Exception\ in\ thread\ "[^"]{{0,200}}"\ |Unhandled\ exception\.\ |Uncaught\ |\[?error\]?:?\ |thrown:\ )?
    (?:(?P<panic>panic:|thread\ '[^']{{0,200}}'\ (?:\(\d+\)\ )?panicked\ at)
      |(?P<type>{_TYPE})(?:\ \[\w{{1,60}}\])?(?=:|\s*$)
      |(?:terminate\ called\ after\ throwing\ an\ instance\ of\ '(?P<thrown>[^']{{1,200}})'))
    :?\s?(?P<message>.*)""",
    re.VERBOSE,
)
_RAISED: Final = re.compile(r"(?P<type>(?![A-Z]+\b)[A-Za-z_][\w.]{1,200})(?::\s*(?P<message>.*))?$")
_RUBY: Final = re.compile(
    rf".{{1,300}}:\d+:in [`'][^']{{1,200}}': (?P<message>.{{0,500}}) \((?P<type>{_TYPE}|[A-Z]\w{{1,80}})\)$"
)
_RUST_PLACE: Final = re.compile(r"'(?P<message>.*)', \S+:\d+:\d+$")


def exception_in(log: LogLines, hollow: frozenset[str] = frozenset()) -> tuple[str, str] | None:
    """(type, message) in ``log``, whose ``hollow`` lines count for nothing.

    The end of the last Python traceback, else the last cause of a Java exception, else the first exception.
    """
    lines, found = log.lines, log.found
    if found & TRACEBACK and (raised := _raised(lines)) is not None:
        return raised
    first: tuple[str, str] | None = None
    for line in log.having(RAISED) if found & RAISED else ():
        if line in hollow:
            continue
        line = line[:_LONGEST_LINE]
        if (match := _EXCEPTION.match(line)) is None:
            if first is None and ".rb:" in line and (ruby := _RUBY.match(line)) is not None:
                first = ruby["type"], ruby["message"]
            continue
        if first is None or match["cause"]:
            first = match["type"] or match["thrown"] or "panic", _message(match, lines, line)
    return first


def _message(match: re.Match[str], lines: list[str], line: str) -> str:
    message = match["message"].strip()
    if match["panic"] and "panicked" in match["panic"]:
        if (older := _RUST_PLACE.match(message)) is not None:
            return older["message"]
        return _following(line, lines) if line.endswith((":", "'")) else message
    return f"{message} {with_next(line, lines)[len(line) :].strip()}".strip()


def _following(line: str, lines: list[str]) -> str:
    """The line after ``line``: Rust prints a panic's place first, or opens the quotes of a message of several lines."""
    index = next((index for index, other in enumerate(lines) if other.startswith(line)), len(lines))
    return lines[index + 1].strip()[:_LONGEST_LINE] if index + 1 < len(lines) else ""


def _raised(lines: list[str]) -> tuple[str, str] | None:
    """The line that a Python traceback ends with: the first that is not indented deeper; of chained ones the last."""
    raised: tuple[str, str] | None = None
    indent = -1
    for line in lines:
        bare = line.lstrip()
        depth = len(line) - len(bare)
        if bare.startswith("Traceback (most recent"):
            indent = depth
        elif indent >= 0 and depth <= indent:
            indent = -1
            if (match := _RAISED.match(bare[:_LONGEST_LINE])) is not None:
                raised = match["type"], (match["message"] or "").strip()
    return raised
