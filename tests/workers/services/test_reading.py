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


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_memory_workers.services.reading.MOST_REMEMBERED", 3)
    reader = TextReader(CATEGORIZER)

    read = reader.read_all([FailureText(f"boom {number}", "", "test", "") for number in range(10)])

    assert [reading.text for reading in read] == [f"boom {number}" for number in range(10)]
    assert len(reader._known) == 3
