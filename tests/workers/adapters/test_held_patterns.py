"""A process that holds what it has read of patterns tells the same of them as one that reads them anew."""

from __future__ import annotations

from importlib.resources import files

import pytest
from fakes import DIAGNOSIS, NOW, T, failed, open_index, passed, the
from redis import Redis

from ci_memory_workers import adapters
from ci_memory_workers.adapters.held_patterns import MOST_HELD, HeldPatterns
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Pattern, Ruling
from ci_memory_workers.services.ports import AnalystAnswer

READERS = {"line_is_quiet", "members", "next_vote", "read_pattern", "settled"}
"""Scripts that write nothing to a pattern that is told; `apply_batch` makes new versions by ways of its own."""
SAID = Ruling(by="dev@example.com", why="", ms=NOW)


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def test_every_script_that_writes_to_patterns_makes_new_versions_of_them() -> None:
    scripts = {path.name.removesuffix(".lua"): path.read_text() for path in (files(adapters) / "lua").iterdir()}
    shared = {name for name, text in scripts.items() if name.startswith("_") and "'pattern:'" in text}

    writers = {
        name
        for name, text in scripts.items()
        if not name.startswith("_") and ("'pattern:'" in text or any(f"--@include {one}\n" in text for one in shared))
    }

    assert {"set_status", "record_trial", "merge_pattern"} <= writers
    assert {name for name in writers if not scripts[name].startswith("--@include _versioned\n")} == READERS | {"apply_batch"}


def told(index: RedisIndex, build: str) -> Pattern:
    """What a drain is told of the pattern with a failure more of it."""
    (applied,) = index.apply(T, [failed(build=build)], NOW)
    return the(applied.pattern)


def analysed(index: RedisIndex, pattern_id: str) -> None:
    lease = the(index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1_000))
    assert index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "rules"), attempts=1, now_ms=NOW)


def test_what_was_held_is_told_with_the_counts_of_now(index: RedisIndex, redis_client: Redis) -> None:
    analysed(index, told(index, "1").pattern_id)
    first = told(index, "2")
    open_index(redis_client).apply(T, [failed(build="3", repo="acme/cart")], NOW + 1)

    second = told(index, "4")

    assert second.diagnosis is first.diagnosis, "it was held"
    assert (second.occurrences, second.repositories, second.match_votes) == (4, 2, 3)
    assert second == index.pattern(T, second.pattern_id)


def test_what_was_changed_meanwhile_by_somebody_else_is_told_anew(index: RedisIndex, redis_client: Redis) -> None:
    pattern = told(index, "1")
    analysed(index, pattern.pattern_id)
    told(index, "2")

    RedisDecisions(redis_client).own(T, pattern.pattern_id, "dev@example.com", SAID)

    assert told(index, "3").owner == "dev@example.com"


def test_what_the_batch_itself_changes_is_told_anew(index: RedisIndex) -> None:
    analysed(index, told(index, "1").pattern_id)
    told(index, "2")

    failure, _ = index.apply(T, [failed(build="3"), passed(build="3", attempt=2)], NOW)

    assert the(failure.pattern).status == "flaky"


def test_a_pattern_that_was_lost_and_comes_back_under_its_id_is_another_version(index: RedisIndex, redis_client: Redis) -> None:
    pattern = told(index, "1")
    analysed(index, pattern.pattern_id)
    told(index, "2")
    key = f"ci-memory:{{{T}}}:pattern:{pattern.pattern_id}"
    lost = the(redis_client.dump(key))
    RedisDecisions(redis_client).own(T, pattern.pattern_id, "dev@example.com", SAID)
    told(index, "3")
    redis_client.restore(key, 0, lost, replace=True)

    assert told(index, "4") == index.pattern(T, pattern.pattern_id)


def test_of_many_patterns_those_that_came_lately_are_held(index: RedisIndex) -> None:
    held, pattern = HeldPatterns(), told(index, "1")

    for number in range(3 * MOST_HELD):
        held.keep(T, f"1:{number}", pattern, "v")
        held.of(T, "1:0")

    assert held.of(T, "1:0") == (f"{pattern.pattern_id} v", pattern)
    assert held.of(T, "1:1") is None
    assert held.of(T, f"1:{3 * MOST_HELD - 1}") is not None
    assert held.of("other", "1:0") is None


def test_what_has_no_version_is_not_held(index: RedisIndex) -> None:
    held = HeldPatterns()

    held.keep(T, "1:aaaa", told(index, "1"), "")

    assert held.of(T, "1:aaaa") is None
