"""Delays between tries."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.domain.backoff import FIRST_S, LONGEST_S, delay

ATTEMPT = st.integers(min_value=1, max_value=100_000)
JITTER = st.floats(min_value=0, max_value=1, exclude_max=True)


@pytest.mark.parametrize(("attempt", "jitter", "expected"), [(1, 0.0, 1.0), (1, 0.5, 1.5), (2, 0.0, 2.0), (3, 0.5, 6.0)])
def test_it_doubles_and_half_of_it_is_chance(attempt: int, jitter: float, expected: float) -> None:
    assert delay(attempt, jitter=jitter) == expected


@given(ATTEMPT, JITTER)
def test_it_is_neither_nothing_nor_longer_than_the_longest(attempt: int, jitter: float) -> None:
    assert FIRST_S / 2 <= delay(attempt, jitter=jitter) <= LONGEST_S


@given(ATTEMPT, JITTER)
def test_the_next_is_never_shorter_by_the_same_chance(attempt: int, jitter: float) -> None:
    assert delay(attempt + 1, jitter=jitter) >= delay(attempt, jitter=jitter)


def test_the_other_side_may_ask_for_more_and_not_for_less() -> None:
    assert delay(1, jitter=0.0, retry_after=30.0) == 30.0
    assert delay(6, jitter=0.0, retry_after=1.0) == 32.0
