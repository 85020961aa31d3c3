"""A coroutine run for so long and no longer, and given up when the process is to end."""

from __future__ import annotations

import asyncio

import pytest

from ci_memory_workers.adapters.deadline import Stopped, TooLate, run_within


class Work:
    """Waits for ever, and says how it ended."""

    ended = ""

    async def forever(self) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        return "never"


async def at_once() -> str:
    return "done"


async def fails() -> str:
    raise LookupError("what it said")


def test_what_it_returns_or_raises_passes() -> None:
    assert run_within(5, at_once()) == "done"
    with pytest.raises(LookupError, match="what it said"):
        run_within(5, fails())


def test_when_the_time_is_over_it_is_cancelled() -> None:
    work = Work()

    with pytest.raises(TooLate):
        run_within(0.01, work.forever())
    assert work.ended == "cancelled"


def test_when_the_process_is_to_end_it_is_cancelled_long_before_its_time() -> None:
    work = Work()

    with pytest.raises(Stopped):
        run_within(3_600, work.forever(), lambda: True)
    assert work.ended == "cancelled"


def test_an_answer_that_is_there_is_not_thrown_away_for_the_end_of_the_process() -> None:
    assert run_within(5, at_once(), lambda: True) == "done"
