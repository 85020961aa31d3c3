"""One failure in many repositories within minutes is one incident; a run that mostly fails says nothing of a test."""

from __future__ import annotations

import pytest
from redis import Redis

from ci_memory_producers.events import FailureEvent, PassEvent, RunTotals
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.answer import answer
from ci_memory_workers.domain.pattern import OUTBREAK_TAIL_MS, Pattern
from ci_memory_workers.services.ports import Dated, Reading

T = "default"
NOW = 1_800_000_000_000
MINUTE = 60_000


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return RedisIndex(redis_client, dedupe_seconds=3600, answer_seconds=3600, flush_ms=1000)


def failed(repo: str, build: int, ms: int, **fields: object) -> Reading:
    place = {"repo": repo, "build_id": str(build), "stage": "test", "job": "unit", "error_message": "registry: 503"}
    return Reading(
        FailureEvent.model_validate(place | fields), ms, "environment_resource", "registry_5xx", "1:cafe", "", generic=False
    )


def passed(repo: str, build: int) -> Dated:
    return Dated(PassEvent(repo=repo, build_id=str(build), stage="test", job="unit", attempt=2), NOW)


def state(index: RedisIndex) -> Pattern:
    (pattern_id,) = index.pattern_ids(T, 10)
    pattern = index.pattern(T, pattern_id)
    assert pattern is not None
    return pattern


def outbreak(index: RedisIndex, *, builds: int = 24, repos: int = 6) -> None:
    index.apply(T, [failed(f"acme/r{n % repos}", n, NOW + n * 10_000) for n in range(builds)], NOW)


def test_many_repositories_within_minutes_are_one_incident(index: RedisIndex) -> None:
    outbreak(index)

    found = state(index)

    assert found.outbreak is not None
    assert (found.outbreak.builds, found.outbreak.repositories, found.outbreak.since_ms) == (24, 6, NOW)
    said = answer("event-001", found, known=True)
    assert said.status == "pending", "no analysis yet"


def test_reruns_in_an_outbreak_are_not_flakiness(index: RedisIndex) -> None:
    outbreak(index)
    index.apply(T, [passed(f"acme/r{n % 6}", n) for n in range(24)], NOW)

    found = state(index)

    assert found.flaky_episodes == 0
    assert found.episodes < 8, "those before anybody could know"


def test_one_repository_alone_is_no_outbreak(index: RedisIndex) -> None:
    outbreak(index, repos=1)

    assert state(index).outbreak is None


def test_the_same_number_over_a_day_is_no_outbreak(index: RedisIndex) -> None:
    index.apply(T, [failed(f"acme/r{n % 6}", n, NOW + n * 60 * MINUTE) for n in range(24)], NOW)

    assert state(index).outbreak is None


def test_an_outbreak_ends_and_the_next_is_counted_anew(index: RedisIndex) -> None:
    outbreak(index)
    later = NOW + 24 * 10_000 + OUTBREAK_TAIL_MS + 60 * MINUTE
    index.apply(T, [failed("acme/r0", 900, later)], later)
    alone = state(index)
    assert alone.outbreak is not None
    assert not alone.outbreak.covers(alone.last_ms)
    assert alone.episodes > 0

    index.apply(T, [failed(f"acme/s{n % 5}", 1000 + n, later + n * 1000) for n in range(10)], later)

    again = state(index).outbreak
    assert again is not None
    assert (again.builds, again.repositories, again.since_ms) == (11, 6, later)


def test_a_run_that_mostly_fails_says_nothing_of_a_single_test(index: RedisIndex) -> None:
    mass = RunTotals(tests=40, failed=33)
    index.apply(T, [failed("acme/r0", 1, NOW, run_totals=mass), passed("acme/r0", 1)], NOW)
    index.apply(T, [failed("acme/r0", 2, NOW, run_totals=RunTotals(tests=40, failed=2)), passed("acme/r0", 2)], NOW)

    found = state(index)

    assert (found.flaky_episodes, found.episodes, found.occurrences) == (1, 1, 2)
