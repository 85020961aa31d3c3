"""`ci-memory explain`, run as users run it: no server, any log, nothing of a log has an effect on the terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from running_fleet import BIN

NOISE = [f"preparing part {number}" for number in range(1, 201)]
FAILED = ["shop/cart.c:12:5: error: 'prices' undeclared", "make: *** [all] Error 1"]
KEYS = {"id", "headline", "excerpt", "ranges", "failed_tests", "category", "why", "test_key", "fingerprint"}
MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], check=False).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)
"""
"""Runs a command and reports its peak, in kilobytes. A small process of its own: a child's peak begins with its parent's size."""


def explain(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """What the command prints. There is no server, and nobody says where one is."""
    return subprocess.run(
        [str(BIN / "ci-memory"), "explain", *map(str, arguments)],
        input=stdin,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        timeout=60,
        check=False,
    )


def answers(*asked: dict[str, Any]) -> list[dict[str, Any]]:
    done = explain("--jsonl", stdin="".join(json.dumps(one) + "\n" for one in asked).encode())
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def written(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_each_line_of_jsonl_is_answered_in_order_with_all_keys() -> None:
    log = "\n".join([*NOISE, *FAILED])
    test = "FAILED tests/test_cart.py::test_total[3] - assert 3 == 4"
    found = answers(
        {"id": "b", "stage": "build", "text": log}, {"id": 7, "stage": "test", "text": test}, {"id": "", "stage": "x", "text": ""}
    )
    assert [one["id"] for one in found] == ["b", 7, ""]
    assert all(one.keys() >= KEYS for one in found)
    build, failed_test, nothing = found
    assert build["headline"] == FAILED[0]
    assert build["category"] == "build_compilation"
    assert build["test_key"] is None
    assert all(line in log.split("\n")[first - 1 : last] for first, last in build["ranges"] for line in [FAILED[0]])
    assert failed_test["excerpt"] == test
    assert failed_test["ranges"] == [[1, 1]]
    assert failed_test["failed_tests"] == ["tests/test_cart.py::test_total[3]"]
    assert failed_test["test_key"]
    assert (nothing["headline"], nothing["excerpt"], nothing["ranges"], nothing["failed_tests"]) == ("", "", [], [])


def test_the_same_failure_in_another_run_has_the_same_fingerprint() -> None:
    one, other = answers(
        {"id": 1, "stage": "build", "text": "\n".join([*NOISE, *FAILED])},
        {"id": 2, "stage": "build", "text": "\n".join(["2024-05-06T07:08:09.1Z " + line for line in [*NOISE, *NOISE, *FAILED]])},
    )
    assert one["fingerprint"] == other["fingerprint"]
    assert one["ranges"] != other["ranges"]


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b"{", b"not JSON"),
        (b"[1]", b"not a JSON object"),
        (b'{"id": 1}', b'"text"'),
        (b'{"id": 1, "text": 5}', b'"text"'),
        (b'{"id": 1, "text": "\xff"}', b"not UTF-8"),
        (b"[" * 100_000, b"too deeply"),
        (b"\x00\x01\x02", b"line 2"),
    ],
)
def test_a_broken_line_of_jsonl_is_named_after_the_lines_before_it_were_answered(line: bytes, cause: bytes) -> None:
    done = explain("--jsonl", stdin=b'{"id": 1, "text": "ok"}\n' + line + b"\n")
    assert done.returncode == 2
    assert json.loads(done.stdout)["id"] == 1
    assert b"line 2" in done.stderr
    assert cause in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("how", ["file", "standard input"])
@pytest.mark.parametrize(("content", "cause"), [(b"", b"empty"), (b"\n \n" * 9_000, b"empty"), (b"\x7fELF\x00\x01", b"binary")])
def test_a_log_without_text_is_refused(tmp_path: Path, how: str, content: bytes, cause: bytes) -> None:
    log = tmp_path / "job.log"
    log.write_bytes(content)
    done = explain(log) if how == "file" else explain(stdin=content)
    assert done.returncode == 2
    assert (b"job.log" if how == "file" else b"standard input") in done.stderr
    assert cause in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "cause"), [("missing.log", b"does not exist"), (".", b"directory"), ("x" * 300, b"cannot be read")]
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, cause: bytes) -> None:
    done = explain(tmp_path / name)
    assert done.returncode == 2
    assert cause in done.stderr
    assert b"Traceback" not in done.stderr


def test_jsonl_and_a_file_at_once_are_refused(tmp_path: Path) -> None:
    done = explain("--jsonl", written(tmp_path / "job.log", FAILED))
    assert done.returncode == 2
    assert b"standard input" in done.stderr


def test_the_excerpt_is_shown_in_its_place(tmp_path: Path) -> None:
    log = written(tmp_path / "job.log", [*NOISE, FAILED[0], *NOISE, "shop/cart.c:99:1: error: expected ';' before 'return'"])
    shown = explain(log).stdout.decode().splitlines()
    assert shown[0] == FAILED[0]
    assert f"> 201 │ {FAILED[0]}" in shown
    assert "  402 │ shop/cart.c:99:1: error: expected ';' before 'return'" in shown
    place = shown.index(f"> 201 │ {FAILED[0]}")
    gaps = [line for line in shown if "⋮" in line]
    assert len(gaps) == 2
    assert shown.index(gaps[0]) < place < shown.index(gaps[1])
    assert any(line.startswith("category") and "build_compilation" in line for line in shown)
    assert any(line.startswith("fingerprint") for line in shown)


def test_failed_tests_are_listed_and_a_text_that_says_nothing_is_called_so(tmp_path: Path) -> None:
    tests = [f"FAILED tests/test_cart.py::test_{name} - assert 1 == 2" for name in ("total", "tax")]
    listed = explain(written(tmp_path / "tests.log", [*NOISE, *tests])).stdout.decode()
    assert "failed tests  tests/test_cart.py::test_total\n              tests/test_cart.py::test_tax\n" in listed
    generic = explain(written(tmp_path / "generic.log", ["Process completed with exit code 1."])).stdout.decode()
    assert "too little to recognise" in generic
    assert "too little to recognise" not in listed


HOSTILE = "E   [bold]x[/bold] [link=file:///etc]y[/link] :bomb: \x1b]0;title\x07\x1b[2J\x9b2J\x08\u202eabc\u2028 assert 1 == 2"


def test_nothing_of_a_log_is_interpreted(tmp_path: Path) -> None:
    log = written(tmp_path / "job.log", ["def test_total():", HOSTILE, "FAILED tests/[red]test_cart[/red].py::test_total\x9b5n"])
    shown = explain(log).stdout.decode()
    assert "[bold]x[/bold] [link=file:///etc]y[/link] :bomb:" in shown
    assert all(character.isprintable() for character in shown.replace("\n", ""))


@pytest.mark.parametrize("terminal", [True, False])
def test_colours_are_for_terminals(tmp_path: Path, terminal: bool) -> None:
    log = written(tmp_path / "job.log", [*NOISE, *FAILED])
    ours, theirs = pty.openpty() if terminal else os.pipe()[::1]
    process = subprocess.Popen(
        [str(BIN / "ci-memory"), "explain", str(log)],
        stdout=theirs,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TERM": "xterm-256color"},
    )
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 65_536):
            shown += block
    except OSError:
        pass  # what a terminal answers on Linux when the other side has closed it
    os.close(ours)
    assert process.wait(60) == 0
    assert FAILED[0].encode() in shown
    assert (b"\x1b[" in shown) is terminal


def test_a_terminal_that_knows_ascii_only_is_no_trouble(tmp_path: Path) -> None:
    done = explain(written(tmp_path / "job.log", ["Fehler: \u00fcber", *FAILED]), PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert FAILED[0].encode() in done.stdout


def test_two_hundred_megabytes_are_read_in_less_than_three_hundred(tmp_path: Path) -> None:
    log = tmp_path / "huge.log"
    block = "".join(f"[{number}] compiling module {number} with -O2 -Wall\n" for number in range(18_000)).encode()
    with log.open("wb") as stream:
        while stream.tell() < 200_000_000:
            stream.write(b"-- no error yet\n")
            stream.write(block)
        stream.write("\n".join(FAILED).encode())
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(BIN / "ci-memory"), "explain", str(log)],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    log.unlink()
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().startswith(FAILED[0])
    assert int(done.stderr.split()[-1]) < 300_000, "kilobytes"
