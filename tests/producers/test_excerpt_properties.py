"""What holds for any log: no input breaks the reader, and what it says of the lines is true."""

import random
import tracemalloc
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ci_memory_producers.excerpt import (
    MAX_EXCERPT_LINES,
    MAX_FAILURES,
    Excerpt,
    read_file,
    read_lines,
    read_stream,
    read_text,
    strip_line,
)
from producers.excerpt_logs import ALL, Log

TOOL_LINES = [line for log in ALL for line in log.text.split("\n")]
LINES = st.lists(
    st.one_of(
        st.sampled_from(TOOL_LINES),
        st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=60),
        st.sampled_from(["", "  ", "\x1b[31m", "a\rb\r", "2 failing", "Failures:"]),
        st.sampled_from(["travis_time:start:1", "##[group]Run x", "##[error]x", "section_end:1:x"]),
        st.sampled_from(['The command "x" exited with 1.', "##[error]Process completed with exit code 1."]),
    ),
    max_size=250,
)


def check(excerpt: Excerpt, lines: list[str]) -> None:
    """The ranges are inside the log, ascending and apart, and the text is the cleaned lines of the ranges."""
    assert excerpt.text.count("\n") < MAX_EXCERPT_LINES
    previous = 0
    for first, last in excerpt.ranges:
        assert previous < first <= last <= len(lines)
        previous = last
    taken = [strip_line(lines[number - 1]) for first, last in excerpt.ranges for number in range(first, last + 1)]
    assert "\n".join(taken).strip() == excerpt.text.strip()
    assert len(excerpt.failures) <= MAX_FAILURES
    for failure in excerpt.failures:
        assert failure.headline
        assert failure.text.count("\n") < MAX_EXCERPT_LINES


@given(lines=LINES)
def test_the_excerpt_is_the_cleaned_lines_of_its_ranges(lines: list[str]) -> None:
    check(read_text("\n".join(lines)), lines)


@given(lines=LINES)
def test_any_text_with_words_has_a_primary_failure(lines: list[str]) -> None:
    excerpt = read_text("\n".join(lines))
    assert bool(excerpt.failures) == any(strip_line(line).strip() for line in lines)
    if excerpt.failures:
        assert excerpt.headline == excerpt.failures[0].headline


@given(lines=LINES)
def test_a_text_and_its_lines_and_its_file_and_its_stream_give_the_same_excerpt(lines: list[str]) -> None:
    text = "\n".join(lines).replace("\x00", "")
    assume(text.strip())
    excerpt = read_text(text)
    assert read_lines(text.split("\n")) == excerpt
    assert read_stream(BytesIO(text.encode()), "a stream") == excerpt
    with TemporaryDirectory() as folder:
        log = Path(folder) / "job.log"
        log.write_bytes(text.encode())
        assert read_file(log) == excerpt


@given(data=st.binary(max_size=3_000))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    excerpt = read_text(data.decode("utf-8", "replace"))
    assert excerpt.text.count("\n") < MAX_EXCERPT_LINES


@given(line=st.text(max_size=400))
def test_cleaning_twice_changes_little(line: str) -> None:
    once = strip_line(line)
    assert len(strip_line(once)) <= len(once) <= len(line)


@pytest.mark.parametrize("log", ALL, ids=lambda log: log.tool)
def test_other_times_and_paths_give_the_same_structure(log: Log) -> None:
    lines = [f"step {number}" for number in range(60)] + log.text.split("\n")
    one = "\n".join(f"2024-05-06T07:08:09.123Z {line}" for line in lines)
    other = "\n".join(f"2025-11-12T13:14:15.987Z {line}" for line in lines).replace("/w/", "/q/")
    first, second = read_text(one), read_text(other)
    assert first.ranges == second.ranges
    assert first.text.replace("/w/", "/q/") == second.text
    assert first.failed_tests == second.failed_tests


@pytest.mark.parametrize(
    "line",
    [
        "x" * 1_000_000,
        "[" * 1_000_000,
        "error: " * 150_000,
        "(((" * 300_000,
        "a::b.c" * 150_000,
        "\u25cf " * 300_000,
        "\x1b[31m" * 200_000,
    ],
    ids=["plain", "brackets", "errors", "nested", "names", "bullets", "colours"],
)
def test_a_line_of_a_megabyte_is_cut_and_the_failure_behind_it_found(line: str) -> None:
    text = "\n".join(["step"] * 50 + [line, "cart.c:12:5: error: 'prices' undeclared", "make: *** [all] Error 1"])
    excerpt = read_text(text)
    assert "cart.c:12:5: error: 'prices' undeclared" in [failure.headline for failure in excerpt.failures]
    assert len(excerpt.text) < 20_000


@pytest.mark.parametrize("mark", ["-", "=", "_", "- ", "-=_", " ", ">", "a.", "[", "(", "1) ", "at ", " > ", "::"])
@pytest.mark.parametrize("log", ALL[:6] + ALL[-6:], ids=lambda log: log.tool)
def test_no_run_of_marks_inside_a_block_keeps_the_reader_busy(log: Log, mark: str) -> None:
    run = (mark * 2_000)[:2_000] + "!"
    lines = [each for line in log.text.split("\n") for each in (line, run)]
    check(read_text("\n".join(lines)), lines)


@pytest.mark.parametrize("line", ["\n", "error: x\n", "ok\n", "=== FAIL ===\n"], ids=["empty", "errors", "good", "headings"])
def test_hundreds_of_thousands_of_short_lines_are_counted_right(line: str) -> None:
    excerpt = read_text(line * 300_000 + "cart.c:12:5: error: 'prices' undeclared\n" + line * 40)
    assert any(first <= 300_001 <= last for first, last in excerpt.ranges)
    assert excerpt.headline == "cart.c:12:5: error: 'prices' undeclared"


def test_a_failure_in_the_middle_of_a_large_log_is_found_at_its_line(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    noise = "[ 12%] Building CXX object shop/CMakeFiles/shop.dir/cart.cpp.o\n" * 40_000
    log.write_text(noise + "cart.c:12:5: error: 'prices' undeclared\n" + noise)
    excerpt = read_file(log)
    assert excerpt.headline == "cart.c:12:5: error: 'prices' undeclared"
    assert any(first <= 40_001 <= last for first, last in excerpt.ranges)


@pytest.mark.parametrize("size", [1, 7, 997, 8_192, 1 << 20])
def test_the_way_a_file_is_cut_into_blocks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    lines = [f"step {number}" for number in range(300)] + TOOL_LINES[:200]
    log = tmp_path / "job.log"
    log.write_text("\n".join(lines))
    expected = read_lines(lines)
    monkeypatch.setattr("ci_memory_producers.excerpt.source.HEAD", size)
    monkeypatch.setattr("ci_memory_producers.excerpt.source.READ", size)
    assert read_file(log) == expected


def noisy(count: int) -> Iterator[str]:
    """Log lines, of which one in twenty looks like a failure."""
    chance = random.Random(7)
    for number in range(count):
        yield f"compiled part {number}" if number % 20 else f"{number} error: failed to open part {chance.random()}"


def test_memory_does_not_grow_with_the_log() -> None:
    peaks = []
    for count in (40_000, 160_000):
        tracemalloc.start()
        excerpt = read_lines(noisy(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert excerpt.failures
    assert peaks[1] < 2 * peaks[0]
    assert peaks[1] < 30_000_000


def test_empty_lines_at_the_beginning_of_a_file_are_counted(tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    log.write_text("\n" * 3_000_000 + "cart.c:12:5: error: 'prices' undeclared\n")
    assert read_file(log).ranges[-1][1] == 3_000_001
