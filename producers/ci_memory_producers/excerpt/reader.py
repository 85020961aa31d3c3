"""The reader: windows in, excerpt out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ci_memory_producers.excerpt.choose import choose, passed_through
from ci_memory_producers.excerpt.model import Excerpt
from ci_memory_producers.excerpt.scan import Scanner
from ci_memory_producers.excerpt.source import file_blocks, line_blocks, stream_blocks, windows
from ci_memory_producers.excerpt.spans import Tail, failing_spans

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


def read_stream(stream: BinaryIO, name: str) -> Excerpt:
    """The failing part of a log that is read from an open stream, which errors call ``name``.

    Raises `UnreadableLog` where it is empty or binary.
    """
    return _read(stream_blocks(stream, Path(name)))


def _read(blocks: Iterator[bytes]) -> Excerpt:
    scanner = Scanner()
    end = Tail(b"", 1)
    for window in windows(blocks):
        scanner.scan(window)
        end = Tail(window.data, window.first_line - window.data.count(b"\n", 0, window.start))
    tail = end.cut()
    kept = scanner.anchors()
    excerpt = choose(kept, failing_spans(kept, tail), tail)
    entire = tail.line == 1 and len(tail.data) <= _FEW_BYTES and tail.data.count(b"\n") <= _FEW_LINES
    return passed_through(excerpt, tail) if entire else excerpt
