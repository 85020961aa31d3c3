"""Which test failed: its name as the frameworks print it, and the name's neutral form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

import re2

_MOCHA: Final = r"^ {2,4}\d+\) (\S[^\n]*(?:\n {6,}[^\n]+)*):$"
_MINITEST: Final = r"^(?:Failure|Error):\n([\w:]+#\w+)"
_PROVE: Final = r"^(\S+\.(?:t|sh|pl)) \.{2,} ?\n?(?:Dubious|Failed)"
# One alternative a framework's way to print a failed test. RE2: leftmost match, linear in the text.
_FRAMEWORKS: Final = (
    r"^[ \t]*not ok \d+ (?:- )?([^#\n]+)",  # TAP
    r"^(?:\[gw\d+\] (?:\[ *\d+%\] )?)?(?:FAILED|ERROR|SUBFAIL)\b[A-Z :]* "
    r"(\S+::\S[^\n]*?)(?: - [^\n]*)?$",  # pytest
    r"^(\S+\.py::\S+(?:\[[^\]\n]*\])?) (?:FAILED|ERROR)\b",  # pytest -v
    r"^(?:FAIL|ERROR): (\w+ \([\w.]+\))",  # unittest
    r"^(?:FAIL|ERROR): ((?:\w+\.){2,}\w+(?:[\[(][^\n]*)?)$",  # testtools, stestr
    r"^[ \t]*--- FAIL: (\S+)",  # go
    r"^\[  FAILED  \] ([\w/]+\.[\w/]+)",  # GoogleTest
    r"^test (\S+)(?: - should panic)? \.\.\. FAILED",  # cargo
    r"^---- (\S+) stdout ----",  # cargo
    r"^[ \t]*● (\S[^\n]* \x{203A} [^\n]+)$",  # Jest
    r"^[ \t]*(?:FAIL|\x{D7}|✗)[ \t]+(\S+\.(?:test|spec)\.\w+ > [^\n]+?)(?: \d+ms)?$",  # Vitest
    r"^[ \t]*\d+\) (\[[\w -]+\] \x{203A} [^\n]+)$",  # Playwright
    _MOCHA,
    r"^rspec \./(\S+?)(?::\d+|\[[\d:]+\]) # ([^\n]+)$",  # RSpec
    r"^([\w$]+\((?:[\w$]+\.)*[\w$]+\))  ?(?:Time elapsed:[^\n]*)?<<< (?:FAILURE|ERROR)!",  # Surefire 2
    r"^((?:[\w$]+\.)+[\w$]+(?:\[[^\]\n]*\]|\([^)\n]*\))*)(?:  ?--)?  ?(?:Time elapsed:[^\n]*)?<<< (?:FAILURE|ERROR)!",
    r"^Tests run:[^\n]*<<< (?:FAILURE|ERROR)! -+ in ((?:[\w$]+\.)*[\w$]+)$",  # Surefire, the class
    r"^((?:[\w$]+\.)*[\w$]+ > [^\n]+) FAILED$",  # Gradle
    r"^\d+\) ([\w\\]+::\w+)",  # PHPUnit
    r"^ *\d+\) test ([^\n]+ \([\w.]+\))$",  # ExUnit
    _MINITEST,
    r"^[ \t]*(\S+?(?:\([^\n]*\))?) \[FAIL\]$",  # xUnit.net
    r"^[ \t]*Failed ([A-Za-z_][\w.+]*(?:\([^\n]*\))?) \[[^\]\n]*\]$",  # dotnet test
    r"^[ \t]*\d+ - (\S+) \((?:Failed|Timeout|SEGFAULT|ILLEGAL|Subprocess aborted|Child aborted|Not Run)\)",  # CTest
    r"Test +#\d+: (\S+) \.+ *\*\*\*",  # CTest
    _PROVE,
    r"\b(\w+_SUITE:\w+) failed on line",  # Erlang's Common Test
    r"Test Case '-\[([\w.]+ \w+)\]' failed",  # XCTest
)
_PRINTED: Final = re2.compile(f"(?m){'|'.join(_FRAMEWORKS)}")
# These name less than the ones above: a test without its file, or a file without its test.
_HEADINGS: Final = (
    r"^_{3,} (?:ERROR at (?:setup|teardown) of )?([\w.\[\]-]+[\w\]]) _{3,}$"  # pytest's heading
    r"|^[ \t]*(?:FAIL|✕|✖)[ \t]+(\S+\.(?:[jt]sx?|mjs|cjs|vue))\b"  # a test file
)
_HEADED: Final = re2.compile(f"(?m){_HEADINGS}")
# How the first line begins of what takes several.
_FIRST_LINES: Final = {_MOCHA: r"^ {2,4}\d+\) \S", _MINITEST: r"^(?:Failure|Error):$", _PROVE: r"^\S+\.(?:t|sh|pl) \.{2,}"}
FIRST_LINE: Final = f"(?m){'|'.join(_FIRST_LINES.values())}"
TEST_LINE: Final = f"(?m){'|'.join(one for one in _FRAMEWORKS if one not in _FIRST_LINES)}|{_HEADINGS}"
"""RE2, of one line: where no line has one of them, no failed test is printed."""
_LONGEST_ID: Final = 600
_PARAMETERS: Final = re.compile(r"\[[^\]]*\]|\((?!['\"])[^()]*\)|(?<=\w)#\d+$|\bwith data set .*$")
_SOURCE: Final = re.compile(r"\.(?:py|js|ts|jsx|tsx|mjs|cjs|rb|php|go|rs|java|kt|cs|c|cc|cpp|exs?|swift|scala)(?=$|:|/|\s)")
_ROOT: Final = re.compile(
    r"^(?:[A-Za-z]:)?[/\\](?:[^/\\\s]+[/\\])*?(?=(?:tests?|specs?|src|__tests__|e2e)[/\\])|^(?:[A-Za-z]:)?[/\\].*[/\\]"
)
_SEPARATORS: Final = re.compile(r"\s*(?:::|\u203a| > |[/\\#:.\n])\s*")
_NOISE: Final = re.compile(
    r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b|\(\d+(?:\.\d+)?\s?m?s\)|\b\d+(?:\.\d+)? ?m?s$"
)
_UNITTEST: Final = re.compile(r"^(\w+) ?\(((?:[\w$]+\.)*[\w$]+)\)$")


def printed_test(lines: Sequence[str], candidates: Iterable[str], *, several: bool) -> str:
    """The first failed test that cleaned ``lines`` name, as it is printed there; empty where they name none.

    ``candidates`` are those that `TEST_LINE` matches, ``several`` says that `FIRST_LINE` matches one.
    """
    if several:
        return _printed("\n".join(lines))
    found = list(map(_printed_in_line, candidates))
    return next((name for name, _ in found if name), "") or next((name for _, name in found if name), "")


def _printed(text: str) -> str:
    match = _PRINTED.search(text) or _HEADED.search(text)
    return _name(match) if match is not None else ""


@lru_cache(4_096)
def _printed_in_line(line: str) -> tuple[str, str]:
    """The names by the two kinds of patterns, empty where there is none."""
    printed, headed = _PRINTED.search(line), _HEADED.search(line)
    return _name(printed) if printed is not None else "", _name(headed) if headed is not None else ""


def _name(match: re2._Match) -> str:
    return " > ".join(name.strip() for name in match.groups() if name)


def test_key(test_id: str) -> str | None:
    """The framework-neutral name of a test: dotted, no parameters, no directories above the tests; None where none is left.

    ``tests/test_a.py::TestX::test_y[3]``, ``test_y (tests.test_a.TestX)`` and ``tests.test_a.TestX.test_y`` are one key.
    """
    name = _NOISE.sub("", test_id.strip()[:_LONGEST_ID])
    if (match := _UNITTEST.match(name)) is not None and "." in match.group(2):
        test, place = match.groups()
        name = place if place.endswith("." + test) else f"{place}.{test}"
    name = _ROOT.sub("", _PARAMETERS.sub("", name))
    name = _SOURCE.sub("", name)
    parts = [part.strip() for part in _SEPARATORS.split(name) if part.strip()]
    return ".".join(parts)[:300] or None


test_key.__test__ = False  # type: ignore[attr-defined]  # its name begins like a test's; pytest must not collect it
