"""What one line is, by itself: the traits by which the structure, the exception and the reason of a text are found.

All traits of a line are read in one pass over it, and remembered, since the lines of a failure come again when it does. A text
has each trait that one of its lines has.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import re2

from .build_errors import COMPILER_LINE, DEPENDENCY_LINE
from .crash_report import CRASH_LINE, HEADLINE
from .failing_test import FIRST_LINE, TEST_LINE

# These say only that something failed.
_HOLLOW: Final = (
    r"(?im)^[^\w\n]*(?:"
    + "|".join(
        (
            r"[^\n]*\bexited with code:? ['\"]?\d+['\"]?\.?"
            r"|[^\n]*\b(?:completed|failed|exited|exit|exiting|finished|terminated|returned|died|errored)\b[^\n]*"
            r"\b(?:exit|return|error|status|non-zero)[ -]?(?:exit[ -])?(?:code|status|value|error)s?\b"
            # an exit status, never an HTTP status
            r"[^\w\n]{0,3}(?:code[^\w\n]{1,2})?(?:-?[0-3]?\d{1,2}|\d{4,10}|)"
            r"(?: in [^\n]*|[^\w\n]*)",
            r"the command [^\n]* (?:returned a non-zero code:?|exited with|failed) \d+(?: times)?[^\w\n]*",
            r"finished: (?:failure|unstable|aborted)|build step [^\n]* marked build as (?:failure|unstable)",
            r"> task \S+ failed",
            r"(?:error: )?command errored out with exit status[^\n]*",
            r"(?:error:? )?(?:exit|return)[ _-]?(?:code|status)[^\w\n]{0,3}-?\d+[^\w\n]*",
            r"exit status \d+",
            r"(?:make|gmake|ninja)(?:\[\d+\])?: (?:\*\*\*|build stopped|leaving|entering|target)[^\n]*",
            r"(?:npm|gyp|node-pre-gyp)[\w-]* (?:err!|error)(?: "
            r"(?:code (?:ELIFECYCLE|\d+)|errno \d+|a complete log|[^\n]*\.log|exit status"
            r"|failed at the|this is probably not|lifecycle script|path |workspace |location |command |system "
            r"|cwd |node |node-gyp -v"
            r"|not ok|stack +at |build error)[^\n]*)?",
            r"error command failed(?: with exit code \d+)?\.?",
            r"error:? (?:process completed|job failed|script returned)[^\n]*",
            r"error: (?:aborting due to|could not compile|build failed)[^\n]*",
            r"(?:build|job|tests?|step|pipeline|task|stage)? ?(?:failed|failure|errors?|fatal|aborted|aborting|killed)[^\w\n]*",
            r"(?:errors?|failures?|failed|fatal|exception)?[^\w\n]*",
            r"failure: build failed with an exception\.",
            r"build fail(?:ed|ure)\b[^\n]*",
            r"execution failed for task [^\n]*",
            r"(?:re-?)?run (?:maven|gradle|with|this)[^\n]*",
            r"(?:for more information|some errors have detailed explanations|\* (?:try|what went wrong|get more help))[^\n]*",
            r"(?:---+> |removing intermediate container|step \d+/\d+ |sending build context)[^\n]*",
            r"there (?:was|were) \d+ (?:failure|error)s?:|the following tests failed:|(?:first|failed) tests?:",
            r"you (?:are using pip|should consider upgrading)[^\n]*",
        )
    )
    + r")[ \t\r]*$"
)
_TELLING: Final = (
    # a line with a word of failure, the "E" of apt and pytest, or a linter's "file:line: message"
    r"(?im)^(?:e(?:: | {2})[^\n]*|[^\s:]+\.\w{1,6}:\d+(?::\d+)?[: ]+\S[^\n]*"
    r"|[^\n]*\b(?:fatal|error|err|errors|failed|failure|fails|panic|cannot|can't|could not|couldn't|unable to"
    r"|not found|no such|no \S+ found|denied|unauthorized|forbidden|refused"
    r"|timed out|timeout|invalid|missing|undefined|unknown|exceeded|killed|aborted|expected"
    r"|not permitted|unrecognized|unsupported|unexpected|mismatch|mismatched|conflict|conflicts|not exist|doesn't exist"
    r"|no space|out of memory|crashed|unsatisfiable|want|unresolved|illegal|corrupt|corrupted|violation"
    r"|incompatible|required)\b[^\n]*)$"
)
_CANDIDATES: Final = (
    r"(?m)^[^\n]*(?:Error|Exception|Fault|Failure|Failed|Timeout|Interrupt|panic|Exit|Mismatch|NotFound|StopIteration|throw)"
    r"[^\n]*$"
)
_MILD: Final = (
    r"(?i)^\W*(?:warn|warning|w:|deprecated|notice|note|info|debug|hint|trace|err:?\d* https?:|get:?\d* https?:|ign:?\d* )"
    r"|\w+Warning: |\b(?:warning|deprecated|0 (?:errors|failures|failed)|retrying|will be retried|ignored)\b|\berrors?: 0\b"
)
# Lines that tell how a test went on, or where a trace passed: never the reason.
_PASSING: Final = (
    r"^\s*(?:at (?:async )?[^ ]+ ?\(|at [^ ]+:\d+|File \"|\S+\.rb:\d+:in |\S+:\d+: \w+$|[+-] (?:expected|actual)"
    r"|✔|✓|√|\[PASS|\[SKIP|PASS\b|ok \d|not ok \d|# |---$|\.\.\.$|\d+\.\.\d+"
    r"|(?:duration_ms|severity|exitcode|stack|type|location|failureType|code):(?: \||$| [^ ]+$))"
)

_PATTERNS: Final = (
    _HOLLOW, _TELLING, _CANDIDATES, _MILD, _PASSING, f"(?m){COMPILER_LINE}", DEPENDENCY_LINE, CRASH_LINE, HEADLINE, TEST_LINE,
    FIRST_LINE, r"Traceback \(most recent",
)  # fmt: skip
HOLLOW, TELLING, RAISED, MILD, PASSING, COMPILER, DEPENDENCY, CRASH, HEADING, TEST, TEST_BEGINS, TRACEBACK = (
    1 << number for number in range(len(_PATTERNS))
)
"""Bits: it says only *that* something failed; has a word of failure; may be an exception's; is a warning; tells how a test went
on or where a trace passed; may be part of a compiler's error, a missing package, a crash report (and may begin it), a failed
test's name; may begin such a name that takes several lines; begins a Python traceback."""

_LONGEST_REMEMBERED: Final = 300
_MOST_REMEMBERED: Final = 32_768


def _compiled() -> re2.Set:
    options = re2.Options()
    options.max_mem = 64 << 20
    patterns = re2.Set.SearchSet(options)
    for pattern in _PATTERNS:
        patterns.Add(f"(?m:{pattern})")
    patterns.Compile()
    return patterns


_SET: Final = _compiled()


def traits(line: str) -> int:
    """The traits of a cleaned line, one bit each; at least those of its lines, of several."""
    return _remembered(line) if len(line) <= _LONGEST_REMEMBERED else _read(line)


def _read(line: str) -> int:
    found = 0
    for number in _SET.Match(line) or ():
        found |= 1 << number
    return found


_remembered = lru_cache(_MOST_REMEMBERED)(_read)
