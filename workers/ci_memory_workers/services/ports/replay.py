"""What replay needs of the memory: records of events, and texts of failures. All of it is read, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ci_memory_producers.events import Stage

from ...domain.replay import Record
from .analyst import FailureContext


@dataclass(frozen=True, slots=True)
class MaskedText:
    """What is kept of a pattern's first failure for good: its text with what varies masked, its stage and its test's key."""

    pattern_id: str
    masked: str
    stage: Stage
    test_key: str


class Recorded(Protocol):
    """What was kept of the past. Everything is read in pieces; ids of merged patterns mean the one that stays."""

    def records(self, tenant: str, since_ms: int) -> Iterator[Record]:
        """Records of events that the log took at ``since_ms`` or later, about in the order of time."""
        ...

    def oldest_ms(self, tenant: str) -> int:
        """When the oldest event was taken that a record is kept of; 0 where there is none."""
        ...

    def fingerprints(self, tenant: str) -> Iterator[tuple[str, str]]:
        """Each fingerprint that a failure is recognised by, with its pattern."""
        ...

    def samples(self, tenant: str, pattern_ids: list[str]) -> Iterator[FailureContext]:
        """The first failures of patterns, of those whose text is kept."""
        ...

    def texts(self, tenant: str) -> Iterator[MaskedText]:
        """Masked texts, oldest first. A pattern may have several, or none."""
        ...
