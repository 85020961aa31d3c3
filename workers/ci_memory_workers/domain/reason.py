"""The line that says why: an error's own line before a line with words of failure, and never one that only says that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import re2

from .line_traits import MILD, PASSING, TELLING, traits
from .log_lines import LogLines

_LONGEST_LINE: Final = 1_000
_LONGEST_ANNOUNCEMENT: Final = 90
_LAST_LINES: Final = 20

# An error marked as such at the line's beginning, a tool's name before it or not.
_MARKED: Final = re.compile(
    r"\s*(?:\S{1,60}:\s)?(?:E:|(?:fatal|internal|build|runtime|assertion|configuration|validation)?\s?error\b|fatal\b|panic\b|"
    r"err!|npm (?:err!|error) code|failure\b|unhandled|uncaught|\[err)",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[A-Za-z]{2,}")
_STATUS: Final = re2.compile(r"(?m)^\s*(severity|exitcode|signal|failureType): ([^\n]{1,60})$")
_MESSAGE: Final = re.compile(
    r"""['"](?:message|msg|error_description|errorMessage|detail)['"]\s?:\s?u?(?P<quote>['"])(?P<message>.{1,400}?)(?P=quote)(?=\s?[,}])"""
)
_CODE: Final = re.compile(r"""['"](?:code|status|statusCode|errorCode)['"]\s?:\s?u?['"]?(?P<code>\w{1,40})""")


@dataclass(frozen=True, slots=True)
class Reason:
    """``line`` says why; ``telling`` is False where it is only the last thing that was printed."""

    line: str
    telling: bool


def reason_in(log: LogLines, hollow: frozenset[str], *, of_test: bool) -> Reason:
    """The reason in ``log``; ``hollow`` lines give none.

    A test that says nothing else is known by its status alone.
    """
    lines = log.lines
    marked = worded = mild = ""
    for line, its in zip(lines, log.traits, strict=True) if log.errors or log.found & TELLING else ():
        if not (its & TELLING or line in log.errors) or line in hollow:
            continue
        if len(line) > _LONGEST_LINE:
            line = line[:_LONGEST_LINE]
            its = traits(line)
        if its & PASSING:
            continue
        if its & MILD:
            mild = mild or line
        elif _MARKED.match(line) is not None or line in log.errors:
            marked = line
            break
        else:
            worded = worded or line
    if best := marked or worded or mild:
        return Reason(_payload(with_next(best, lines)), telling=True)
    if of_test:
        return Reason(" ".join(f"{field} {value}" for field, value in _STATUS.findall("\n".join(lines))), telling=True)
    said = [line for line, its in zip(lines, log.traits, strict=True) if not its & PASSING and line not in hollow]
    if said:
        return Reason(said[-1][:_LONGEST_LINE], telling=len(said) == 1)
    # Nothing but boilerplate: the line with the most words names the command, where one does.
    candidates = [line for line in lines[-_LAST_LINES:] if line in hollow] or lines[-_LAST_LINES:]
    fullest = max(candidates, key=lambda line: len(_WORD.findall(line[:_LONGEST_LINE])), default="")
    return Reason(fullest[:_LONGEST_LINE], telling=False)


def with_next(line: str, lines: list[str]) -> str:
    """``line``, and what follows it where it is short and ends with a colon, and so only announces."""
    if line.startswith("│ Error: "):  # Terraform's box: where it happened stands below
        index = lines.index(line) if line in lines else len(lines)
        return " ".join([line, *(other.strip("│ ") for other in lines[index + 1 : index + 4])])[:_LONGEST_LINE]
    if not line.endswith(":") or len(line) > _LONGEST_ANNOUNCEMENT:
        return line
    index = next((index for index, other in enumerate(lines) if other.startswith(line)), len(lines))
    following = lines[index + 1].strip() if index + 1 < len(lines) else ""
    return f"{line} {following}"[:_LONGEST_LINE]


def _payload(line: str) -> str:
    """What a service's JSON error says, where ``line`` carries one: its message and its code; else ``line``."""
    if ("message" not in line and "detail" not in line) or (message := _MESSAGE.search(line)) is None:
        return line
    code = _CODE.search(line)
    return message["message"] + (f" code {code['code']}" if code is not None else "")
