"""The way to the language model, shared by all workers: its rate, its day's tokens, its breaker, and who goes first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from redis import Redis

from ci_memory_workers.adapters.redis_llm_lane import BY_AGE, DAY_MS, RedisLlmLane
from ci_memory_workers.domain.llm_limits import LlmLimits
from ci_memory_workers.services.ports.llm_lane import Admission

DAY = 20_000
NOON = DAY * DAY_MS + DAY_MS // 2
LIMITS = LlmLimits(rate_per_minute=60, tokens_per_day=0, failures=3, pause_s=10, longest_pause_s=60, call_s=30)
"""One call a second, ten at once."""


def lane(client: Redis, **limits: Any) -> RedisLlmLane:
    """A worker's view of the lane: each has its own."""
    return RedisLlmLane(client, replace(LIMITS, **limits))


def enter(one: RedisLlmLane, work_id: str, now_ms: int, *, since_ms: int | None = None, tokens: int = 1_000) -> Admission:
    return one.enter(work_id, since_ms=since_ms or now_ms, tokens=tokens, now_ms=now_ms)


def fail(one: RedisLlmLane, now_ms: int, times: int = 1, *, retry_after: float | None = None) -> None:
    for n in range(times):
        one.leave(enter(one, f"failing-{now_ms}-{n}", now_ms), "failed", now_ms=now_ms, retry_after=retry_after)


def test_all_workers_together_make_no_more_calls_than_the_rate_allows(redis_client: Redis) -> None:
    workers = [lane(redis_client) for _ in range(3)]
    waiting: list[tuple[str, int]] = []
    let_in = []
    for second in range(61):
        now = NOON + second * 1000
        waiting += [(f"{second}-{n}", now) for n in range(3)]
        still = [(i, since) for i, since in waiting if enter(workers[second % 3], i, now, since_ms=since).closed]
        let_in.append(len(waiting) - len(still))
        waiting = still

    assert (let_in[:3], sum(let_in)) == ([3, 3, 3], 10 + 60), "ten at once, and one a second"
    assert next(i for i, _ in waiting) == "23-1", "oldest first: the first 70 of 183 had their turn"


def test_who_waits_longest_goes_first_whoever_asks_first(redis_client: Redis) -> None:
    one = lane(redis_client, rate_per_minute=6)
    assert not enter(one, "any", NOON).closed
    young = enter(one, "young", NOON + 100, since_ms=NOON - 1_000)
    old = enter(one, "old", NOON + 200, since_ms=NOON - 9_000)
    assert (young.closed, old.closed) == ("llm_rate_limited", "llm_rate_limited")

    at = NOON + 10_000
    assert enter(one, "young", at, since_ms=NOON - 1_000).closed == "llm_rate_limited"
    assert not enter(one, "old", at, since_ms=NOON - 9_000).closed
    assert not enter(one, "young", at + 10_000, since_ms=NOON - 1_000).closed


def test_who_waits_is_told_to_come_back_in_turn_and_is_let_in_then(redis_client: Redis) -> None:
    one = lane(redis_client, rate_per_minute=6)
    assert not enter(one, "any", NOON).closed
    waits = {n: enter(one, f"w{n}", NOON, since_ms=NOON + n).wait_ms for n in range(4)}

    assert waits == {0: 10_000, 1: 20_000, 2: 30_000, 3: 40_000}
    for n, wait_ms in waits.items():
        assert not enter(one, f"w{n}", NOON + wait_ms, since_ms=NOON + n).closed


def test_who_never_comes_back_keeps_nobody_waiting(redis_client: Redis) -> None:
    one = lane(redis_client, rate_per_minute=1)
    assert not enter(one, "any", NOON).closed
    assert enter(one, "forgotten", NOON, since_ms=1).closed

    assert enter(one, "next", NOON + 100_000).closed, "a permit is kept for the older one"
    assert not enter(one, "next", NOON + 130_000).closed
    assert redis_client.zcard(BY_AGE) == 0


def test_the_days_tokens_are_booked_before_a_call_and_corrected_after_it(redis_client: Redis) -> None:
    one = lane(redis_client, tokens_per_day=3_000)
    first = enter(one, "a", NOON, tokens=2_000)
    assert enter(lane(redis_client, tokens_per_day=3_000), "b", NOON, tokens=2_000).closed == "llm_budget_spent"

    one.leave(first, "answered", now_ms=NOON, tokens=500)

    assert not enter(one, "b", NOON, tokens=2_000).closed
    assert (one.state(NOON).tokens, one.state(NOON).calls) == (2_500, 2)


def test_when_the_budget_is_spent_the_lane_opens_at_midnight_utc(redis_client: Redis) -> None:
    one = lane(redis_client, tokens_per_day=1_000)
    spent = enter(one, "a", NOON)

    late = enter(one, "b", NOON + 1)
    assert (late.closed, late.wait_ms) == ("llm_budget_spent", DAY_MS // 2 - 1)
    midnight = (DAY + 1) * DAY_MS
    one.leave(spent, "answered", now_ms=midnight, tokens=900_000)
    assert not enter(one, "b", midnight).closed
    assert one.state(midnight).tokens == 1_000, "what yesterday's call used is yesterday's"


def test_a_clock_that_is_behind_does_not_bring_yesterdays_budget_back(redis_client: Redis) -> None:
    one = lane(redis_client, tokens_per_day=1_000)
    midnight = (DAY + 1) * DAY_MS
    assert not enter(one, "a", midnight).closed

    assert enter(one, "b", midnight - 5_000).closed == "llm_budget_spent"
    assert enter(one, "b", midnight + 5_000).closed == "llm_budget_spent"


def test_after_failures_in_a_row_nobody_asks_for_a_while(redis_client: Redis) -> None:
    one, other = lane(redis_client), lane(redis_client)
    fail(one, NOON, 2)
    one.leave(enter(one, "good", NOON), "answered", now_ms=NOON)
    fail(one, NOON + 1, 2)
    assert one.state(NOON).breaker == "closed", "a success between starts the count anew"

    fail(other, NOON + 2)

    assert one.state(NOON + 3).breaker == "open"
    refused = enter(one, "next", NOON + 3)
    assert (refused.closed, refused.wait_ms) == ("llm_paused", 9_999)


def test_after_the_pause_exactly_one_worker_tries_and_its_success_opens_the_way(redis_client: Redis) -> None:
    workers = [lane(redis_client) for _ in range(4)]
    fail(workers[0], NOON, 3)
    at = NOON + 10_000

    let_in = [admission for n, worker in enumerate(workers) if not (admission := enter(worker, f"w{n}", at)).closed]

    assert len(let_in) == 1
    workers[0].leave(let_in[0], "answered", now_ms=at + 50)
    assert workers[1].state(at + 50).breaker == "closed"
    assert not enter(workers[1], "w1", at + 50).closed


def test_a_try_that_fails_doubles_the_pause_up_to_the_longest(redis_client: Redis) -> None:
    one, now, pauses = lane(redis_client), NOON, []
    fail(one, now, 3)
    for _ in range(5):
        wait_ms = enter(one, "probe", now).wait_ms
        pauses.append(wait_ms)
        now += wait_ms
        one.leave(enter(one, "probe", now), "failed", now_ms=now)

    assert pauses == [10_000, 20_000, 40_000, 60_000, 60_000]


def test_a_try_whose_worker_died_is_given_up_after_its_time_and_another_tries(redis_client: Redis) -> None:
    one = lane(redis_client)
    fail(one, NOON, 3)
    at = NOON + 10_000
    assert not enter(one, "dies", at).closed

    assert enter(one, "next", at + 29_999).closed == "llm_paused"
    assert not enter(one, "next", at + 30_000).closed


@pytest.mark.parametrize("outcome", ["answered", "failed"])
def test_calls_from_before_the_pause_change_nothing_in_it(redis_client: Redis, outcome: Any) -> None:
    one = lane(redis_client)
    slow = enter(one, "slow", NOON)
    fail(one, NOON, 3)

    one.leave(slow, outcome, now_ms=NOON + 5_000)

    assert enter(one, "next", NOON + 9_000).wait_ms == 1_000


def test_a_server_that_asks_to_be_left_alone_is_left_alone_at_once_by_all(redis_client: Redis) -> None:
    one, other = lane(redis_client), lane(redis_client)
    fail(one, NOON, retry_after=7.0)

    refused = enter(other, "next", NOON + 1_000)

    assert (refused.closed, refused.wait_ms) == ("llm_paused", 6_000)
    assert not enter(other, "next", NOON + 7_000).closed


def test_after_a_pause_all_who_wait_come_back_in_their_order_no_faster_than_the_rate(redis_client: Redis) -> None:
    one = lane(redis_client)
    fail(one, NOON, 3)

    waits = [enter(one, f"w{n}", NOON, since_ms=NOON + n).wait_ms for n in range(5)]

    assert waits == [10_000, 11_000, 12_000, 13_000, 14_000]
