"""The way to the language model, counted in Redis: all workers share one rate, one budget and one breaker."""

from __future__ import annotations

from typing import Any, cast

from redis import Redis

from ..domain.llm_limits import LlmLimits
from ..services.ports.llm_lane import Admission, Closed, LaneState, Outcome
from .redis_breaker import stands
from .scripts import Scripts

STATE = "ci-memory:{llm}:state"
BY_AGE = "ci-memory:{llm}:waiting"
EXPECTED = "ci-memory:{llm}:expected"
DAY_MS = 86_400_000


class RedisLlmLane:
    """Satisfies `services.ports.llm_lane.LlmLane`; raises what redis raises."""

    def __init__(self, client: Redis, limits: LlmLimits) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._limits = limits

    def enter(self, work_id: str, *, since_ms: int, tokens: int, now_ms: int) -> Admission:
        """See `LlmLane.enter`."""
        limits = self._limits
        asked = (work_id, since_ms, tokens, now_ms)
        allowed = (limits.rate_per_minute, limits.burst, limits.tokens_per_day, int(limits.call_s * 1000))
        ticket, closed, wait_ms, day = self._scripts.run("llm_enter", [STATE, BY_AGE, EXPECTED], *asked, *allowed)
        return Admission(int(ticket), cast("Closed", closed.decode()), int(wait_ms), tokens, int(day))

    def leave(
        self, admission: Admission, outcome: Outcome, *, now_ms: int, tokens: int | None = None, retry_after: float | None = None
    ) -> None:
        """See `LlmLane.leave`."""
        limits = self._limits
        used = "" if tokens is None else tokens
        wish = int(retry_after * 1000) if retry_after else ""
        pauses = (int(limits.pause_s * 1000), int(limits.longest_pause_s * 1000))
        went = (admission.ticket, outcome, admission.day, admission.tokens, used, now_ms)
        self._scripts.run("llm_leave", STATE, *went, limits.failures, *pauses, wish)

    def state(self, now_ms: int) -> LaneState:
        """How the lane stands."""
        fields: dict[bytes, bytes] = cast("Any", self._client.hgetall(STATE))
        today = int(fields.get(b"day", 0)) >= now_ms // DAY_MS
        return LaneState(
            breaker=stands(fields.get(b"open_until"), now_ms),
            tokens=int(fields.get(b"tokens", 0)) if today else 0,
            tokens_per_day=self._limits.tokens_per_day,
            calls=int(fields.get(b"calls", 0)) if today else 0,
            rate_per_minute=self._limits.rate_per_minute,
            waiting=int(self._client.zcard(BY_AGE)),
        )
