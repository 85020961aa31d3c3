"""From a raw CI log to the part that says why it failed.

`read_file`, `read_stream`, `read_text` and `read_lines` give an `Excerpt`; `strip_line` takes colour codes, timestamps and
provider prefixes off one line.
"""

from __future__ import annotations

from ci_memory_producers.excerpt.clean import strip_line
from ci_memory_producers.excerpt.model import MAX_EXCERPT_LINES, MAX_FAILURES, Excerpt, Failure, UnreadableLog
from ci_memory_producers.excerpt.reader import read_file, read_lines, read_stream, read_text

__all__ = [
    "MAX_EXCERPT_LINES",
    "MAX_FAILURES",
    "Excerpt",
    "Failure",
    "UnreadableLog",
    "read_file",
    "read_lines",
    "read_stream",
    "read_text",
    "strip_line",
]
