"""Branches come and go: what was kept of their runs goes too, and what was counted of them stays."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import HOUR_MS, NOW, RecordingBell, T, failed, open_index, passed
from line_runs import NoLists, learn, only, run_of
from redis import Redis

from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.flaky import QuarantinePolicy
from ci_memory_workers.services import sweeps
from ci_memory_workers.services.sweeps import Sweeper

PREFIX = f"ci-memory:{{{T}}}:"
WEEK_MS = 7 * 24 * HOUR_MS


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def forget(index: RedisIndex) -> int:
    policy = QuarantinePolicy()
    sweeper = Sweeper(index=index, bell=RecordingBell(), lists=NoLists(), aging_days=90, quarantine=policy)
    return sweeper.forget_idle_lines(NOW + 40 * 24 * HOUR_MS)


def lines(client: Redis) -> list[bytes]:
    found: Any = client.keys(f"{PREFIX}line:*")
    return sorted(found)


def let_pass(client: Redis, *keys: bytes) -> None:
    """As long after the last run as it takes until the runs are kept for a week yet."""
    for key in keys:
        assert client.pexpire(key, WEEK_MS - 1)


def kept(client: Redis) -> dict[str, int]:
    """How many entries there are of what is kept of lines; the pattern's own by what it keeps."""
    count: Any = {
        "revisions": client.hlen(f"{PREFIX}line_revisions"),
        "failing": client.scard(f"{PREFIX}failing_lines"),
        "learned": len(client.keys(f"{PREFIX}learned:*")),
        "broken": len(client.keys(f"{PREFIX}broken:*")),
        "reruns": len(client.keys(f"{PREFIX}reruns:*")),
        "due": client.zcard(f"{PREFIX}due:transitions"),
    }
    return dict(count)


def test_a_line_that_has_not_run_for_a_month_leaves_nothing_and_its_counts_stay(index: RedisIndex, redis_client: Redis) -> None:
    learn(index, failed(**run_of(1, commit="same")), passed(**run_of(2, commit="same")))
    learn(index, failed(**run_of(3)), failed(**run_of(4)), passed(**run_of(5, commit_message="Set AUTH_TOKEN")))
    learn(index, failed(**run_of(6)), failed(**run_of(7)))
    before = only(index)
    assert (before.broken, before.repeated, before.flaky_episodes) == (True, True, 1)

    let_pass(redis_client, *lines(redis_client))

    assert forget(index) == 1
    assert (kept(redis_client), lines(redis_client)) == (dict.fromkeys(kept(redis_client), 0), [])
    after = only(index)
    assert (after.broken, after.repeated, after.flaky_episodes, after.status) == (False, True, 1, before.status)
    assert after.fixes == before.fixes
    assert index.clean_runs(T, after.pattern_id) == 0


def test_a_line_that_runs_stays(index: RedisIndex, redis_client: Redis) -> None:
    learn(index, failed(**run_of(1)), failed(**run_of(2)))
    learn(index, failed(**run_of(1, branch="feature")))
    let_pass(redis_client, *lines(redis_client))
    index.apply(T, [failed(**run_of(3))], NOW)

    assert forget(index) == 1
    assert len(lines(redis_client)) == 1
    assert only(index).broken


def test_what_is_left_of_runs_that_are_gone_already_goes_too(index: RedisIndex, redis_client: Redis) -> None:
    learn(index, failed(**run_of(1, branch="feature")))
    redis_client.delete(*lines(redis_client))

    assert forget(index) == 1
    assert kept(redis_client)["revisions"] == kept(redis_client)["failing"] == 0


def test_a_sweep_looks_at_so_many_lines_and_the_next_goes_on(
    index: RedisIndex, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1_200):
        index.apply(T, [failed(**run_of(1, branch=f"b{number}"))], NOW)
    redis_client.delete(*lines(redis_client))
    monkeypatch.setattr(sweeps, "MOST_LINE_PIECES", 1)

    first = forget(index)
    rest = 0
    for _ in range(20):
        rest += forget(index)

    assert 0 < first < 1_200
    assert (first + rest, kept(redis_client)["revisions"]) == (1_200, 0)


def test_a_streak_is_let_go_of_with_its_runs(index: RedisIndex, redis_client: Redis) -> None:
    learn(index, failed(**run_of(1, commit="same")), passed(**run_of(2, commit="same")))
    assert kept(redis_client)["reruns"] == 1

    index.apply(T, [passed(**run_of(number)) for number in range(3, 403)], NOW)
    learn(index, failed("1:bbbb", **run_of(403)))

    assert kept(redis_client)["reruns"] == 0
