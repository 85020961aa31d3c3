"""The reader: windows in, excerpt out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ci_memory_producers.excerpt.choose import choose
from ci_memory_producers.excerpt.clean import strip_line
from ci_memory_producers.excerpt.model import Excerpt
from ci_memory_producers.excerpt.scan import Scanner
from ci_memory_producers.excerpt.source import file_blocks, line_blocks, windows

_TAIL_BYTES = 16_000
_TAIL_LINES = 80
_FEW_LINES = 40
_FEW_BYTES = 12_000
"""A text of at most so many lines and bytes is an excerpt already."""


def read_lines(lines: Iterable[str]) -> Excerpt:
    """The failing part of a log that comes line by line; bounded memory, linear time."""
    return _read(line_blocks(lines))


def read_text(text: str) -> Excerpt:
    """The failing part of a log that is in memory. Lines end with a newline."""
    return _read(iter((text.encode("utf-8", "replace"),)))


def read_file(path: Path) -> Excerpt:
    """The failing part of a log file; bytes that are no UTF-8 are replaced.

    Raises `UnreadableLog` where the file is missing, a directory, empty or binary.
    """
    return _read(file_blocks(path))


def _read(blocks: Iterator[bytes]) -> Excerpt:
    scanner = Scanner()
    tail, line = b"", 1
    for window in windows(blocks):
        scanner.scan(window.data, window.start, window.stop, window.first_line)
        tail, line = window.data, window.first_line - window.data.count(b"\n", 0, window.start)
    numbered = _numbered(tail, line)
    entire = len(tail) <= _FEW_BYTES and len(numbered) <= _FEW_LINES and bool(numbered) and numbered[0][0] == 1
    return choose(scanner.anchors(), numbered, entire=entire)


def _numbered(data: bytes, first_line: int) -> list[tuple[int, str]]:
    cut = max(0, len(data) - _TAIL_BYTES)
    first_line += data.count(b"\n", 0, cut)
    lines = data[cut:].decode("utf-8", "replace").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    numbered = [(first_line + index, strip_line(line)) for index, line in enumerate(lines)]
    return numbered[-_TAIL_LINES:]
