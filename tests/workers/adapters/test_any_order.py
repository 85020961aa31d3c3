"""Drains read side by side: whatever is read first, and whoever is slow, the same is known in the end."""

from __future__ import annotations

from itertools import permutations

import pytest
from fakes import DIAGNOSIS, HOUR_MS, NOW, T, failed, open_index, passed
from line_runs import learn, only, run_of
from redis import Redis

from ci_memory_producers.events import ANSWER, Analysis, FailureEvent
from ci_memory_producers.keys import result_key
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.services.ports import AnalystAnswer, Dated, Lease, Reading

SECOND = 1_000


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def analysis_lease(index: RedisIndex, pattern_id: str) -> Lease:
    lease = index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1_000)
    assert lease is not None
    return lease


def analysed(index: RedisIndex, pattern_id: str, *, provisional: bool) -> None:
    retry_ms = NOW if provisional else None
    answer = AnalystAnswer(DIAGNOSIS, "rules" if provisional else "model-x")
    assert index.record_analysis(analysis_lease(index, pattern_id), answer, attempts=1, now_ms=NOW, retry_ms=retry_ms)


def in_repositories(number: int) -> Reading:
    event = FailureEvent(repo=f"acme/r{number}", build_id=str(number), job="unit", stage="test", error_message="registry: 503")
    return Reading(event, NOW + number * SECOND, "environment_resource", "registry_5xx", "1:cafe", "", generic=False)


@pytest.mark.parametrize("order", [range(12), [*range(4, 12), *range(4)], reversed(range(12))])
def test_an_outbreak_begins_with_the_failure_that_came_first_not_with_the_one_that_was_read_first(
    index: RedisIndex, order: list[int]
) -> None:
    for number in order:
        index.apply(T, [in_repositories(number)], NOW)

    (pattern_id,) = index.pattern_ids(T, 10)
    pattern = index.pattern(T, pattern_id)
    assert pattern is not None
    assert pattern.outbreak is not None
    assert (pattern.outbreak.since_ms, pattern.outbreak.builds, pattern.episodes) == (NOW, 12, 7)


def test_a_build_that_began_before_its_pattern_was_merged_is_one_match_and_one_episode(index: RedisIndex) -> None:
    known = index.apply(T, [failed("1:aaaa")], NOW)[0].pattern_id
    other = index.apply(T, [failed("1:bbbb", build="2")], NOW)[0].pattern_id
    index.apply(T, [failed("1:bbbb", build="3", job="unit")], NOW)
    assert index.merge(analysis_lease(index, other), known, reason="the same", now_ms=NOW)

    index.apply(T, [failed("1:bbbb", build="3", job="unit", attempt=2)], NOW)

    pattern = index.pattern(T, known)
    assert pattern is not None
    assert (pattern.occurrences, pattern.match_votes, pattern.episodes) == (4, 1, 3)


def test_who_was_answered_by_rules_for_now_waits_for_the_final_analysis(index: RedisIndex) -> None:
    first = index.apply(T, [failed()], NOW)[0]
    analysed(index, first.pattern_id, provisional=True)

    late = index.apply(T, [failed(build="2")], NOW)[0]

    assert index.awaiting(T, first.pattern_id) == {first.event_id: False, late.event_id: True}


def test_a_provisional_answer_that_is_late_does_not_replace_the_final_one(index: RedisIndex, redis_client: Redis) -> None:
    final = Analysis(status="known_pattern", event_id="event-001", analyst="model-x")
    index.publish(T, [final])

    index.publish(T, [final.model_copy(update={"provisional": True, "analyst": "rules"})])

    data = redis_client.get(result_key(T, "event-001"))
    assert isinstance(data, bytes)
    assert ANSWER.validate_json(data) == final


def test_a_failure_that_was_new_until_it_was_recognised_is_known_when_it_is_pushed_again(index: RedisIndex) -> None:
    known = index.apply(T, [failed("1:aaaa")], NOW)[0].pattern_id
    event = failed("1:bbbb", build="2")
    other = index.apply(T, [event], NOW)[0].pattern_id
    assert index.apply(T, [event], NOW)[0].outcome == "duplicate_new"
    assert index.merge(analysis_lease(index, other), known, reason="the same", now_ms=NOW)

    again = index.apply(T, [event], NOW)[0]

    assert (again.outcome, again.pattern_id) == ("duplicate_known", known)


@pytest.mark.parametrize("order", [*permutations((0, 1))])
def test_a_pass_hours_later_makes_nothing_flaky_though_it_is_read_before_its_failure(
    redis_client: Redis, order: tuple[int, int]
) -> None:
    index = open_index(redis_client)
    events: list[Reading | Dated] = [failed(**run_of(1)), passed(**run_of(1, attempt=2, ms=NOW + 5 * HOUR_MS))]

    learn(index, *(events[place] for place in order))

    assert (only(index).flaky_episodes, only(index).status) == (0, "unresolved")


@pytest.mark.parametrize("order", [*permutations((1, 2))])
def test_a_pattern_was_first_seen_by_its_first_failure_not_by_the_one_that_was_read_first(
    redis_client: Redis, order: tuple[int, int]
) -> None:
    index = open_index(redis_client)

    learn(index, *(failed(**run_of(number)) for number in order))

    assert only(index).first_ms == run_of(1)["ms"]
