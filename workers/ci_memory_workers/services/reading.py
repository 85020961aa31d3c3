"""How the text of a failure is read: secrets out, then its category and its fingerprint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ci_memory_producers.events import Stage
from ci_memory_producers.redact import redact

from ..domain.category import Categorizer, Verdict
from ..domain.fingerprint import Fingerprint, fingerprint

MOST_REMEMBERED = 2_048
"""Texts whose reading a process remembers: legs of a matrix, retries and outbreaks send the same text again and again."""


@dataclass(frozen=True, slots=True)
class TextReading:
    """A failure's text without secrets, and what it says."""

    text: str
    trace: str
    verdict: Verdict
    mark: Fingerprint


class TextReader:
    """Reads texts by the rules of one categorizer. The same text is read once, as long as it is remembered."""

    def __init__(self, categorizer: Categorizer) -> None:
        self._categorizer = categorizer
        self.read: Callable[[str, str, Stage, str], TextReading] = lru_cache(MOST_REMEMBERED)(self._read)
        """``read(text, trace, stage, test_id)``."""

    def _read(self, text: str, trace: str, stage: Stage, test_id: str) -> TextReading:
        text, trace = redact(text), redact(trace)
        verdict = self._categorizer.categorize(text, stage, test_id=test_id)
        return TextReading(text, trace, verdict, fingerprint(text, stage=stage, test_id=test_id, stack_trace=trace))
