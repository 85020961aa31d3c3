"""Private keys of several lines, taken out before a log is read: an excerpt may show any line of one, without what names it.

`redact` finds a key by its first or its last line; lines that a reader cuts out of its middle look like nothing in particular.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ci_memory_producers.excerpt.clean import strip_line

MASK = b"[REDACTED:private_key]"
_BEGINS = re.compile(r"-----BEGIN (?:[A-Z0-9]{2,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----|Private-Lines: \d{1,4}")
_ENDS = re.compile(r"-----END (?:[A-Z0-9]{2,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_HEADER = r"(?:Proc-Type|DEK-Info|Comment|Version|Hash|Charset|MessageID): [^\n]{0,200}"
_BODY = re.compile(rf"[\s\"'+,>|]*+(?:[A-Za-z0-9+/=]{{1,200}}|{_HEADER})?[\s\"'+,\\nr]*+")
_NAMES = (b"PRIVATE KEY", b"Private-Lines")


def without_keys(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Blocks of complete lines, with each line of a key's body replaced by a marker; as many lines as before."""
    inside = False
    for block in blocks:
        if inside or any(name in block for name in _NAMES):
            block, inside = _masked(block, inside=inside)
        yield block


def _masked(block: bytes, *, inside: bool) -> tuple[bytes, bool]:
    lines = block.split(b"\n")
    for index, line in enumerate(lines):
        if not inside and not any(name in line for name in _NAMES):
            continue
        text = strip_line(line.decode("utf-8", "replace"))
        if end := _ENDS.search(text):
            if not inside and not _BEGINS.search(text, 0, end.start()):
                _mask_above(lines, index)
            inside = False
        elif begin := _BEGINS.search(text):
            inside = not text[begin.end() :].strip("\"'\\nr ")
        elif inside and _BODY.fullmatch(text):
            if text.strip():
                lines[index] = MASK
        else:
            inside = False
    return b"\n".join(lines), inside


def _mask_above(lines: list[bytes], end: int) -> None:
    """The lines above the end of a key whose beginning the log does not hold."""
    for index in range(end - 1, -1, -1):
        text = strip_line(lines[index].decode("utf-8", "replace"))
        if not text.strip() or lines[index] == MASK or not _BODY.fullmatch(text):
            return
        lines[index] = MASK
