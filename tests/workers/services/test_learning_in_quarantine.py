"""Learning from runs of what is in quarantine, on the real index: its clean runs are counted, and end it."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import RecordingBell, T, failed, open_index, passed, the, watch_of
from line_runs import FIX, at, flake, learn, only, run_of, sweep
from redis import Redis

from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.services.learning import Learner


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def test_a_quarantine_ends_at_the_sweep_after_the_last_clean_run_that_it_takes(index: RedisIndex) -> None:
    flake(index, 1, 2)
    assert [status for status, _ in sweep(index, at(2))] == ["quarantined"]

    learn(index, passed(**run_of(3)), passed(**run_of(4)))
    assert sweep(index, at(4)) == []

    learn(index, passed(**run_of(5)))
    assert sweep(index, at(5)) == [("flaky", "released: 4 clean runs")]
    assert index.quarantined(T) == []


def seen_as(index: RedisIndex, **fields: Any) -> str:
    """What the answer to a failure says of its pattern."""
    (applied,) = index.apply(T, [failed(**fields)], int(fields["ms"]))
    return the(applied.pattern).status


def test_a_quarantine_holds_where_the_failure_was_flaky_and_blocks_elsewhere(index: RedisIndex) -> None:
    flake(index, 1, 2)
    flake(index, 3, repo="acme/once")
    assert [status for status, _ in sweep(index, at(3))] == ["quarantined"]

    assert seen_as(index, **run_of(4)) == "quarantined"
    assert seen_as(index, **run_of(5, repo="acme/once")) == "flaky", "one rerun proves nothing"
    assert seen_as(index, **run_of(6, repo="acme/never")) == "flaky"
    assert only(index).status == "quarantined"


def test_a_quarantine_hides_no_second_commit_in_a_row(index: RedisIndex) -> None:
    flake(index, 1, 2)
    sweep(index, at(2))

    assert [seen_as(index, **run_of(number)) for number in (3, 4)] == ["quarantined", "flaky"]


def test_where_a_merged_failure_was_flaky_its_quarantine_holds(index: RedisIndex) -> None:
    flake(index, 1, 2)
    (into,) = index.pattern_ids(T, 1)
    for number in (1, 2):
        place: dict[str, Any] = {"repo": "acme/cart", "build": f"cart-{number}"}
        index.apply(T, [failed("1:bbbb", **run_of(number, **place)), passed(**run_of(number, attempt=2, **place))], at(2))
    gone = index.apply(T, [failed("1:bbbb", **run_of(3, repo="acme/cart", build="cart-3"))], at(3))[0].pattern_id
    assert index.merge(the(index.take("analysis", T, gone, now_ms=at(3), lease_ms=1_000)), into, reason="the same", now_ms=at(3))
    sweep(index, at(3))

    assert seen_as(index, **run_of(9, repo="acme/cart", build="cart-9")) == "quarantined"


def test_a_line_that_was_quiet_before_the_quarantine_began_is_looked_at_again(index: RedisIndex) -> None:
    flake(index, 1, 2)
    learn(index, *(passed(**run_of(number)) for number in (3, 4, 5)))
    assert learn(index, passed(**run_of(6))) == [], "the line is quiet"
    assert [status for status, _ in sweep(index, at(6), clean=7)] == ["quarantined"]

    learn(index, passed(**run_of(7)))
    assert sweep(index, at(7), clean=7) == []
    learn(index, passed(**run_of(8)))
    assert sweep(index, at(8), clean=7) == [("flaky", "released: 7 clean runs")]


def test_a_line_falls_silent_when_the_quarantine_has_ended(index: RedisIndex) -> None:
    flake(index, 1, 2)
    sweep(index, at(2))
    learn(index, *(passed(**run_of(number)) for number in (3, 4, 5)))
    sweep(index, at(5))

    assert learn(index, passed(**run_of(6))) == ["nothing_new"]
    assert learn(index, passed(**run_of(7))) == []


def test_a_pattern_that_was_merged_into_one_in_quarantine_keeps_its_line_awake(index: RedisIndex) -> None:
    flake(index, 1, 2)
    sweep(index, at(2))
    (into,) = index.quarantined(T)
    learn(index, failed("1:bbbb", **run_of(1, branch="feature")), *(passed(**run_of(n, branch="feature")) for n in (2, 3)))
    (gone,) = set(index.pattern_ids(T, 10)) - {into}
    assert index.merge(the(index.take("analysis", T, gone, now_ms=at(3), lease_ms=1_000)), into, reason="the same", now_ms=at(3))

    learn(index, *(passed(**run_of(n, branch="feature")) for n in range(4, 8)))

    assert learn(index, passed(**run_of(9, branch="feature"))) == ["nothing_new"]
    assert index.quarantine_due(T, at(9), 10) == [into]


def test_a_line_that_failed_while_it_was_looked_at_is_not_quiet(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)), *(passed(**run_of(number)) for number in (2, 3)))
    index.apply(T, [passed(**run_of(4))], at(4))
    (line_id,) = index.overdue("transitions", T, at(4), 10)
    looked_at = index.line(T, line_id)

    index.apply(T, [failed(**run_of(5))], at(5))
    index.line_is_quiet(T, looked_at)

    Learner(index, watch_of(index), RecordingBell()).learn(T, line_id, at(5))
    learn(index, passed(**run_of(6, **FIX)))
    assert "c6" in {fix.commit for fix in only(index).fixes}


def test_one_quiet_line_does_not_release_what_still_fails_elsewhere(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1, branch="quiet")))
    flake(index, 2, 3)
    sweep(index, at(3))

    for number in range(4, 20, 2):
        learn(index, passed(**run_of(number, branch="quiet")))
        flake(index, number + 1)
        assert sweep(index, at(number + 1)) == []


def test_clean_runs_of_all_lines_add_up(index: RedisIndex) -> None:
    flake(index, 1, 2)
    flake(index, 3, branch="feature")
    sweep(index, at(3))
    pattern_id = only(index).pattern_id
    assert index.clean_runs(T, pattern_id) == 1, "the second attempt of the failure that came last"

    learn(index, passed(**run_of(4)), passed(**run_of(5, branch="feature")))
    assert index.clean_runs(T, pattern_id) == 3
    assert sweep(index, at(5)) == []
    learn(index, passed(**run_of(6)))
    assert sweep(index, at(6)) == [("flaky", "released: 4 clean runs")]


def test_a_pattern_that_nobody_knows_had_no_clean_runs(index: RedisIndex) -> None:
    assert index.clean_runs(T, "pat_000000000000") == 0
