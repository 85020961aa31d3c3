"""What the chaos benchmark plays: events of all kinds in acts, and when who is killed or hangs.

Acts are parted by a moment of rest, when the log is read and what it owes to the index is done: a fix is reported by somebody who
has read the answer, and what a failure says after a fix depends on the fix being known. Within an act the order is free, and the
result must not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from chaos_strikes import Strike
from chaos_texts import Cause
from ci_memory_producers.events import FailureEvent, FixType, ResolutionEvent

Family = Literal["plain", "flaky", "line", "resolved", "outbreak", "alias", "quarantine", "watched", "aged", "suite"]

TENANTS = ("chaos-one", "chaos-two")
WRITTEN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fix:
    """A resolution before its pattern's id is known: that is asked for when it is pushed."""

    event_id: str
    cause: int
    repo: str
    fix_type: FixType
    description: str
    commit: str
    files: tuple[str, ...] = ()

    def event(self, tenant: str, pattern_id: str) -> ResolutionEvent:
        """As it is pushed."""
        return ResolutionEvent(
            event_id=self.event_id,
            tenant=tenant,
            repo=self.repo,
            pattern_id=pattern_id,
            fix_type=self.fix_type,
            fix_description=self.description,
            fix_commit=self.commit,
            changed_files=self.files,
            fixed_by="dev@example.com",
            timestamp=WRITTEN,
        )


@dataclass(frozen=True, slots=True)
class Act:
    """What is pushed in any order, and then, after a rest, what was fixed meanwhile. Payloads are JSON, or should be."""

    payloads: list[bytes]
    fixes: list[Fix]


@dataclass(slots=True)
class Plan:
    """A whole run. ``causes`` and ``families`` go together; ``failures`` holds the events that are expected of each cause."""

    seed: int
    causes: list[Cause]
    families: list[Family]
    tenants: list[str]
    long_ago: list[bytes] = field(default_factory=list)
    """What is pushed first, under ids of the log from two days before."""
    acts: list[Act] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    failures: list[dict[str, FailureEvent]] = field(default_factory=list)
    passes: int = 0
    rejected: set[str] = field(default_factory=set)
    """Markers of what must end in the dead letters."""
    shuffled: set[int] = field(default_factory=set)
    """Causes with a job whose runs come in any order: what is learned in between, and voted, depends on that."""
    guests: set[int] = field(default_factory=set)
    """Causes that fail in another's job, each in one: more repositories would make an outbreak of them."""

    changed: dict[int, str] = field(default_factory=dict)
    """The file that was changed again since it was fixed, by cause; '' where none was, though it may look so."""
    over: set[int] = field(default_factory=set)
    """Causes that were seen long ago and never again."""

    @property
    def size(self) -> int:
        """How many events are pushed."""
        return len(self.long_ago) + sum(len(act.payloads) + len(act.fixes) for act in self.acts)
