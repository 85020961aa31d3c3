"""What the services need of the world. Adapters satisfy these Protocols; tests pass fakes that satisfy them too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ci_memory_producers.events import Category, Diagnosis, Stage

Vote = Literal["helpful", "harmful"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A known pattern that a new failure may be, as the playbook found it.

    ``effectiveness`` is Aegis's (helpful - harmful) / (total + 1), between -1 and 1; 0 with no votes.
    """

    pattern_id: str
    memory_id: str
    content: str
    effectiveness: float
    kind: Literal["reflection", "strategy"]


@dataclass(frozen=True, slots=True)
class FailureContext:
    """What an analyst is given of one failure: redacted, cut to size, and data only."""

    pattern_id: str
    stage: Stage
    category: Category
    signal: str
    error_message: str
    stack_trace: str = ""
    test_id: str = ""
    headline: str = ""
    build_id: str = ""
    branch: str = ""
    exit_code: int | None = None
    changed_files: tuple[str, ...] = ()
    generic: bool = False


@dataclass(frozen=True, slots=True)
class AnalystAnswer:
    """An analyst's answer. ``same_as`` is the pattern_id of the candidate that the failure is, with its reason, or None."""

    diagnosis: Diagnosis
    analyst: str
    same_as: str | None = None
    reason: str = ""


class Analyst(Protocol):
    """Says why something failed. Raises `errors.Retryable` when it may work later, `errors.Permanent` when it never will."""

    name: str

    def analyze(self, failure: FailureContext, candidates: Sequence[Candidate]) -> AnalystAnswer:
        """Diagnose ``failure``; ``candidates`` are known patterns that it may be."""
        ...


@dataclass(frozen=True, slots=True)
class Memory:
    """A reflection or a strategy as Aegis holds it. Votes are None where the store does not tell."""

    memory_id: str
    content: str
    metadata: Mapping[str, object] = field(default_factory=dict)
    helpful: int | None = None
    harmful: int | None = None


class Knowledge(Protocol):
    """The long-term memory (Aegis). Every method raises `errors.Retryable` when the store is busy or out of reach,
    `errors.Permanent` when it refuses for good. Texts are sanitised by the adapter before they leave."""

    def add_reflection(
        self, tenant: str, content: str, *, error_pattern: str, correct_approach: str, metadata: Mapping[str, object]
    ) -> str:
        """Store a reflection (scope global) and return its memory id."""
        ...

    def add_strategy(self, tenant: str, content: str, *, metadata: Mapping[str, object]) -> str:
        """Store a strategy (scope global) and return its memory id."""
        ...

    def find(self, tenant: str, pattern_id: str, kind: Literal["reflection", "strategy"]) -> list[str]:
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

    def shortlist(self, tenant: str, query: str, *, top_k: int = 5, min_effectiveness: float = -1.0) -> list[Candidate]:
        """Reflections and strategies nearest to ``query`` that carry a pattern id, best first."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
