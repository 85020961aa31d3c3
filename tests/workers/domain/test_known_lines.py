"""Lines that were read before: which of them are one, and what their text may still leave open."""

from __future__ import annotations

from importlib.resources import files

import pytest

from ci_memory_producers.redact import redact
from ci_memory_workers.domain import known_lines
from ci_memory_workers.domain.category import Categorizer
from ci_memory_workers.domain.known_lines import KnownLines, Lines
from ci_memory_workers.domain.rule import parse_rules
from ci_memory_workers.domain.seen_line import Line, Untold

CATEGORIZER = Categorizer(parse_rules((files("ci_memory_workers") / "rules.toml").read_text(encoding="utf-8")))


def lines_of(lines: KnownLines, text: str) -> Lines:
    lines.of(text.split("\n"))
    found = lines.of([text])[0]
    assert found is not None
    return found


def of(lines: KnownLines, text: str) -> tuple[Line, ...] | None:
    found = lines.of([text])[0]
    return found and found.seen


@pytest.fixture
def lines() -> KnownLines:
    return KnownLines(CATEGORIZER)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("at 0x7ffe1 after 3.1 s", "at 0xdeadbeef after 17.25 s"),
        ("2026-11-02T10:11:12Z ERROR no such table", "2026-11-03T00:00:00Z ERROR no such table"),
        ("\x1b[31mok\x1b[0m", "\x1b[32mok"),
        ("    in 12 ms", "    in 7 ms"),
        ("TOKEN=hunter2hunter2", "TOKEN=hunter3hunter3"),
        ("in 12 ms PWD=hunter2hunter2", "in 7 ms PWD=hunter3hunter3"),
    ],
)
def test_noise_makes_no_other_line(lines: KnownLines, one: str, other: str) -> None:
    assert of(lines, one) == of(lines, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("error: status 401", "error: status 500"),
        ("in 12 ms", "    in 12 ms"),
        ("Error: in 12 ms", "Error: in 13 ms"),
        ('  File "a.py", line 3, in f', '  File "a.py", line 4, in f'),
        ("2026-11-02T10:11:12Z ERROR no such table", "2026-11-02T10:11:12Z ERROR no such file"),
        ("severity: 12", "severity: 13"),
        ("2026-11-02T10:11:12Z ERROR done", "2026-11-02T10:11:12Z INFO done"),
        ("TOKEN=hunter2hunter2", "PASSWORD=hunter2hunter2"),
        ("TOKEN=hunter2hunter2", "TOKEN=[REDACTED:token]"),
    ],
)
def test_what_tells_failures_apart_makes_another_line(lines: KnownLines, one: str, other: str) -> None:
    assert of(lines, one) != of(lines, other)


@pytest.mark.parametrize(
    ("text", "untold"),
    [
        ("error: no such table\nin f", Untold()),
        ("ran 12 tests\nin 3 s", Untold()),
        ("3 items\nerror: this is why:\nran 12 tests", Untold((2,))),
        ("3 items\nTraceback (most recent call last):\nsums.Odd: 12", Untold((2,))),
        ("3 items\n  1) sums\n12 items", Untold((2,))),
        ("error: no such table\nTOKEN=hunter2hunter2", Untold(secrets=True)),
        ("3 items\nExpected: a\nReceived: b", Untold(several=(0,))),
        ("2026-11-02T10:11:12Z a\n" * 9 + "Expected: a\n\nin 3 s\n" + "a\n" * 5 + "Received: b\nin 4 s", Untold(several=(11,))),
        ("3 items" + "\na" * 8 + "\nExpected: a\nReceived: b", Untold()),
        ("3 items\nExpected: a" + "\na" * 8 + "\nReceived: b", Untold()),
    ],
)
def test_where_more_is_to_be_known_it_is_said(lines: KnownLines, text: str, untold: Untold) -> None:
    assert lines.untold(lines_of(lines, text)) == untold


@pytest.mark.parametrize("line", ["-----BEGIN PRIVATE KEY-----", "machine db.example.com", "a\rb", "[31mred", "\ud800"])
def test_some_lines_are_read_with_their_text(lines: KnownLines, line: str) -> None:
    assert lines.untold(lines_of(lines, f"boom\n{line}")) is None


def test_a_text_of_known_lines_is_redacted_by_its_lines(lines: KnownLines) -> None:
    text = "boom\nTOKEN=hunter2hunter2\nin 3 s"

    assert lines_of(lines, text).without_secrets() == redact(text) != text


def test_lines_that_are_new_together_are_seen_as_each_alone() -> None:
    told = ["at 0x7f after 3 s", "TOKEN=hunter2hunter2", "error: no such table", "Expected: 3", "  1) sums", "a\rb", "[31mred"]
    texts = [line.replace("3", str(number)) for number in range(8) for line in told]
    together, alone = KnownLines(CATEGORIZER), KnownLines(CATEGORIZER)

    assert [lines and [line.bits for line in lines.seen] for lines in together.of(texts)] == [
        [line.bits for line in lines_of(alone, text).seen] for text in texts
    ]


def test_a_text_with_a_long_line_is_left_alone(lines: KnownLines) -> None:
    assert [of(lines, "boom\n" + "x" * 501) for _ in range(3)] == [None] * 3


def test_a_text_of_many_new_lines_is_left_alone_once(lines: KnownLines) -> None:
    text = "\n".join(f"error {word}" for word in ("one", "two", "three", "four", "five"))

    assert of(lines, text) is None
    assert of(lines, text) is not None
    assert of(lines, text) == of(lines, text)


def test_what_is_remembered_is_bounded(lines: KnownLines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_lines, "MOST_LINES", 5)

    first = of(lines, "first")
    for number in range(40):
        of(lines, f"error a{number}b")
        of(lines, f"in x{chr(97 + number % 26) * number} 3 s")
        of(lines, "\n".join(f"error {word}{number}x" for word in "abcdefgh"))

    assert len(lines._young) + len(lines._old) <= 12
    assert len(lines._seen) <= 15
    assert len(lines._alike) + len(lines._once_alike) <= 12
    assert of(lines, "first") != first
