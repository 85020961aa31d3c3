"""What services need of the index (what is hot and must be atomic), and of the bell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ci_memory_producers.events import Answer, ResolutionEvent, ResolutionReceipt

from ...domain.answer_json import AnswerJson
from ...domain.notice import Noted
from ...domain.pattern import Fix, Pattern, Status
from ...names import Lane
from .analyst import AnalystAnswer, FailureContext
from .events import Applied, Dated, Reading
from .knowledge import Vote
from .runs import Runs


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do one piece of owed work, until it expires. The token fences off who held it before."""

    lane: Lane
    tenant: str
    work_id: str
    token: int


@dataclass(frozen=True, slots=True)
class PendingVote:
    """A vote that is owed to Aegis; ``fix_id`` names the fix whose strategy is voted on."""

    vote: Vote
    target: Literal["reflection", "strategy"]
    context: str
    fix_id: str = ""


class Index(Runs, Protocol):
    """What is hot: fingerprints, counters, status, owed work and answers. Every method is one atomic step."""

    def apply(self, tenant: str, events: Sequence[Reading | Dated], now_ms: int) -> list[Applied]:
        """Apply a batch exactly once, in order; one result an event.

        A pattern is quarantined in a result where its quarantine holds in the event's place: what was never flaky in that
        repository blocks there, and so does what fails commit after commit.
        """
        ...

    def publish(self, tenant: str, answers: Sequence[Answer | AnswerJson], notices: Sequence[Noted] = ()) -> list[str]:
        """Store answers and wake who waits; write down, in the same step, what somebody is to be notified of.

        Returns ids of notices that are due by it.
        """
        ...

    def pattern(self, tenant: str, pattern_id: str) -> Pattern | None:
        """What is known of a pattern; a merged one says into which."""
        ...

    def surviving(self, tenant: str, pattern_id: str) -> str:
        """The pattern that stands for ``pattern_id`` now: itself, or the one that it was merged into."""
        ...

    def sample(self, tenant: str, pattern_id: str) -> FailureContext | None:
        """The first failure of a pattern, for its analyst."""
        ...

    def awaiting(self, tenant: str, pattern_id: str) -> dict[str, bool]:
        """Event ids that wait for the pattern's analysis; whether each was a repeat."""
        ...

    def answered(self, tenant: str, pattern_id: str, event_ids: Sequence[str]) -> None:
        """These no longer wait."""
        ...

    def take(self, lane: Lane, tenant: str, work_id: str, *, now_ms: int, lease_ms: int) -> Lease | None:
        """Take owed work, if it is due and nobody holds it."""
        ...

    def finish(self, lease: Lease, *, again_ms: int | None = None, revision: int | None = None, later_ms: int = 0) -> bool:
        """End a lease: done, or due again at ``again_ms``. Where ``revision`` is given and the pattern has changed since,
        it is due again at ``later_ms``. False when the lease was lost.
        """
        ...

    def record_analysis(
        self, lease: Lease, answer: AnalystAnswer, *, attempts: int, now_ms: int, retry_ms: int | None = None
    ) -> bool:
        """Write an analysis; with ``retry_ms`` it is provisional and tried again then. False when the lease was lost."""
        ...

    def speaks_for(self, tenant: str, incident: str, pattern_id: str) -> str:
        """The pattern whose analysis stands for an incident: ``pattern_id`` where it is the first that asks.

        Others wait for `incident_analysed`, once: who asks again before that speaks for itself.
        """
        ...

    def incident_analysed(self, tenant: str, incident: str, now_ms: int) -> list[str]:
        """Those who wait for an incident's analysis are due. Returns their ids."""
        ...

    def merge(self, lease: Lease, into: str, *, reason: str, now_ms: int) -> bool:
        """Make the leased pattern one with ``into``, as an alias. False when the lease was lost, ``into`` is
        unknown, or a person keeps the two apart.
        """
        ...

    def resolution(self, tenant: str, event_id: str) -> ResolutionEvent | None:
        """A resolution that is owed; None when it has been applied."""
        ...

    def apply_resolution(
        self, lease: Lease, fix: Fix | None, event: ResolutionEvent, receipt: ResolutionReceipt, *, now_ms: int
    ) -> bool:
        """Apply a resolution to the receipt's pattern, receipt it, and end its lease: exactly once, in one step.

        ``fix`` is None for a rerun. False when the lease was lost.
        """
        ...

    def next_vote(self, tenant: str, pattern_id: str) -> PendingVote | None:
        """The oldest vote that Aegis has not been given; taken off the list by this call, so that it is cast at most once."""
        ...

    def return_vote(self, tenant: str, pattern_id: str, vote: PendingVote) -> None:
        """Put a vote back that was certainly not cast."""
        ...

    def link(self, tenant: str, pattern_id: str, **ids: str) -> None:
        """Remember Aegis's ids of a pattern (``reflection_id``, ``strategy_<fix_id>``)."""
        ...

    def links(self, tenant: str, pattern_id: str) -> dict[str, str]:
        """Aegis's ids of a pattern, as `link` was given them."""
        ...

    def set_status(
        self,
        tenant: str,
        pattern: Pattern,
        status: Status,
        *,
        reason: str,
        now_ms: int,
        only_if_unseen: bool = False,
        until_ms: int = 0,
    ) -> bool:
        """Change a status, unless it (or, with ``only_if_unseen``, the time of the last occurrence) has changed meanwhile.

        A quarantine ends at ``until_ms``, and no line that holds the pattern is quiet within it.
        """
        ...

    def tenants(self) -> list[str]:
        """Every tenant that has sent an event."""
        ...

    def overdue(self, lane: Lane, tenant: str, now_ms: int, limit: int) -> list[str]:
        """Ids of owed work that is due and not taken, longest first."""
        ...

    def unseen_since(self, tenant: str, ms: int, limit: int) -> list[str]:
        """Ids of patterns not seen since ``ms``, oldest first."""
        ...

    def settled(self, tenant: str, pattern_ids: Sequence[str], ms: int) -> None:
        """Deprecated patterns not seen since ``ms`` need no more looking at, until they occur again. Others stay as they are."""
        ...

    def quarantine_due(self, tenant: str, now_ms: int, limit: int) -> list[str]:
        """Ids of patterns whose flakiness may have changed since they were looked at, or whose quarantine ends; longest first."""
        ...

    def quarantined(self, tenant: str) -> list[str]:
        """Ids of patterns in quarantine."""
        ...

    def quarantine_judgement_due(self, tenant: str, pattern_ids: Sequence[str], now_ms: int) -> None:
        """Runs have come in that may end the quarantine of these patterns: the next sweep judges them."""
        ...

    def quarantine_looks_at(self, tenant: str, pattern_ids: Sequence[str], now_ms: int) -> None:
        """Their flakiness is judged from now on, by what is read after this call; due again in a minute if nobody says it was."""
        ...

    def quarantine_looked_at(self, tenant: str, pattern_ids: Sequence[str], now_ms: int) -> None:
        """Their flakiness has been judged, since `quarantine_looks_at` at ``now_ms``. What changed meanwhile stays due."""
        ...


class Bell(Protocol):
    """Tells workers that something is due. A lost ring costs seconds: beat rings again."""

    def ring(self, lane: Lane, tenant: str, work_id: str) -> None:
        """Work with this id is due."""
        ...

    def backlog(self, lane: Lane) -> int:
        """How many rings are not answered yet."""
        ...
