"""An analyst behind limits: it asks the language model when all workers together may, and says why when they may not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..domain.llm_limits import estimated_tokens
from ..errors import AnalystNotAsked, AnalystUnavailable, CiMemoryError
from .ports import Analyst, AnalystAnswer, Candidate, FailureContext
from .ports.llm_lane import LlmLane

MOST_CHARS = 20_000
"""Of a log, a trace and candidates together, about as much is sent."""


class MeteredAnalyst:
    """Satisfies `Analyst`; raises `AnalystNotAsked` besides what ``analyst`` raises. ``clock`` gives ms since the epoch.

    What a call used is booked when that is known, and what was expected of it where not: a call that failed may be billed too.
    A worker that dies over its call leaves what it booked, and the way is open to others when its time is over.
    """

    def __init__(self, analyst: Analyst, lane: LlmLane, clock: Callable[[], int]) -> None:
        self.name = analyst.name
        self._analyst = analyst
        self._lane = lane
        self._clock = clock

    def analyze(self, failure: FailureContext, candidates: Sequence[Candidate]) -> AnalystAnswer:
        """See `Analyst.analyze`."""
        texts = [failure.error_message, failure.stack_trace, *(candidate.content for candidate in candidates)]
        tokens = estimated_tokens(texts, most_chars=MOST_CHARS)
        now_ms = self._clock()
        admission = self._lane.enter(failure.pattern_id, since_ms=failure.first_ms or now_ms, tokens=tokens, now_ms=now_ms)
        if admission.closed:
            raise AnalystNotAsked(admission.closed, wait_ms=admission.wait_ms)
        try:
            reply = self._analyst.analyze(failure, candidates)
        except AnalystNotAsked:
            # Given up half way, since the worker stops: that says nothing of the model.
            raise
        except AnalystUnavailable as error:
            self._lane.leave(admission, "failed", now_ms=self._clock(), retry_after=error.retry_after)
            raise
        except CiMemoryError:
            # It answered, and that is nonsense or a refusal: no reason to leave it alone.
            self._lane.leave(admission, "answered", now_ms=self._clock())
            raise
        self._lane.leave(admission, "answered", now_ms=self._clock(), tokens=reply.tokens or None)
        return reply
