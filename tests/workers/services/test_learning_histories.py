"""In whatever order the runs of a job are read, and whoever dies over them, the same is known in the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from fakes import Killed, Life, RecordingBell, failed, mortal, open_index, passed, watch_of
from hypothesis import given
from hypothesis import strategies as st
from job_histories import Event, histories, known, learner_of, read, readings
from line_runs import FIX, run_of
from redis import Redis

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.services.learning import Learner


def all_known(client: Redis, order: Sequence[tuple[Event, bool]]) -> dict[str, object]:
    client.flushall()
    index = open_index(client)
    read(index, order)
    return known(index, client)


@given(data=st.data(), events=histories())
def test_what_is_known_in_the_end_does_not_depend_on_the_order_of_reading(
    redis_server: EmbeddedServer, data: st.DataObject, events: list[Event]
) -> None:
    """All that is learned, that is: the votes that reading casts are outside, `CAST_BY_READING`. Who learns only after a pattern
    failed in more than three further builds finds a vote against the fix, beside the one that its verdict is.
    """
    client = Redis.from_url(redis_server.url)
    in_order = all_known(client, [(event, True) for event in events])

    assert all_known(client, data.draw(readings(events))) == in_order
    client.close()


def pushed(number: int) -> dict[str, Any]:
    return {"commit_message": f"Change {number}"}


A_ELSE_B: dict[str, Event] = {
    "1 pass": passed(**run_of(1, **pushed(1))),
    "2 a": failed("1:a", **run_of(2, **pushed(2))),
    "3 b": failed("1:b", **run_of(3, **pushed(3))),
    "3 pass": passed(**run_of(3, attempt=2, **pushed(3))),
    "4 pass": passed(**run_of(4, **pushed(4))),
    "5 a": failed("1:a", **run_of(5, **pushed(5))),
    "5 a again": failed("1:a", **run_of(5, attempt=2, **pushed(5))),
    "6 b": failed("1:b", **run_of(6, **pushed(6))),
    "6 pass": passed(**run_of(6, attempt=2, **pushed(6))),
    "7 a": failed("1:a", **run_of(7, **pushed(7))),
    "8 b": failed("1:b", **run_of(8, **pushed(8))),
    "8 pass": passed(**run_of(8, attempt=2, **pushed(8))),
}
"""After each failure `a` the job fails with `b` before it passes: another commit than the one that passed may have helped."""


@pytest.mark.parametrize(
    ("late", "runs"),
    [
        (("3 b", "6 pass"), 6),
        (("6 pass", "3 b"), 6),
        (("3 b", "6 b", "8 pass"), 8),
        (("8 b", "8 pass", "6 b", "3 b"), 8),
        (("2 a", "3 b", "6 b", "8 pass"), 8),
    ],
)
@pytest.mark.parametrize("learns_before_the_last", [False, True])
def test_what_seemed_sure_of_one_fix_hides_no_other_once_it_is_unsure(
    redis_client: Redis, late: tuple[str, ...], runs: int, *, learns_before_the_last: bool
) -> None:
    history = {name: event for name, event in A_ELSE_B.items() if int(name[0]) <= runs}
    in_order = all_known(redis_client, [(event, True) for event in history.values()])
    names = [name for name in history if name not in late]

    order = [(history[name], name == names[-1]) for name in names]
    order += [(history[name], learns_before_the_last) for name in late]

    assert all_known(redis_client, order) == in_order


LATE: dict[str, tuple[list[Event], Event]] = {
    "a streak that began earlier": (
        [failed(**run_of(2)), passed(**run_of(3, **FIX)), passed(**run_of(4)), passed(**run_of(5))],
        failed(**run_of(1)),
    ),
    "a pass in the middle": (
        [failed(**run_of(1)), failed(**run_of(3)), passed(**run_of(4, **FIX)), passed(**run_of(5)), passed(**run_of(6))],
        passed(**run_of(2)),
    ),
    "a rerun that was none": (
        [failed(**run_of(1, commit="c1")), passed(**run_of(2, commit="c1"))],
        passed(**run_of(1, commit="c1", attempt=2)),
    ),
    "a fix that was a rerun": (
        [failed(**run_of(1)), failed(**run_of(2)), passed(**run_of(4, commit="c3"))],
        failed(**run_of(3)),
    ),
}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("case", LATE)
def test_who_dies_over_a_run_that_is_read_late_is_followed_by_one_who_learns_the_same(
    redis_client: Redis, case: str, after: bool
) -> None:
    events, late = LATE[case]
    wanted = all_known(redis_client, sorted(((event, True) for event in (*events, late)), key=lambda one: one[0].ms))

    dies_at, survived = 1, False
    while not survived:
        redis_client.flushall()
        index = open_index(redis_client)
        read(index, [(event, True) for event in events])
        learner = Learner(mortal(index, Life(dies_at, after=after)), watch_of(index), RecordingBell(), lease_ms=1)
        try:
            read(index, [(late, True)], learner)
            survived = True
        except Killed:
            read(index, [], learner_of(index))
        assert known(index, redis_client) == wanted, f"died at step {dies_at}"
        dies_at += 1

    assert dies_at > 5, "it died over something"
