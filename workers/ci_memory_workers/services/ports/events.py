"""What services need of the log of events, and what an event is once it was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from ci_memory_producers.events import Category, FailureEvent, PassEvent, ResolutionEvent
from ci_memory_producers.excerpt import read_text

from ...domain.flaky import is_mass_failure
from ...domain.pattern import Pattern
from .analyst import FailureContext


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the event log: its id, when it was appended (ms since the epoch), and how often it was delivered."""

    entry_id: str
    payload: bytes
    deliveries: int = 1

    @property
    def ms(self) -> int:
        """When it was appended: the first half of a stream id."""
        return int(self.entry_id.split("-", 1)[0])


class EventLog(Protocol):
    """The log that producers append to, read by a group of slots."""

    def unfinished(self, slot: int, count: int) -> list[Entry]:
        """What this slot was given before and has not acknowledged, oldest first."""
        ...

    def read(self, slot: int, count: int, block_ms: int) -> list[Entry]:
        """New entries; waits up to ``block_ms`` for the first."""
        ...

    def acknowledge(self, entries: Sequence[Entry]) -> None:
        """Their effects are in."""
        ...

    def bury(self, entry: Entry, reason: str, detail: str) -> None:
        """Move an entry to the dead letters, with why, and acknowledge it; both or neither."""
        ...

    @property
    def left_unread(self) -> int:
        """How many entries no slot had read when this one read the last time."""
        ...

    def lag(self) -> int:
        """How many entries no slot has read yet."""
        ...


class Reading(NamedTuple):
    """A failure event as it was read: validated, redacted, categorized and fingerprinted."""

    event: FailureEvent
    ms: int
    category: Category
    signal: str
    fingerprint: str
    test_key: str
    generic: bool

    def context(self, pattern_id: str) -> FailureContext:
        """What an analyst needs of this failure. Finds the headline, which costs more than the rest of a reading."""
        event = self.event
        return FailureContext(
            pattern_id=pattern_id,
            stage=event.stage,
            category=self.category,
            signal=self.signal,
            error_message=event.error_message,
            stack_trace=event.stack_trace or "",
            test_id=event.test_id,
            headline=read_text(event.error_message).headline,
            build_id=event.build_id,
            branch=event.branch,
            exit_code=event.exit_code,
            changed_files=event.changed_files,
            generic=self.generic,
            mass_run=f"{event.repo}#{event.build_id}/{event.job}" if is_mass_failure(event.run_totals) else "",
        )


class Dated(NamedTuple):
    """A pass or a resolution, with when it was appended to the log (ms since the epoch)."""

    event: PassEvent | ResolutionEvent
    ms: int


Outcome = Literal[
    "new",
    "known",
    "duplicate_new",
    "duplicate_known",
    "pass",
    "duplicate_pass",
    "accepted",
    "duplicate_resolution",
    "unknown_pattern",
]


class Applied(NamedTuple):
    """What an event did. ``pattern`` is the failure's, as it is now; None for passes and resolutions."""

    event_id: str
    outcome: Outcome
    pattern_id: str
    pattern: Pattern | None = None
