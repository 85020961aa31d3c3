"""Durations in Redis: a histogram is a hash with a count for each bucket, and the sum. And what is due, by its age."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from redis import Redis

from ..names import Lane
from ..services.ports.llm_lane import Outcome
from .pattern_codec import pairs, prefix

BOUNDS_MS = (25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000)
"""Upper bounds of the buckets; what is longer is in none of them, and in the number of observations."""
SWEEPS = "ci-memory:meters:sweeps:"
LLM = "ci-memory:meters:llm"
LLM_OUTCOMES: tuple[Outcome, ...] = ("answered", "failed")
AGES_S = (0, 60, 900, 3_600)
"""For how long work has been due, at least, in seconds."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """``buckets`` are (upper bound in seconds, observations up to it), as Prometheus counts; ``total`` is in seconds."""

    buckets: tuple[tuple[float, int], ...]
    count: int
    total: float


class RedisMeters:
    """Satisfies `services.ports.meters.Meters`; raises what redis raises."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def answered(self, tenant: str, waits_ms: Sequence[int]) -> None:
        """See `Meters.answered`."""
        self._observe(f"{prefix(tenant)}meters:answers", waits_ms)

    def swept(self, sweep: str, seconds: float) -> None:
        """See `Meters.swept`."""
        self._observe(f"{SWEEPS}{sweep}", [int(seconds * 1000)])

    def asked(self, outcome: Outcome, tokens: int, seconds: float) -> None:
        """See `Meters.asked`."""
        self._observe(f"{LLM}:{outcome}", [int(seconds * 1000)])
        self._client.hincrby(LLM, "tokens", tokens)

    def answers(self, tenant: str) -> Histogram:
        """How long known failures waited for their answer."""
        return self._read(f"{prefix(tenant)}meters:answers")

    def sweeps(self, sweep: str) -> Histogram:
        """How long runs of a sweep took."""
        return self._read(f"{SWEEPS}{sweep}")

    def calls(self, outcome: Outcome) -> Histogram:
        """How long calls to the language model took."""
        return self._read(f"{LLM}:{outcome}")

    def llm_tokens(self) -> int:
        """Tokens that it has used, ever."""
        return int(cast("Any", self._client.hget(LLM, "tokens")) or 0)

    def due_by_age(self, lane: Lane, tenants: Sequence[str], now_ms: int) -> dict[int, int]:
        """How much work of a lane has been due for so many seconds or longer, for each of `AGES_S`; all tenants together."""
        pipeline = self._client.pipeline(transaction=False)
        for tenant in tenants:
            for age in AGES_S:
                pipeline.zcount(f"{prefix(tenant)}due:{lane}", "-inf", now_ms - age * 1000)
        counts = [int(count) for count in pipeline.execute()]
        return {age: sum(counts[at :: len(AGES_S)]) for at, age in enumerate(AGES_S)}

    def _observe(self, key: str, values_ms: Sequence[int]) -> None:
        if not values_ms:
            return
        buckets = Counter(bisect_left(BOUNDS_MS, max(0, value)) for value in values_ms)
        pipeline = self._client.pipeline(transaction=False)
        for bucket, count in buckets.items():
            pipeline.hincrby(key, str(bucket), count)
        pipeline.hincrby(key, "sum_ms", sum(max(0, value) for value in values_ms))
        pipeline.execute()

    def _read(self, key: str) -> Histogram:
        reply: Any = self._client.hgetall(key)
        fields = {name: int(value) for name, value in pairs(reply).items()}
        counts = [fields.get(str(bucket), 0) for bucket in range(len(BOUNDS_MS) + 1)]
        buckets = tuple((bound / 1000, sum(counts[: at + 1])) for at, bound in enumerate(BOUNDS_MS))
        return Histogram(buckets, sum(counts), fields.get("sum_ms", 0) / 1000)
