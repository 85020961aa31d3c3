"""An analyst behind limits: it asks the language model when all workers together may, and says why when they may not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..domain.llm_limits import estimated_tokens
from ..errors import AnalystNotAsked, AnalystUnavailable, CiMemoryError
from .ports import Analyst, AnalystAnswer, Candidate, FailureContext
from .ports.llm_lane import Admission, LlmLane, Outcome
from .ports.meters import Meters

MOST_CHARS = 20_000
"""Of a log, a trace and candidates together, about as much is sent."""


class MeteredAnalyst:
    """Satisfies `Analyst`; raises `AnalystNotAsked` besides what ``analyst`` raises. ``clock`` gives ms since the epoch.

    What a call used is booked when that is known, and what was expected of it where not: a call that failed may be billed too.
    A worker that dies over its call leaves what it booked, and the way is open to others when its time is over.
    """

    def __init__(self, analyst: Analyst, lane: LlmLane, clock: Callable[[], int], meters: Meters) -> None:
        self.name = analyst.name
        self._analyst = analyst
        self._lane = lane
        self._clock = clock
        self._meters = meters

    def analyze(self, failure: FailureContext, candidates: Sequence[Candidate]) -> AnalystAnswer:
        """See `Analyst.analyze`."""
        texts = [failure.error_message, failure.stack_trace, *(candidate.content for candidate in candidates)]
        tokens = estimated_tokens(texts, most_chars=MOST_CHARS)
        now_ms = self._clock()
        admission = self._lane.enter(failure.pattern_id, since_ms=failure.first_ms or now_ms, tokens=tokens, now_ms=now_ms)
        if admission.closed:
            raise AnalystNotAsked(admission.closed, wait_ms=admission.wait_ms)
        began_ms = self._clock()
        try:
            reply = self._analyst.analyze(failure, candidates)
        except AnalystNotAsked:
            # Given up half way, since the worker stops: that says nothing of the model.
            raise
        except AnalystUnavailable as error:
            self._leave(admission, "failed", began_ms, retry_after=error.retry_after)
            raise
        except CiMemoryError:
            # It answered, and that is nonsense or a refusal: no reason to leave it alone.
            self._leave(admission, "answered", began_ms)
            raise
        self._leave(admission, "answered", began_ms, tokens=reply.tokens or None)
        return reply

    def _leave(
        self,
        admission: Admission,
        outcome: Outcome,
        began_ms: int,
        *,
        tokens: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        now_ms = self._clock()
        self._lane.leave(admission, outcome, now_ms=now_ms, tokens=tokens, retry_after=retry_after)
        self._meters.asked(outcome, admission.tokens if tokens is None else tokens, max(0, now_ms - began_ms) / 1000)
