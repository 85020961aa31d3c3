from pathlib import Path

import pytest

from ci_memory_producers.excerpt import UnreadableLog, read_file, read_lines, read_text, strip_line


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("2024-05-06T07:08:09.1234567Z ##[error]boom", "boom"),
        ("\x1b[31;1mThe command exited\x1b[0m", "The command exited"),
        ("10%\r50%\r100% done", "100% done"),
        ("#12 0.123 pip install x", "pip install x"),
        ("travis_fold:start:install\r\x1b[0Kinstalling", "installing"),
        ("section_start:1700000000:build_script\r\x1b[0KExecuting", "Executing"),
        ("[2024-05-06T07:08:09.123Z] + make", "+ make"),
        ("    indented stays", "    indented stays"),
    ],
)
def test_a_line_is_cleaned_of_what_the_provider_added(line: str, clean: str) -> None:
    assert clean == strip_line(line)


def test_a_short_text_passes_through_whole() -> None:
    text = "collecting\nE   assert 1 == 2\nbye"
    excerpt = read_text(text)
    assert text == excerpt.text
    assert "assert 1 == 2" in excerpt.headline
    assert excerpt.ranges == ((1, 3),)


def test_lines_and_text_and_file_give_the_same_excerpt(tmp_path: Path) -> None:
    lines = [f"step {number}" for number in range(500)] + ["main.c:3:1: error: unknown type name 'x'", "make: *** [all] Error 1"]
    log = tmp_path / "job.log"
    log.write_text("\n".join(lines))
    excerpt = read_file(log)
    assert excerpt.headline == "main.c:3:1: error: unknown type name 'x'"
    assert excerpt == read_lines(lines) == read_text("\n".join(lines))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\x7fELF\x00\x01"])
def test_a_file_without_text_is_named_with_the_cause(tmp_path: Path, content: bytes) -> None:
    log = tmp_path / "job.log"
    log.write_bytes(content)
    with pytest.raises(UnreadableLog, match=r"job\.log"):
        read_file(log)
