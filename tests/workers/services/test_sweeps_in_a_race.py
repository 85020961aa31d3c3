"""Sweeps look at patterns that go on changing, and workers die over them: what they missed is looked at again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes import NOW, RecordingBell, T, failed, open_index, passed, the
from line_runs import NoLists
from redis import Redis

from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.aging import DAY_MS
from ci_memory_workers.domain.flaky import QuarantinePolicy
from ci_memory_workers.domain.pattern import Pattern
from ci_memory_workers.services.sweeps import Sweeper


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def sweeper_of(index: RedisIndex) -> Sweeper:
    policy = QuarantinePolicy(ratio=0.5, min_episodes=3)
    return Sweeper(index=index, bell=RecordingBell(), lists=NoLists(), aging_days=90, quarantine=policy)


def fails(index: RedisIndex, ms: int = NOW) -> str:
    return index.apply(T, [failed(ms=ms, build=f"b{ms}")], ms)[0].pattern_id


def flakes(index: RedisIndex, builds: range) -> str:
    """Failures in ``builds``, each of which passes in its second attempt."""
    pattern_id = ""
    for build in builds:
        pattern_id = index.apply(T, [failed(build=str(build))], NOW)[0].pattern_id
        index.apply(T, [passed(build=str(build), attempt=2)], NOW)
    return pattern_id


def overtaken(index: RedisIndex, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """From now on ``happens`` comes, once, after a pattern was read and before its reader goes on."""
    look, late = index.pattern, [happens]

    def read(tenant: str, wanted: str) -> Pattern | None:
        found = look(tenant, wanted)
        if late:
            late.pop()()
        return found

    monkeypatch.setattr(index, "pattern", read)


def status(index: RedisIndex, pattern_id: str) -> str:
    return the(index.pattern(T, pattern_id)).status


def test_what_fails_again_long_ago_while_a_sweep_looks_at_it_ages_all_the_same(
    index: RedisIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern_id = fails(index)
    overtaken(index, monkeypatch, lambda: fails(index, NOW + 1_000))

    decisions = sweeper_of(index).age(NOW + 91 * DAY_MS)

    assert [decision.pattern_id for decision in decisions] == [pattern_id]
    assert status(index, pattern_id) == "deprecated"


def test_what_is_flaky_once_more_while_a_sweep_looks_at_it_is_looked_at_again(
    index: RedisIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern_id = flakes(index, range(2))
    overtaken(index, monkeypatch, lambda: flakes(index, range(2, 4)))

    sweeps = sweeper_of(index)
    sweeps.judge_flaky(NOW + 500)
    sweeps.judge_flaky(NOW + 1_000)

    assert status(index, pattern_id) == "quarantined"


def test_who_dies_over_a_look_is_followed_by_another(index: RedisIndex) -> None:
    pattern_id = flakes(index, range(4))
    index.quarantine_looks_at(T, [pattern_id], NOW)
    assert sweeper_of(index).judge_flaky(NOW + 1_000) == []

    sweeper_of(index).judge_flaky(NOW + 61_000)

    assert status(index, pattern_id) == "quarantined"
