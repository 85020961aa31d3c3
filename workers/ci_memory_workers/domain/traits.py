"""What tells two error texts apart whatever their wording: exception types, error codes, statuses, missing names.

Similar words prove nothing where these differ: "No module named 'a'" and "No module named 'b'" share all but one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import re2

MAX_READ: Final = 4_000
"""Only the last characters of a text are read: masked excerpts are shorter than that."""

_LONGEST_LINE: Final = 400
_CODE_NAMES: Final = (
    "EPERM ENOENT EINTR EIO EBADF EAGAIN ENOMEM EACCES EFAULT EBUSY EEXIST ENODEV ENOTDIR EISDIR EINVAL EMFILE ENOSPC EROFS "
    "EPIPE ENOTEMPTY ELOOP EPROTO EADDRINUSE EADDRNOTAVAIL ENETUNREACH ECONNABORTED ECONNRESET ETIMEDOUT ECONNREFUSED "
    "EHOSTUNREACH ENOTFOUND ENOTSUP ERESOLVE ETARGET EINTEGRITY EOTP EUSAGE EBADENGINE ENOWORKSPACES E404 E401 E403"
)
_TYPES: Final = re2.compile(
    r"(?m)(?:^|[\s:(>|])(?:(?:[\w$]+(?:\.|::|\\))*)"
    r"((?:[A-Z][\w$]*?)?(?:Error|Exception|Fault|Failure|Interrupt|Exit|Mismatch|NotFound)|StopIteration|[A-Z]\w+Timeout)"
    r"(?: \[\w+\])?(?::|\s*$)"
)
_CODES: Final = re2.compile(
    r"\b(ERR_[A-Z0-9_]+|SIG(?:ABRT|BUS|FPE|ILL|INT|KILL|PIPE|SEGV|TERM|TRAP|XCPU)|" + "|".join(_CODE_NAMES.split()) + r")\b"
    r"|(?:^|[\s\[(\"'])([A-Z]{1,7}-?\d{3,5})(?:[:\])\s,\"']|$)"
    r"|\b((?:TLSv?|SSLv?|HTTPS?/)\d(?:\.\d)?)\b"
)
_STATUSES: Final = re2.compile(r"(?:^|[\s=:(\"'/\[])([1-5]\d\d)(?:$|[\s,.:;)\"'\]!])")
_EXITS: Final = re2.compile(
    r"(?i)\b(?:exit(?:ed)?(?:[ _-]?(?:with|code|status))*|return(?:ed|code| code)|rc|errno|signal)\W{0,3}(-?\d+)\b"
)
_MISSING: Final = re2.compile(
    r"(?i)(?:"
    + "|".join(
        (
            r"no module named",
            r"cannot find (?:module|package|symbol|crate|-l)",
            r"can't find (?:crate for|module)",
            r"module not found: \D{0,40}?",
            r"no (?:matching )?(?:distribution|version|package)s? (?:found|matching|named)(?: for| named)?",
            r"satisfies the requirement",
            r"could not (?:find|resolve|transfer)(?: artifact| gem| package| dependency)?",
            r"unable to (?:locate|find) package",
            r"package",
            r"unresolved (?:import|external symbol|reference:?)",
            r"undefined (?:reference to|symbol:?|name:?|variable:?|method|local variable or method)",
            r"cannot (?:load such file --|import name|find name|resolve symbol)",
            r"shared libraries:",
            r"requirement\.parse\(",
            r"(?:unexpected|required positional|missing|unknown|invalid)(?: keyword)? (?:argument|option|field|property|key)s?:?",
            r"has no (?:attribute|member(?: named)?|property)",
            r"\bkeyerror:",
            r"name",
            r"no such (?:file or directory|table|column|image|container|service|option|command)[:,]?",
        )
    )
    + r")\s*[\"'`\x{2018}\x{201C}(]*([@\w][\w.@/:+<>=~-]*)"
)
_CONSTRAINT: Final = re2.compile(r"([A-Za-z][\w.-]*)\s?((?:[=<>!~^]=|~>)\s?[\d.]+)")
_TELLING: Final = re2.compile(
    r"(?i)\b(?:fatal|errors?|err|panic|cannot|can't|could not|couldn't|unable to|not found|no such|denied|unauthorized|forbidden"
    r"|refused|timed out|timeout|invalid|missing|undefined|unknown|exceeded|killed|aborted|expected|unexpected|mismatch|conflict"
    r"|no space|out of memory|crashed|illegal|corrupt|violation|incompatible|failed|failure|thrown|assert\w*"
    r"|did not|didn't|does not|doesn't)\b"
)
_PASSING: Final = re2.compile(
    r"^\W*(?:at (?:async )?\S+ ?\(|at \S+:|File \"|PASS\b|SKIPPED|EXPECTED_FAILURE|ok <n>|not ok <n>|> \S+$|throw |TAP version"
    r"|Subtest|info\b|debug\b|warn(?:ing)?\b|0 (?:errors|failures)|stack:|\w+: \|-$|FAILED? \S+$|--- FAIL|\w+ \(<n>\)$|✔|✓|ok\b)"
)
_MARKED: Final = re2.compile(r"(?i)^\W*(?:\S{1,60}:\s)?(?:fatal|error|err!|panic|uncaught|unhandled|failure\b)")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|::|->|#|/)[\w$]+)*")
_QUOTED: Final = re.compile(
    r"(?:(?<=[\s(=\[:,])|^)(['\"`\u2018\u201c])([^'\"`\u2018\u2019\u201c\u201d]{1,120})['\"`\u2019\u201d]"
)
_COMPARISON: Final = re.compile(r"(?<=\s)(?:[!=]==?|[<>]=?)(?=\s)")
_NUMBER: Final = re.compile(r"(?<![\w<.])\d+(?:\.\d+)*(?![\w>])")
_COMPOUND: Final = re.compile(r"[a-z\d][A-Z]|[A-Za-z\d](?:_|\.|::|->|#|/)\w|^_")
_PLACEHOLDER: Final = re.compile(r"<\w+>")


@dataclass(frozen=True, slots=True)
class Traits:
    """What was found in one text; each a set, empty where the text has none of the kind.

    ``headline`` is the line that says why ("" where none does), ``names`` the identifiers, quoted words and comparisons in it,
    ``numbers`` those that the mask has kept: versions and codes.
    """

    headline: str = ""
    types: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    exits: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    constraints: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()


def traits(masked: str) -> Traits:
    """The traits of a masked text. Never fails; linear in the text, of which the last `MAX_READ` characters are read."""
    text = masked[-MAX_READ:].encode("utf-8", "replace").decode("utf-8")
    types = frozenset(_TYPES.findall(text))
    headline = _headline(text.splitlines(), types)
    return Traits(
        headline=headline,
        types=frozenset(_TYPES.findall(headline)) or types,
        codes=_codes(headline) or _codes(text),
        statuses=frozenset(_STATUSES.findall(headline) or _STATUSES.findall(text)),
        exits=frozenset(_EXITS.findall(headline) or _EXITS.findall(text)),
        missing=frozenset(name.rstrip(".:,") for name in _MISSING.findall(headline) or _MISSING.findall(text)),
        constraints=frozenset("".join(pair).replace(" ", "") for pair in _CONSTRAINT.findall(headline)),
        names=_names(headline),
        numbers=frozenset(_NUMBER.findall(headline)),
    )


def difference(a: Traits, b: Traits) -> str:
    """The first kind of trait that both have and that differs, in words; "" where nothing tells them apart. Symmetric."""
    for kind in ("types", "missing", "constraints", "exits", "statuses", "codes", "names", "numbers"):
        ours, theirs = getattr(a, kind), getattr(b, kind)
        if ours and theirs and ours != theirs:
            return f"{_IN_WORDS[kind]}: {_first(ours - theirs)} and {_first(theirs - ours)}"
    return ""


_IN_WORDS: Final = {
    "types": "different exception types",
    "missing": "different missing names",
    "constraints": "different version constraints",
    "statuses": "different statuses",
    "exits": "different exit codes",
    "codes": "different error codes",
    "names": "different names in the error's line",
    "numbers": "different numbers in the error's line",
}


def _first(names: frozenset[str]) -> str:
    return min(names, default="none")


def _headline(lines: list[str], types: frozenset[str]) -> str:
    """The line that says why: an exception's own line, else a marked error, else the first line with words of failure."""
    lines = [line[:_LONGEST_LINE] for line in lines]
    raised = [line for line in lines if any(name in line for name in types)]
    if raised := [line for line in raised if _TYPES.search(line) is not None and _says_why(line)]:
        return _cause(raised, lines).strip()
    for sign in (_MARKED, _TELLING):
        if said := next((line for line in lines if sign.search(line) is not None and _says_why(line)), ""):
            return said.strip()
    return ""


def _says_why(line: str) -> bool:
    return _PASSING.search(line) is None


def _cause(raised: list[str], lines: list[str]) -> str:
    """Of the lines of exceptions the last cause, the end of the last Python traceback, or else the first."""
    causes = [line for line in raised if "Caused by: " in line]
    if causes:
        return causes[-1]
    return raised[-1] if any(line.lstrip().startswith("Traceback (most recent") for line in lines) else raised[0]


def _codes(text: str) -> frozenset[str]:
    return frozenset(code for found in _CODES.findall(text) for code in found if code)


def _names(headline: str) -> frozenset[str]:
    bare = _TYPES.sub(" ", _PLACEHOLDER.sub(" ", headline))
    compound = {word for word in _IDENTIFIER.findall(bare) if _COMPOUND.search(word) is not None}
    quoted = {word.strip() for _, word in _QUOTED.findall(bare)}
    return frozenset(compound | quoted | set(_COMPARISON.findall(bare)))
