"""What happens by the clock: rings for overdue work, aging, quarantine and release."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import NOW, RecordingBell, T, failed, fixed, open_index, passed, the, watch_of
from redis import Redis

from ci_memory_producers.quarantine_list import QuarantineList
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.aging import DAY_MS
from ci_memory_workers.domain.flaky import QuarantinePolicy
from ci_memory_workers.services.ports import Dated, Index
from ci_memory_workers.services.resolutions import ResolutionDesk
from ci_memory_workers.services.sweeps import MOST_RINGS, PIECE, Sweeper

OLD = NOW - 91 * DAY_MS


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


class NoLists:
    """Nobody reads the list: `test_quarantine_list` does."""

    def flaky_in(self, tenant: str, pattern_id: str, limit: int) -> tuple[tuple[str, ...], int]:
        return (), 0

    def publish(self, tenant: str, published: QuarantineList) -> None:
        pass


def sweeper(index: Index, bell: RecordingBell | None = None) -> Sweeper:
    policy = QuarantinePolicy(0.5, 3)
    return Sweeper(index=index, bell=bell or RecordingBell(), lists=NoLists(), aging_days=90, quarantine=policy)


def seen(index: RedisIndex, fingerprint: str, ms: int = NOW, *, tenant: str = T) -> str:
    return index.apply(tenant, [failed(fingerprint, ms=ms, build=f"b{ms}", tenant=tenant)], ms)[0].pattern_id


def flake(index: RedisIndex, fingerprint: str, builds: range, *, passes: bool = True, **fields: Any) -> str:
    """Failures in ``builds``, each of which passes in its second attempt (unless ``passes`` is False)."""
    pattern_id = ""
    for build in builds:
        pattern_id = index.apply(T, [failed(fingerprint, build=str(build), **fields)], NOW)[0].pattern_id
        if passes:
            index.apply(T, [passed(build=str(build), attempt=2, **fields)], NOW)
    return pattern_id


def status(index: RedisIndex, pattern_id: str) -> str:
    return the(index.pattern(T, pattern_id)).status


def test_overdue_work_of_every_lane_and_tenant_is_rung_for(index: RedisIndex) -> None:
    mine, yours = seen(index, "1:aaaa"), seen(index, "1:bbbb", tenant="yours")
    event = fixed(mine)
    index.apply(T, [Dated(event, NOW)], NOW)
    bell = RecordingBell()

    assert sweeper(index, bell).ring(NOW) == 3
    assert set(bell.rings) == {("analysis", T, mine), ("analysis", "yours", yours), ("resolutions", T, event.event_id)}


def test_work_that_is_held_or_set_for_later_is_not_rung_for_until_then(index: RedisIndex) -> None:
    pattern_id, bell = seen(index, "1:aaaa"), RecordingBell()
    index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1_000)

    assert sweeper(index, bell).ring(NOW + 999) == 0
    assert sweeper(index, bell).ring(NOW + 1_000) == 1


def test_rings_that_nobody_has_answered_are_not_piled_up(index: RedisIndex) -> None:
    for number in range(5):
        seen(index, f"1:{number:04}")
    full = RecordingBell(waiting={"analysis": MOST_RINGS})
    nearly = RecordingBell(waiting={"analysis": MOST_RINGS - 2})

    assert sweeper(index, full).ring(NOW) == 0
    assert sweeper(index, nearly).ring(NOW) == 2


def test_what_was_not_seen_for_90_days_is_deprecated_with_the_reason(index: RedisIndex) -> None:
    old, young = seen(index, "1:aaaa", OLD), seen(index, "1:bbbb")

    decisions = sweeper(index).age(NOW)

    assert [(d.pattern_id, d.status, d.reason) for d in decisions] == [(old, "deprecated", "not seen for 91 days")]
    assert (status(index, old), status(index, young)) == ("deprecated", "unresolved")
    assert the(index.pattern(T, old)).status_reason == "not seen for 91 days"
    assert sweeper(index).age(NOW) == []


def test_a_dry_run_of_aging_says_the_same_and_changes_nothing(index: RedisIndex) -> None:
    old = seen(index, "1:aaaa", OLD)

    dry = sweeper(index).age(NOW, dry_run=True)

    assert status(index, old) == "unresolved"
    assert sweeper(index).age(NOW, dry_run=True) == dry
    assert sweeper(index).age(NOW) == dry


def test_more_patterns_than_one_piece_age_in_one_sweep(index: RedisIndex) -> None:
    count = PIECE + 3
    index.apply(T, [failed(f"1:{number:04}", ms=OLD, build=str(number)) for number in range(count)], OLD)

    assert len(sweeper(index).age(NOW)) == count


def test_a_pattern_that_recurs_comes_back_as_it_was(index: RedisIndex) -> None:
    old = seen(index, "1:aaaa", OLD)
    event = fixed(old)
    index.apply(T, [Dated(event, OLD)], OLD)
    ResolutionDesk(index, watch_of(index), RecordingBell()).apply(T, event.event_id, OLD)
    sweeper(index).age(NOW)

    seen(index, "1:aaaa", NOW)

    pattern = the(index.pattern(T, old))
    assert (pattern.status, the(pattern.fix).description) == ("resolved", "set AUTH_TOKEN")
    assert sweeper(index).age(NOW + 90 * DAY_MS)[0].pattern_id == old


def test_a_new_failure_that_turns_out_to_be_a_deprecated_pattern_brings_that_back(index: RedisIndex) -> None:
    old = seen(index, "1:aaaa", OLD)
    sweeper(index).age(NOW)
    new = seen(index, "1:bbbb")
    lease = the(index.take("analysis", T, new, now_ms=NOW, lease_ms=1_000))

    assert index.merge(lease, old, reason="the same", now_ms=NOW)

    assert (status(index, old), the(index.pattern(T, old)).last_ms) == ("unresolved", NOW)


def test_what_is_flaky_too_often_is_quarantined(index: RedisIndex) -> None:
    flaky, sound = flake(index, "1:aaaa", range(3)), flake(index, "1:bbbb", range(10, 13), passes=False)

    decisions = sweeper(index).judge_flaky(NOW)

    assert [(d.pattern_id, d.status, d.reason) for d in decisions] == [(flaky, "quarantined", "flaky in 3 of 3 builds (100%)")]
    assert (status(index, flaky), status(index, sound)) == ("quarantined", "unresolved")
    assert sweeper(index).judge_flaky(NOW) == []


def test_a_few_episodes_prove_nothing(index: RedisIndex) -> None:
    pattern_id = flake(index, "1:aaaa", range(2))

    assert sweeper(index).judge_flaky(NOW) == []
    assert status(index, pattern_id) == "flaky"
    flake(index, "1:aaaa", range(2, 3))
    assert [d.pattern_id for d in sweeper(index).judge_flaky(NOW)] == [pattern_id]


def test_a_dry_run_of_quarantine_says_the_same_and_changes_nothing(index: RedisIndex) -> None:
    pattern_id = flake(index, "1:aaaa", range(3))

    dry = sweeper(index).judge_flaky(NOW, dry_run=True)

    assert status(index, pattern_id) == "flaky"
    assert sweeper(index).judge_flaky(NOW) == dry


def test_what_is_no_longer_flaky_is_released(index: RedisIndex) -> None:
    pattern_id = flake(index, "1:aaaa", range(3))
    sweeper(index).judge_flaky(NOW)
    flake(index, "1:aaaa", range(10, 13), passes=False)

    decisions = sweeper(index).judge_flaky(NOW)

    assert [(d.pattern_id, d.status) for d in decisions] == [(pattern_id, "unresolved")]
    assert decisions[0].reason == "released: it is broken, not flaky; flaky in 0 of 3 builds (0%) since"
    assert status(index, pattern_id) == "unresolved"


def test_several_tests_that_fail_alike_in_one_job_are_one_episode(index: RedisIndex) -> None:
    for build in range(3):
        same = [failed("1:aaaa", build=str(build), test_id=f"tests/test_a.py::test_a[{leg}]") for leg in "xyz"]
        pattern_id = index.apply(T, same, NOW)[0].pattern_id
        index.apply(T, [passed(build=str(build), attempt=2)], NOW)

    pattern = the(index.pattern(T, pattern_id))
    assert (pattern.flaky_episodes, pattern.episodes) == (3, 3)
    assert [d.pattern_id for d in sweeper(index).judge_flaky(NOW)] == [pattern_id]


def test_a_resolved_pattern_is_not_quarantined(index: RedisIndex) -> None:
    pattern_id = flake(index, "1:aaaa", range(3))
    event = fixed(pattern_id)
    index.apply(T, [Dated(event, NOW)], NOW)
    ResolutionDesk(index, watch_of(index), RecordingBell()).apply(T, event.event_id, NOW)

    assert sweeper(index).judge_flaky(NOW) == []
    assert status(index, pattern_id) == "resolved"


def test_a_pattern_in_quarantine_that_aged_is_in_quarantine_when_it_recurs_and_can_be_released(index: RedisIndex) -> None:
    pattern_id = flake(index, "1:aaaa", range(3), ms=OLD)
    sweeper(index).judge_flaky(NOW)
    sweeper(index).age(NOW)
    seen(index, "1:aaaa")
    assert status(index, pattern_id) == "quarantined"

    flake(index, "1:aaaa", range(10, 13), passes=False)

    assert [d.status for d in sweeper(index).judge_flaky(NOW)] == ["unresolved"]


def test_a_quarantine_ends_by_itself_and_what_is_flaky_again_has_to_prove_it_anew(index: RedisIndex) -> None:
    pattern_id = flake(index, "1:aaaa", range(3))
    sweeper(index).judge_flaky(NOW)
    end = the(index.pattern(T, pattern_id)).quarantine.until_ms

    assert sweeper(index).judge_flaky(end - 1) == []
    assert [d.reason for d in sweeper(index).judge_flaky(end)] == ["released: no failure in 14 days, 0 clean runs"]
    assert index.quarantined(T) == []
    flake(index, "1:aaaa", range(20, 22))
    assert sweeper(index).judge_flaky(end) == []
    flake(index, "1:aaaa", range(22, 23))
    assert [d.reason for d in sweeper(index).judge_flaky(end)] == ["flaky in 3 of 3 builds (100%), for the 2. time"]


def test_a_quarantine_within_which_it_was_flaky_goes_on(index: RedisIndex) -> None:
    pattern_id = flake(index, "1:aaaa", range(3))
    sweeper(index).judge_flaky(NOW)
    flake(index, "1:aaaa", range(20, 21))
    end = the(index.pattern(T, pattern_id)).quarantine.until_ms

    assert [d.status for d in sweeper(index).judge_flaky(end)] == ["quarantined"]
    assert the(index.pattern(T, pattern_id)).quarantine.until_ms > end


def test_no_more_patterns_than_the_policy_allows_are_in_quarantine(index: RedisIndex) -> None:
    for n in range(3):
        flake(index, f"1:aaa{n}", range(10 * n, 10 * n + 3))
    few = replace(sweeper(index), quarantine=QuarantinePolicy(most=2))

    assert len(few.judge_flaky(NOW)) == 2
    assert len(index.quarantined(T)) == 2


def test_tenants_are_swept_though_the_server_lost_its_data_meanwhile(index: RedisIndex, redis_client: Redis) -> None:
    seen(index, "1:aaaa")
    redis_client.flushall()
    pattern_id, bell = seen(index, "1:aaaa"), RecordingBell()

    assert sweeper(index, bell).ring(NOW) == 1
    assert bell.rings == [("analysis", T, pattern_id)]


def test_a_sweep_that_is_stopped_has_done_whole_pieces_and_the_next_does_the_rest(
    index: RedisIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ci_memory_workers.services.sweeps.PIECE", 2)
    ids = [seen(index, f"1:{n:04d}", OLD - DAY_MS + n) for n in range(5)]
    looks = iter([True, True, False])

    assert [made.pattern_id for made in sweeper(index).age(NOW, go_on=lambda: next(looks))] == ids[:4]
    assert [made.pattern_id for made in sweeper(index).age(NOW)] == ids[4:]
    assert {status(index, pattern_id) for pattern_id in ids} == {"deprecated"}


def test_a_sweep_ends_after_so_many_pieces(index: RedisIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_memory_workers.services.sweeps.PIECE", 1)
    monkeypatch.setattr("ci_memory_workers.services.sweeps.MOST_PIECES", 2)
    ids = [flake(index, f"1:{n:04d}", range(4)) for n in range(3)]

    swept = [[made.pattern_id for made in sweeper(index).judge_flaky(NOW)] for _ in range(3)]

    assert [len(one) for one in swept] == [2, 1, 0]
    assert sorted(swept[0] + swept[1]) == sorted(ids)
