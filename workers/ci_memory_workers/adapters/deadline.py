"""Runs one coroutine from a thread that has no event loop, for so long and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
LOOK_SECONDS = 0.5
"""How often it is looked whether to stop."""


class TooLate(Exception):
    """The time is over. What was running has been cancelled."""


class Stopped(Exception):
    """It was to stop. What was running has been cancelled."""


def run_within(timeout: float, work: Coroutine[Any, Any, T], stopping: Callable[[], bool] = lambda: False) -> T:
    """What ``work`` returns within ``timeout`` seconds. Raises `TooLate`, and `Stopped` soon after ``stopping`` says so.

    A client's own timeout is often one of each read: a server that sends a byte now and then holds it for ever. Cancelling
    a coroutine ends it anywhere. Not ``asyncio.run``: that waits for the resolver's thread.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(_watch(timeout, work, stopping))
    try:
        return loop.run_until_complete(task)
    finally:
        if not task.done():  # a signal's exception, such as a task's time limit, came from within the loop
            task.cancel()
            loop.run_until_complete(asyncio.wait([task]))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


async def _watch(timeout: float, work: Coroutine[Any, Any, T], stopping: Callable[[], bool]) -> T:
    running = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    try:
        while True:
            left = end - loop.time()
            done, _ = await asyncio.wait({running}, timeout=max(0.0, min(LOOK_SECONDS, left)))
            if done:
                return running.result()
            if stopping():
                raise Stopped
            if left <= LOOK_SECONDS:
                raise TooLate
    finally:
        if not running.done():
            running.cancel()
            await asyncio.wait({running})
