"""Lines of a log: cleaned of what a terminal, a CI provider or a logger put before them; boilerplate told from reasons."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import re2

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|\x1b?\[\d{1,3}(?:;\d{1,3})*m")
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

# These say only that something failed. RE2, so that no hostile line costs more than its length.
_BOILERPLATE: Final = re2.compile(
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


def without_colours(text: str) -> str:
    """``text`` without terminal escapes, also those that lost their escape character on the way; always encodable."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    if "\x1b" in text or "[0m" in text or "[9" in text or "[3" in text:
        return _ANSI.sub("", text)
    return text


class LogLines(NamedTuple):
    """Cleaned lines; ``errors`` are those that a logger or the CI provider had marked as errors."""

    lines: list[str]
    errors: frozenset[str]


def clean(text: str) -> LogLines:
    """The lines of ``text`` without colour codes, time stamps and level marks; empty lines dropped, inner space kept."""
    lines = []
    errors = []
    for line in without_colours(text).splitlines():
        bare = line.lstrip()
        if not bare:
            continue
        if bare[0] in _MAY_HAVE_PREFIX and (match := _PREFIX.match(line)) is not None:
            rest = line[match.end() :].rstrip()
            if not rest.strip():
                continue
            if _ERROR_MARK.search(match.group()) is not None:
                errors.append(rest)
            line = rest
        lines.append(line.rstrip())
    return LogLines(lines, frozenset(errors))


def boilerplate(text: str) -> frozenset[str]:
    """The lines of ``text`` that say only *that* something failed (an exit code, "Build failed"), not why."""
    return frozenset(_BOILERPLATE.findall(text))
