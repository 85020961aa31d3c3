"""What the reader of logs gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MAX_EXCERPT_LINES = 60
"""Largest excerpt, in lines."""
MAX_FAILURES = 20
"""Largest number of failures that are told apart in one log."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure found in a log.

    ``headline`` is the one line that says why it failed, cleaned of colour codes, timestamps and provider prefixes.
    ``text`` is the excerpt of this failure: cleaned lines in their original order, at most `MAX_EXCERPT_LINES`.
    ``test_id`` is the failing test as its framework printed it, or empty; ``stack_trace`` the trace inside the text, or empty.
    """

    headline: str
    text: str
    test_id: str
    stack_trace: str


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The failing part of a log.

    ``ranges`` are 1-based inclusive line ranges of the input, ascending, which the excerpt was taken from. ``failures`` holds at
    least one where the input has any text, the primary one first.
    """

    headline: str
    text: str
    ranges: tuple[tuple[int, int], ...]
    failed_tests: tuple[str, ...]
    stack_trace: str
    failures: tuple[Failure, ...]


class UnreadableLog(ValueError):
    """A log that has no text to read: missing, a directory, empty or binary."""

    def __init__(self, path: Path, cause: str, way_out: str) -> None:
        self.path = path
        self.cause = cause
        super().__init__(f"{path}: {cause}; {way_out}")
