"""What the services need to answer a coding assistant: reading that changes nothing, and a way to report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ci_memory_producers.events import Answer, ResolutionEvent


class Recall(Protocol):
    """Looks things up, and counts nothing."""

    def patterns(self, tenant: str, fingerprints: Sequence[str]) -> dict[str, str]:
        """The ids of the patterns that are recognised by these fingerprints; those that nothing is known by are left out."""
        ...

    def repositories(self, tenant: str, pattern_id: str) -> frozenset[str]:
        """Where a pattern was seen."""
        ...


class Reports(Protocol):
    """The event log, as `ci_memory_producers.Producer` gives it. Raises its `ServerUnreachable`."""

    def push(self, event: ResolutionEvent, *, wait: bool = False) -> str:
        """Append an event to the log; with ``wait``, its answer wakes `wait`."""
        ...

    def wait(self, tenant: str, event_id: str, *, seconds: float) -> Answer | None:
        """The answer to an event, or None when it is not there after ``seconds``."""
        ...


class Caller(Protocol):
    """Who asks. `domain.access_token.AccessToken` is one."""

    @property
    def tenant(self) -> str:
        """Whose memory it may see."""
        ...

    def covers(self, repo: str) -> bool:
        """Whether it may touch ``repo``."""
        ...

    def stored_id(self, event_id: str) -> str:
        """Under which id an event of this caller is kept."""
        ...
