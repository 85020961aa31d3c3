"""The playbook behind a breaker: while Aegis is out of reach, a few new failures wait for it, and the others do without."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import CiMemoryError, KnowledgeNotAsked, KnowledgeUnavailable, PlaybookLeftAlone
from .ports import Candidate, Playbook
from .ports.breaker import Breaker


class GuardedPlaybook:
    """Satisfies `Playbook`; raises `PlaybookLeftAlone` besides what ``playbook`` raises. ``clock`` gives ms since the epoch."""

    def __init__(self, playbook: Playbook, breaker: Breaker, clock: Callable[[], int]) -> None:
        self._playbook = playbook
        self._breaker = breaker
        self._clock = clock

    def shortlist(self, tenant: str, query: str, *, top_k: int = 5, min_effectiveness: float = -1.0) -> list[Candidate]:
        """See `Playbook.shortlist`."""
        ticket = self._breaker.enter(now_ms=self._clock())
        if not ticket:
            raise PlaybookLeftAlone
        try:
            found = self._playbook.shortlist(tenant, query, top_k=top_k, min_effectiveness=min_effectiveness)
        except KnowledgeUnavailable as error:
            if isinstance(error, KnowledgeNotAsked) and error.retry_after is not None:
                # This process has used up its rate: that took no time, and says nothing of Aegis.
                raise
            self._breaker.leave(ticket, "failed", now_ms=self._clock())
            raise
        except CiMemoryError:
            # It answered, and that is a refusal: no reason to leave it alone.
            self._breaker.leave(ticket, "answered", now_ms=self._clock())
            raise
        self._breaker.leave(ticket, "answered", now_ms=self._clock())
        return found
