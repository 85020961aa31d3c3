"""What services need of the memory of error texts: which known failure a new one looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from .analyst import FailureContext


@dataclass(frozen=True, slots=True)
class Lookalike:
    """A known pattern that a new failure looks like.

    ``score`` is the probability (0 to 1) that it is the same; ``accept`` says that nobody needs to be asked; ``why`` in words.
    """

    pattern_id: str
    score: float
    accept: bool
    why: str


class Lookalikes(Protocol):
    """Error texts of known patterns."""

    def nearest(self, tenant: str, failure: FailureContext, *, top_k: int = 5) -> list[Lookalike]:
        """Patterns that ``failure`` may be, best first; never its own."""
        ...

    def remember(self, tenant: str, failure: FailureContext, *, cause: str = "") -> None:
        """Keep the failure's text for its pattern, and what its analysis says the cause is. A text is kept once."""
        ...


class NoLookalikes:
    """Knows no texts: every failure is new, or found by the playbook."""

    def nearest(self, tenant: str, failure: FailureContext, *, top_k: int = 5) -> list[Lookalike]:
        """Nothing."""
        return []

    def remember(self, tenant: str, failure: FailureContext, *, cause: str = "") -> None:
        """Forget it at once."""
