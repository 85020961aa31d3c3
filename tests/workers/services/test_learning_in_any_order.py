"""The runs of a job are read in any order: what is learned in between gives way to what all of them say."""

from __future__ import annotations

import pytest
from fakes import failed, open_index, passed
from line_runs import learn, only, run_of
from redis import Redis


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5), (1, 3, 4, 5, 2), (3, 1, 4, 2, 5), (5, 4, 3, 2, 1)])
def test_a_streak_is_no_longer_once_the_pass_in_its_middle_is_read(redis_client: Redis, order: tuple[int, ...]) -> None:
    index = open_index(redis_client)
    runs = {
        number: failed(**run_of(number)) if number in (1, 3) else passed(**run_of(number, commit_message=f"Change {number}"))
        for number in (1, 2, 3, 4, 5)
    }

    learn(index, *(runs[number] for number in order))

    assert not only(index).repeated
