"""Runs of many tests: each failure and each pass costs the same."""

from __future__ import annotations

from typing import Any

from fakes import NOW, T, failed, open_index, passed
from redis import Redis

TESTS = 50


def calls(client: Redis, command: str) -> int:
    stats: Any = client.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


def test_a_single_test_that_passes_is_looked_up_and_not_searched_for(redis_client: Redis) -> None:
    index = open_index(redis_client)
    index.apply(T, [failed(build="1", job="unit", test_id=f"t::{n}") for n in range(TESTS)], NOW)
    before = calls(redis_client, "hgetall")

    index.apply(T, [passed(build="1", job="unit", test_id=f"t::{n}", attempt=2) for n in range(TESTS)], NOW)

    assert calls(redis_client, "hgetall") - before <= 2
    (pattern_id,) = index.pattern_ids(T, 10)
    pattern = index.pattern(T, pattern_id)
    assert pattern is not None
    assert pattern.flaky_episodes == 1
