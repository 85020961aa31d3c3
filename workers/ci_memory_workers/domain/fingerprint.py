"""The fingerprint of a failure: equal for the same failure in another run, another checkout, another repository.

It is made of what the text structurally is, masked: a test with its exception, an exception with its message and the
project's own frames, a compiler's code and symbol, a package with its constraint, or else the line that says why.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from ci_memory_producers.events import Stage

from .failing_test import printed_test, test_key
from .line_traits import TEST, TEST_BEGINS
from .log_lines import LogLines, clean
from .mask import mask_line
from .structure import Structure, read

VERSION: Final = 1
MAX_MASKED: Final = 1_000
_MAX_PART: Final = 300
MAX_TEXT: Final = 48_000
_PLACEHOLDER: Final = re.compile(r"<\w+>")
_WORD: Final = re.compile(r"[A-Za-z]{3,}")
_HOLLOW_WORDS: Final = (
    "error errors failed failure fail fatal exit code status with returned build job step command process script test tests "
    "the non zero and exception completed exited killed aborted terminated err see above log logs for more details "
    "unexpected occurred has been was"
)
_SAYS_NOTHING: Final = frozenset(_HOLLOW_WORDS.split())
_RAISED_BY_ANYTHING: Final = ("Error", "Exception", "AssertionError", "RuntimeError", "SystemExit", "CalledProcessError", "panic")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """``value`` is opaque and carries the algorithm's version; ``log`` is the cleaned text."""

    value: str
    test_key: str | None
    generic: bool
    why: str
    log: LogLines = field(repr=False, compare=False)

    @property
    def masked(self) -> str:
        """The masked text, at most `MAX_MASKED` characters. Made when it is asked for: most failures are known and never ask."""
        return _masked(self.log.lines, self.log.hollow)


def fingerprint(text: str, *, stage: Stage, test_id: str = "", stack_trace: str = "") -> Fingerprint:
    """The fingerprint of a failure's ``text``, of its ``stage``, its test and its trace. Never fails; linear in the text."""
    log = clean(text[-MAX_TEXT:])
    trace = clean(stack_trace[-MAX_TEXT:])
    key = test_key(test_id) if test_id else None
    if key is None and (printed := _printed_test(log)):
        key = test_key(printed)
    structure = read(log, trace, of_test=key is not None)
    value, generic, why = _made(structure, stage, key)
    return Fingerprint(value, key, generic, why, log)


def _printed_test(log: LogLines) -> str:
    found = log.found
    if not found & (TEST | TEST_BEGINS):
        return ""
    return printed_test(log.lines, log.having(TEST), several=bool(found & TEST_BEGINS))


@lru_cache(4_096)
def _made(structure: Structure, stage: Stage, key: str | None) -> tuple[str, bool, str]:
    parts = [mask_line(part)[:_MAX_PART] for part in structure.parts]
    kind = "reason" if structure.kind == "output" else structure.kind
    material = [str(VERSION), stage, kind, key or "", *structure.names, *parts]
    digest = blake2b("\x1f".join(material).encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"{VERSION}:{digest}", key is None and _says_nothing(structure, parts), _why(structure, key)


def _says_nothing(structure: Structure, parts: list[str]) -> bool:
    """True where no cause can be read from it: boilerplate, mere output, an exception that anything raises, without a message."""
    if structure.kind in ("output", "nothing"):
        return True
    if structure.kind in ("compiler", "dependency") or len(structure.names) > 1:
        return False
    words = _WORD.findall(_PLACEHOLDER.sub(" ", " ".join(parts)))
    telling = {word.lower() for word in words} - _SAYS_NOTHING
    if structure.names and structure.names[0] not in _RAISED_BY_ANYTHING:
        return False
    return len(telling) < 2


def _why(structure: Structure, key: str | None) -> str:
    made_of = {
        "compiler": "the compiler's error",
        "dependency": "the missing package",
        "exception": "the exception, its message" + (" and own frames" if len(structure.names) > 1 else ""),
        "crash": "the crash and its function",
        "reason": "the line that says why",
        "output": "the last line that was printed",
        "nothing": "nothing that says why",
    }[structure.kind]
    return f"test and {made_of}" if key else made_of


def _masked(lines: Sequence[str], hollow: frozenset[str]) -> str:
    """The masked lines that say something, from the end backwards as far as the bound reaches."""
    kept: list[str] = []
    room = MAX_MASKED
    for line in reversed(lines):
        if line in hollow:
            continue
        masked = mask_line(line[:MAX_MASKED])
        room -= len(masked) + 1
        if room < 0:
            break
        kept.append(masked)
    return "\n".join(reversed(kept))[:MAX_MASKED]
