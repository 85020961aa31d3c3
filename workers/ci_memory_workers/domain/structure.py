"""What a failure's text structurally is: a compiler's error, a missing package, an exception with its frames, or a line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

import re2

from .crash_report import crash_in
from .frames import own_frames
from .log_lines import is_boilerplate

Kind = Literal["compiler", "dependency", "exception", "crash", "reason", "nothing"]

_LONGEST_LINE: Final = 1_000

_COMPILER: Final = re2.compile(
    r"(?m)"
    + "|".join(
        (
            r"^[^\s:(][^\n:(]*\.\w+:\d+(?::\d+)?: (?:fatal |internal compiler )?error: ([^\n]*)",  # gcc, clang, javac
            r"^(error(?:\[E\d+\])?: [^\n]*)\n *--> ",  # rustc
            r"\(\d+(?:,\d+){0,3}\) ?: (?:fatal )?(error [A-Z]{1,6}\d{2,5}: [^\n]*)",  # MSVC, C#, tsc
            r":\d+:\d+ - (error TS\d+: [^\n]*)",  # tsc --pretty
            r"^[^\s:]+\.(?:java|kt|kts|scala|groovy):\[\d+,\d+\] ([^\n]*(?:\n *(?:symbol|location|required|found|reason): [^\n]*)*)",
            r"^e: (?:file://)?[^\n]*?\.kts?:?[^ ]*:? ([^\n]*)",  # kotlinc
            r"^[^\s:]+\.go:\d+(?::\d+)?: ([^\n]*)",  # go
            r"(undefined reference to [^\n]*)",  # ld
            r"^[^\n:]*ld[^\n:]*: (cannot find -l\S+|library not found for \S+|[^\n]*undefined symbol[^\n]*)",
        )
    )
)
_DEPENDENCY: Final = re2.compile(
    r"(?m)(?i:"
    + "|".join(
        (
            r"(No module named ['\"]?[\w.]+)",
            r"(Cannot find (?:module|package) '[^'\n]+')",
            r"(Module not found: [^\n]*?'[^'\n]+')",
            r"(No matching distribution found for [^\n(]+)",
            r"(Could not find a version that satisfies the requirement [^\n(]+)",
            r"(Could not (?:resolve dependencies for project|find artifact|resolve|find) [\w.-]+:[\w.:-]+)",
            r"(Could not find gem '[^'\n]+')",
            r"(unable to locate package \S+|package \S+ (?:is not available|has no installation candidate)|no package \S+ available)",
            r"(no required module provides package \S+|cannot find package \"[^\"\n]+\"|package \S+ is not in (?:GOROOT|std))",
            r"(unresolved import [^\n]*|can't find crate for [^\n]*|no matching package named [^\n]*)",
            r"(E?404 +(?:not found - GET \S+|'[^'\n]+' is not in)[^\n]*|notarget No matching version found for [^\n]*)",
            r"(unable to resolve dependency tree|ERESOLVE could not resolve)",
            r"(package [\w.]+ does not exist)",
            r"(cannot open shared object file: [^\n]*)",
        )
    )
    + r")"
)
_EXCEPTION: Final = re.compile(
    r"""\s*(?:E\s+)?(?P<cause>Caused\ by:\s+)?(?:Exception\ in\ thread\ "[^"]{0,200}"\ |Unhandled\ exception\.\ |Uncaught\ |\[?error\]?:?\ )?
    (?:(?P<panic>panic:|thread\ '[^']{0,200}'\ (?:\(\d+\)\ )?panicked\ at)
      |(?P<type>(?:[\w$]{1,100}(?:\.|::|\\)){0,12}(?:[A-Z][\w$]{0,100}(?:Error|Exception|Fault|Failure|Failed|Timeout|Interrupt|Exit|Warning|Mismatch|NotFound|Timedout)|Error|StopIteration|KeyboardInterrupt))
       (?:\ \[\w{1,60}\])?(?=:|\s*$))
    :?\s?(?P<message>.*)""",
    re.VERBOSE,
)
_RAISED: Final = re.compile(r"(?P<type>[A-Za-z_][\w.]{1,200})(?::\s*(?P<message>.*))?$")
_EXCEPTION_WORDS: Final = re.compile(
    r"Error|Exception|Fault|Failure|Failed|Timeout|Interrupt|panic|Exit|Mismatch|NotFound|StopIteration"
)
_CRASH: Final = re2.compile(
    r"(?i)\b(?:segmentation fault|sigsegv|sigabrt|kernel panic|general protection fault|core dumped|BUG: |"
    r"AddressSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|LeakSanitizer|assertion [`'].* failed|fatal error: )"
)
_MESSAGE: Final = re.compile(
    r"""['"](?:message|msg|error_description|errorMessage|detail)['"]\s?:\s?u?(?P<quote>['"])(?P<message>.{1,400}?)(?P=quote)(?=\s?[,}])"""
)
_CODE: Final = re.compile(r"""['"](?:code|status|statusCode|errorCode)['"]\s?:\s?u?['"]?(?P<code>\w{1,40})""")
_STRONG: Final = re2.compile(
    r"(?i)\b(?:fatal|error|err|errors|e|failed|failure|panic|cannot|can't|could not|couldn't|unable to|not found|no such|denied|"
    r"unauthorized|forbidden|refused|timed out|timeout|invalid|missing|undefined|unknown|exceeded|killed|aborted|"
    r"not permitted|unrecognized|unsupported|unexpected|mismatch|conflict|does not exist|doesn't exist|no space|out of memory)\b"
)
_WEAK: Final = re2.compile(r"(?i)\b(?:warn|warning|deprecated|notice|note|info|debug|0 (?:errors|failures|failed)|retrying)\b")


@dataclass(frozen=True, slots=True)
class Structure:
    """What was read: ``parts`` in order of weight, unmasked; ``names`` are kept as they stand (types, functions)."""

    kind: Kind
    names: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


def read(lines: list[str], trace: list[str]) -> Structure:
    """The structure of cleaned ``lines``; ``trace`` are the lines of a separate stack trace, where there is one."""
    text = "\n".join(lines)
    if (crash := crash_in(lines)) is not None:
        what, function = crash
        return Structure("crash", (function,) if function else (), (what,))
    if (match := _COMPILER.search(text)) is not None:
        return Structure("compiler", (), (_captured(match),))
    if (match := _DEPENDENCY.search(text)) is not None:
        return Structure("dependency", (), (_captured(match),))
    if (found := _exception(lines)) is not None or (found := _exception(trace)) is not None:
        kind, message = found
        frames = own_frames([*lines, *trace])
        return Structure("exception", (kind, *frames), (message,) if message else ())
    reason = _payload(_reason(lines))
    return Structure("reason", (), (reason,)) if reason else Structure("nothing")


def _captured(match: re.Match[str]) -> str:
    return " ".join(group for group in match.groups() if group)[:_LONGEST_LINE]


def _exception(lines: list[str]) -> tuple[str, str] | None:
    """(type, message) of the exception that ended it: the last cause, the last of chained tracebacks, else the first."""
    first: tuple[str, str] | None = None
    trace_indent = -1
    chained = False
    for index, line in enumerate(lines):
        bare = line.lstrip()
        if bare.startswith("Traceback (most recent"):
            chained, trace_indent = True, len(line) - len(bare)
            continue
        if trace_indent >= 0:
            if len(line) - len(bare) > trace_indent:
                continue
            trace_indent = -1
            if (raised := _RAISED.match(bare[:_LONGEST_LINE])) is not None:
                first = (raised["type"], (raised["message"] or "").strip())
                continue
        if not _EXCEPTION_WORDS.search(line) or (match := _EXCEPTION.match(line[:_LONGEST_LINE])) is None:
            continue
        if first is None or match["cause"] or chained:
            message = match["message"].strip()
            if not message and match["panic"] and index + 1 < len(lines):
                message = lines[index + 1].strip()
            first = (match["type"] or "panic", message)
    return first


def _reason(lines: list[str]) -> str:
    """The line that says why: the first with a word of failure that is neither boilerplate nor a warning, else the last."""
    weak = plain = ""
    for line in lines:
        line = line[:_LONGEST_LINE]
        if is_boilerplate(line):
            continue
        if _STRONG.search(line) is None:
            plain = line
        elif _WEAK.search(line) is None:
            return line
        else:
            weak = weak or line
    return weak or plain


def _payload(line: str) -> str:
    """What a service's JSON error says, where ``line`` carries one: its message and its code; else ``line``."""
    if (message := _MESSAGE.search(line)) is None:
        return line
    code = _CODE.search(line)
    return message["message"] + (f" code {code['code']}" if code is not None else "")
