from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.domain.log_lines import clean


@pytest.mark.parametrize(
    "line",
    [
        "\x1b[31mdisk is corrupt\x1b[0m",
        "[31mdisk is corrupt[0m",
        "2026-01-02T03:04:05.6789Z disk is corrupt",
        "2026-01-02 03:04:05,678 disk is corrupt",
        "[12:13:14] disk is corrupt",
        "#19 22.32 disk is corrupt",
        "[   12.345678] disk is corrupt",
        "##[error]disk is corrupt",
        "::error file=a.py,line=3::disk is corrupt",
        "[ERROR] disk is corrupt",
        "2026-01-02 03:04:05.678 2172 ERROR shop.disk disk is corrupt",
        "2026-01-02T03:04:05Z ERROR disk is corrupt",
    ],
)
def test_what_stands_before_a_line_is_taken_off(line: str) -> None:
    assert clean(line).lines == ["disk is corrupt"]


def test_lines_marked_as_errors_are_remembered() -> None:
    log = clean("[ERROR] the index is stale\n[INFO] fine\n\n##[error]no luck\n2026-01-02T03:04:05Z ERROR bad cart")
    assert log.lines == ["the index is stale", "fine", "no luck", "bad cart"]
    assert {"the index is stale", "no luck", "bad cart"} == log.errors


@pytest.mark.parametrize(
    "line",
    [
        "Process completed with exit code 1.",
        "Error: Process completed with exit code 2.",
        'The command "make test" exited with 2.',
        "The command '/bin/sh -c make' returned a non-zero code: 2",
        "make[1]: *** [Makefile:3: all] Error 2",
        "npm ERR! code ELIFECYCLE",
        "npm ERR! A complete log of this run can be found in: /home/dev/.npm/_logs/x.log",
        "error: aborting due to 2 previous errors",
        "BUILD FAILED in 3s",
        "exit status 1",
        "FAILED",
        "ERROR: script returned exit code 1",
    ],
)
def test_lines_that_say_only_that_it_failed_are_boilerplate(line: str) -> None:
    assert {line} == clean(f"first\n{line}\nlast").hollow


@pytest.mark.parametrize(
    "line", ["error: disk is corrupt", "npm ERR! code ERESOLVE", "make: cc: Command not found", "TypeError: x"]
)
def test_lines_that_say_why_are_not(line: str) -> None:
    assert not clean(line).hollow


@given(st.text(max_size=1_000))
def test_any_text_is_cleaned(text: str) -> None:
    log = clean(text)
    assert all(line.strip() for line in log.lines)
    assert log.errors <= set(log.lines)
    assert log.hollow <= set(log.lines)
