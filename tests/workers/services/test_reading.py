"""Reading the texts of failures: what is remembered changes nothing, and is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.bootstrap import load_categorizer
from ci_memory_workers.services.reading import FailureText, TextReader
from ci_memory_workers.settings import load

CATEGORIZER = load_categorizer(load())
LINES = [
    "E   AssertionError: no",
    "TOKEN=hunter2hunter2",
    "no space left on device",
    "at 0x7f3a after 3 s",
    "Traceback (most recent call last):",
]
SCENES = [
    "error: no such table",
    "2026-11-02T10:11:19Z ERROR no such table",
    "ran 9 tests in 9.9 s",
    "at 0x7f9e after 9 s",
    "Traceback (most recent call last):",
    '  File "a.py", line 9, in f',
    "module.Raised: 9",
    "error: this is why:",
    "  1) sums",
    "      9 of them:",
    "Expected: 9",
    "Received: 9",
    "panic: 9",
    "goroutine 9 [running]:",
    "main.f(0x9)",
    "BUG: kernel NULL pointer at 9",
    "f+0x9/0x99",
    "a.c:9:9: error: unknown type name 'x9'",
    "severity: fail",
    "timeout",
    "status 409",
    "TOKEN=hunter2hunter9",
    "2026-11-02T10:11:19Z at 0x7f9e PASSWORD=hunter2hunter9",
    "password:",
    '"name": "DB_PASSWORD",',
    '  "value": "hunter9",',
    "-----BEGIN RSA PRIVATE KEY-----",
    "MIIx1Y2x1Y2x1Y2x1Y2x1Y9",
    "-----END RSA PRIVATE KEY-----",
    "hunter9hunter9",
    "\x1b[31mred 9",
    "[31mred 9",
    "not ok 9 - adds",
    "",
    "    9 items",
    "a\rb 9",
]
TEXTS = st.lists(st.one_of(st.sampled_from(LINES), st.text(max_size=20)), min_size=1, max_size=5).map("\n".join)
FAILURES = st.lists(
    st.builds(FailureText, TEXTS, TEXTS, st.sampled_from(["test", "build"]), st.sampled_from(["", "a::b"])), max_size=6
)


@given(FAILURES)
def test_a_batch_is_read_as_its_texts_one_by_one(failures: list[FailureText]) -> None:
    together = TextReader(CATEGORIZER)

    assert together.read_all(failures) == [TextReader(CATEGORIZER).read(*failure) for failure in failures]
    assert together.read_all(failures) == together.read_all(failures)


def test_a_text_is_read_without_its_secrets() -> None:
    read = TextReader(CATEGORIZER).read("TOKEN=hunter2hunter2", "PASSWORD=hunter2", "test", "")

    assert "hunter2" not in read.text + read.trace


@given(st.lists(st.lists(st.sampled_from(SCENES), min_size=1, max_size=4), min_size=1, max_size=6), st.integers(10, 99))
def test_a_batch_of_what_comes_again_is_read_as_its_texts_one_by_one(scenes: list[list[str]], number: int) -> None:
    together = TextReader(CATEGORIZER)
    for noise in (number, number + 1, number + 2):
        batch = [FailureText("\n".join(scene).replace("9", str(noise)), "", "test", "") for scene in scenes]

        assert together.read_all(batch) == [TextReader(CATEGORIZER).read(*failure) for failure in batch]


@given(st.lists(st.integers(0, 999), min_size=8, max_size=8), st.data())
def test_a_failure_that_comes_again_is_read_as_if_it_were_new(numbers: list[int], data: st.DataObject) -> None:
    reader = TextReader(CATEGORIZER)
    chosen = data.draw(st.lists(st.sampled_from(SCENES), min_size=1, max_size=6))
    for number in numbers:
        told = "\n".join(line.replace("9", str(number)) for line in chosen)
        failure = FailureText(told, data.draw(st.sampled_from(["", told])), "test", data.draw(st.sampled_from(["", "a::b"])))

        assert reader.read(*failure) == TextReader(CATEGORIZER).read(*failure)


def test_a_failure_with_other_noise_is_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = TextReader(CATEGORIZER)
    texts = [
        f"2026-11-25T04:0{n}:07Z ERROR no such table: users\nat 0x7ffe{n} after {n} s\nTOKEN=hunter2hunter{n}\nfailed"
        for n in range(5)
    ]
    expected = [TextReader(CATEGORIZER).read(text, "", "test", "").said for text in texts]
    first = [reader.read(text, "", "test", "").said for text in texts[:3]]

    monkeypatch.delattr("ci_memory_workers.services.reading.fingerprint")
    assert [*first, *(reader.read(text, "", "test", "").said for text in texts[3:])] == expected


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_memory_workers.services.reading.MOST_REMEMBERED", 3)
    reader = TextReader(CATEGORIZER)

    for number in range(10):
        read = reader.read_all([FailureText(f"error a{number}b", "", "test", "")])
        assert [reading.text for reading in read] == [f"error a{number}b"]
    assert len(reader._young) + len(reader._old) <= 8
