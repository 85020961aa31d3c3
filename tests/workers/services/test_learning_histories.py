"""In whatever order the runs of a job are read, and whoever dies over them, the same is known in the end."""

from __future__ import annotations

from collections.abc import Sequence

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
    client = Redis.from_url(redis_server.url)
    in_order = all_known(client, [(event, True) for event in events])

    assert all_known(client, data.draw(readings(events))) == in_order
    client.close()


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
