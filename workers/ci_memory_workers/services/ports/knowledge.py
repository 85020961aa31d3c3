"""What services need of the long-term memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Vote = Literal["helpful", "harmful"]
MemoryKind = Literal["reflection", "strategy"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A known pattern that a new failure may be, as the playbook found it.

    ``effectiveness`` is Aegis's (helpful - harmful) / (total + 1), between -1 and 1; 0 with no votes.
    """

    pattern_id: str
    memory_id: str
    content: str
    effectiveness: float
    kind: MemoryKind


@dataclass(frozen=True, slots=True)
class Memory:
    """A reflection or a strategy as Aegis holds it. Votes are None where the store does not tell."""

    memory_id: str
    content: str
    metadata: Mapping[str, object] = field(default_factory=dict)
    helpful: int | None = None
    harmful: int | None = None


class Playbook(Protocol):
    """What the long-term memory finds by meaning. Raises what `Knowledge` raises."""

    def shortlist(self, tenant: str, query: str, *, top_k: int = 5, min_effectiveness: float = -1.0) -> list[Candidate]:
        """Reflections and strategies nearest to ``query`` that carry a pattern id, best first."""
        ...


class Knowledge(Playbook, Protocol):
    """The long-term memory (Aegis). Every method raises `errors.Retryable` when the store is busy or out of reach,
    `errors.Permanent` when it refuses for good. Texts are sanitised by the adapter before they leave.
    """

    def add_reflection(
        self,
        tenant: str,
        content: str,
        *,
        error_pattern: str,
        correct_approach: str,
        metadata: Mapping[str, object],
    ) -> str:
        """Store a reflection (scope global) and return its memory id."""
        ...

    def add_strategy(self, tenant: str, content: str, *, metadata: Mapping[str, object]) -> str:
        """Store a strategy (scope global) and return its memory id."""
        ...

    def find(self, tenant: str, pattern_id: str, kind: MemoryKind) -> list[str]:
        """Memory ids of ``kind`` whose content carries ``pattern_id``, oldest first: finds what a killed writer left."""
        ...

    def vote(self, tenant: str, memory_id: str, vote: Vote, *, context: str, task_id: str) -> None:
        """Cast one vote. Raises `errors.Permanent` where the id is unknown. Never retried by the adapter once sent."""
        ...

    def update_metadata(self, tenant: str, memory_id: str, metadata: Mapping[str, object]) -> None:
        """Merge ``metadata`` (shallow) into what the memory has."""
        ...

    def get(self, tenant: str, memory_id: str) -> Memory | None:
        """The memory, or None where the id is unknown."""
        ...

    def deprecate(self, tenant: str, memory_id: str) -> None:
        """Take the memory out of the playbook. It stays readable."""
        ...

    def memories(self, tenant: str, kind: MemoryKind) -> Iterator[Memory]:
        """All memories of ``kind``, oldest first, read a piece at a time: those too that were taken out of the playbook
        (``deprecated`` in their metadata).
        """
        ...

    def tenants(self) -> list[str]:
        """Tenants with memories, sorted. Raises `errors.Permanent` where the store does not tell."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
