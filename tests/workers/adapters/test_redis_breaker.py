"""A breaker that all workers share: after failures in a row nobody asks for a while, then one tries."""

from __future__ import annotations

from redis import Redis

from ci_memory_workers.adapters.redis_breaker import RedisBreaker
from ci_memory_workers.domain.breaker import BreakerPolicy

NOW = 1_800_000_000_000
POLICY = BreakerPolicy(failures=3, pause_s=10, longest_pause_s=60, call_s=30)


def worker(client: Redis, name: str = "aegis") -> RedisBreaker:
    """A worker's view of the breaker: each has its own."""
    return RedisBreaker(client, name, POLICY)


def fail(one: RedisBreaker, now_ms: int, times: int = 1) -> None:
    for _ in range(times):
        one.leave(one.enter(now_ms=now_ms), "failed", now_ms=now_ms)


def test_after_failures_in_a_row_no_worker_is_let_through(redis_client: Redis) -> None:
    one, other = worker(redis_client), worker(redis_client)
    fail(one, NOW, 2)
    assert other.enter(now_ms=NOW)
    fail(other, NOW)

    assert [one.enter(now_ms=NOW + 9_999), other.enter(now_ms=NOW + 9_999)] == [0, 0]
    assert one.stands(NOW) == "open"
    assert worker(redis_client, "another").enter(now_ms=NOW), "each thing has its own"


def test_a_success_between_starts_the_count_anew(redis_client: Redis) -> None:
    one = worker(redis_client)
    fail(one, NOW, 2)
    one.leave(one.enter(now_ms=NOW), "answered", now_ms=NOW)
    fail(one, NOW, 2)

    assert one.stands(NOW) == "closed"


def test_when_the_pause_is_over_one_tries_and_its_success_lets_all_through(redis_client: Redis) -> None:
    one = worker(redis_client)
    fail(one, NOW, 3)
    later = NOW + 10_000
    assert one.stands(later) == "half_open"

    tries = one.enter(now_ms=later)
    assert tries
    assert one.enter(now_ms=later) == 0
    one.leave(tries, "answered", now_ms=later)

    assert one.stands(later) == "closed"
    assert all(one.enter(now_ms=later) for _ in range(5))


def test_each_try_that_fails_doubles_the_pause_up_to_the_longest(redis_client: Redis) -> None:
    one, now, pauses = worker(redis_client), NOW, []
    fail(one, now, 3)
    for _ in range(5):
        began = now
        while not (ticket := one.enter(now_ms=now)):
            now += 1_000
        pauses.append((now - began) // 1000)
        one.leave(ticket, "failed", now_ms=now)

    assert pauses == [10, 20, 40, 60, 60]


def test_a_call_from_before_it_opened_does_not_close_it(redis_client: Redis) -> None:
    one = worker(redis_client)
    slow = one.enter(now_ms=NOW)
    fail(one, NOW, 3)

    one.leave(slow, "answered", now_ms=NOW + 1)

    assert one.enter(now_ms=NOW + 2) == 0


def test_who_dies_over_its_try_is_followed_by_another(redis_client: Redis) -> None:
    one = worker(redis_client)
    fail(one, NOW, 3)
    assert one.enter(now_ms=NOW + 10_000)

    assert one.enter(now_ms=NOW + 39_999) == 0
    assert one.enter(now_ms=NOW + 40_000)
