"""Logs as windows of bytes: files, texts and streams of lines are read the same way, in bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ci_memory_producers.excerpt.clean import MAX_LINE
from ci_memory_producers.excerpt.key_lines import without_keys
from ci_memory_producers.excerpt.model import UnreadableLog

BEHIND = 16_000
AHEAD = 12_000
"""Bytes before and after a line that are at hand when it is looked at."""
_BLOCK = 1 << 20
_LONGEST = 1 << 16
"""Bytes of one line that are kept; what a longer line holds beyond is read and dropped."""
HEAD = 8_192
READ = 1 << 20
"""Bytes of a file that are judged, and that are read at once."""
_COLOURS = re.compile(rb"\x1b\[[0-9;]{0,20}[mKGJH]")


@dataclass(frozen=True, slots=True)
class Window:
    """``data[start:stop]`` is new, the rest of ``data`` is context; ``first_line`` is the number of the line at ``start``."""

    data: bytes
    start: int
    stop: int
    first_line: int
    last: bool = False


def windows(blocks: Iterable[bytes]) -> Iterator[Window]:
    """Windows over the text of ``blocks``; each new part begins and ends at a line's boundary."""
    data, start, line = b"", 0, 1
    for block in without_keys(_cut(blocks)):
        data += block
        stop = data.rfind(b"\n", start, max(start, len(data) - AHEAD)) + 1
        if stop > start and len(data) - start >= _BLOCK:
            yield Window(data, start, stop, line)
            line += data.count(b"\n", start, stop)
            keep = data.find(b"\n", stop - BEHIND, stop) + 1 if stop > BEHIND else 0
            data, start = data[keep:], stop - keep
    yield Window(data, start, len(data), line, last=True)


def _cut(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text as blocks of complete lines, without colour codes, each line cut to `MAX_LINE` bytes."""
    rest = b""
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if not end:
            rest = (rest + block)[:_LONGEST]
            continue
        yield _short(_plain(rest + block[:end]))
        rest = block[end:]
    if rest:
        yield _short(_plain(rest)) + b"\n"


def _plain(data: bytes) -> bytes:
    if b"\r" in data and b"\r\n" in data:
        data = data.replace(b"\r\n", b"\n")
    return _COLOURS.sub(b"", data) if b"\x1b[" in data else data


def _short(data: bytes) -> bytes:
    """The text with long lines cut. Looks at one place in every `MAX_LINE` bytes where there are none."""
    pieces: list[bytes] = []
    taken = at = 0
    while at + MAX_LINE < len(data):
        newline = data.rfind(b"\n", at, at + MAX_LINE)
        if newline >= 0:
            at = newline + 1
            continue
        end = data.find(b"\n", at + MAX_LINE)
        end = len(data) if end < 0 else end
        kept = data[at:end].rstrip(b"\r").rpartition(b"\r")[2]  # of overwritten progress, the last
        pieces += [data[taken:at], kept[:MAX_LINE]]
        taken = at = end
    return b"".join([*pieces, data[taken:]]) if pieces else data


def file_blocks(path: Path) -> Iterator[bytes]:
    """The bytes of a file. Raises `UnreadableLog` where it cannot be read, and where there is no text in it."""
    try:
        if path.is_dir():
            raise UnreadableLog(path, "is a directory", "name the log file inside it")
        if not path.exists():
            raise UnreadableLog(path, "does not exist", "check the path, and that the step which writes it has run")
        with path.open("rb") as stream:
            yield from stream_blocks(stream, path)
    except OSError as error:
        raise UnreadableLog(path, f"cannot be read ({error.strerror})", "check its name and its permissions") from error


def stream_blocks(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    """The bytes of an open stream, which errors call ``path``. Raises `UnreadableLog` where there is no text in it."""
    head = stream.read(HEAD)
    while head and not head.strip():
        yield head  # empty lines count
        head = stream.read(READ)
    if not head:
        raise UnreadableLog(path, "is empty", "check that the failing command's output is written to it")
    if looks_binary(head[:HEAD]):
        raise UnreadableLog(path, "is binary, not a text log", "pass the log as text; unpack it first where it is compressed")
    yield head + stream.read(READ)
    while block := stream.read(READ):
        yield block


def looks_binary(head: bytes) -> bool:
    """Whether the beginning of a file holds zero bytes, or mostly bytes that are no UTF-8 text."""
    if b"\x00" in head:
        return True
    return head.decode("utf-8", "replace").count("\ufffd") * 10 > len(head) * 3


def line_blocks(lines: Iterable[str]) -> Iterator[bytes]:
    """Lines, with or without their line ends, as blocks of bytes."""
    batch: list[bytes] = []
    size = 0
    for line in lines:
        data = line.rstrip("\r\n").replace("\n", " ").encode("utf-8", "replace")[:_LONGEST] + b"\n"
        batch.append(data)
        size += len(data)
        if size >= _BLOCK:
            yield b"".join(batch)
            batch, size = [], 0
    yield b"".join(batch)
