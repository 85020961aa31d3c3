"""Plays a plan on a fleet: pushes its events, strikes when the plan says so, and measures how soon the log is worked on again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from redis import Redis, RedisError, ResponseError
from redis.backoff import NoBackoff
from redis.retry import Retry

from chaos_fleet import ChaosFleet, wait_until
from chaos_owed import owed
from chaos_plan import Fix, Plan
from chaos_stories import LONG_AGO_HOURS
from chaos_strikes import Strike
from ci_memory_producers.events import ANSWER
from ci_memory_producers.keys import FIELD, STREAM, result_key
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.names import GROUP, LANES, Lane

CHUNK = 50
MOST_BEHIND = 1_000
"""Events that may wait in the log: a fleet that is down holds the play up, and is not skipped by it."""
RUN_UP = 300
"""Events that are pushed right before a strike, so that it meets drains at work."""
CUT_EVERY = 12
"""One in so many chunks goes out on a connection that is cut before its confirmation is read, and is pushed again."""
GAP_SECONDS = 1.5
"""Least time between two strikes."""
GIVEN_UP_SECONDS = 240.0
TO_INDEX: tuple[Lane, ...] = ("analysis", "resolutions", "transitions")


@dataclass(slots=True)
class Struck:
    """A strike as it came: who was hit, and seconds until the next batch was acknowledged (None: nothing was to be read)."""

    strike: Strike
    name: str
    at: float
    acknowledged: int
    recovered: float | None = None


@dataclass(slots=True)
class Played:
    """What a run took. ``seconds`` is from the first push to the end; ``owed`` says what was still owed then, by lane.

    ``pushed_again`` events were not confirmed; of these, ``cut`` had been taken in, and nobody heard of it.
    """

    struck: list[Struck] = field(default_factory=list)
    seconds: float = 0.0
    pushed_again: int = 0
    cut: int = 0
    owed: dict[str, int] = field(default_factory=dict)


class Watch:
    """Asks the log again and again how many entries are done with, and ends the strikes that this outlives."""

    def __init__(self, url: str, played: Played) -> None:
        self.acknowledged = 0
        self._client = Redis.from_url(url, socket_timeout=2, retry=Retry(NoBackoff(), 0))
        self._played = played
        self._stop = threading.Event()

    def run(self) -> None:
        """Until `stop`."""
        while not self._stop.wait(0.01):
            asked = time.monotonic()
            try:
                groups: Any = self._client.xinfo_groups(STREAM)
            except (RedisError, OSError):
                continue
            ours = next(group for group in groups if group["name"] == GROUP.encode())
            self.acknowledged = int(ours["entries-read"] or 0) - int(ours["pending"])
            for struck in self._played.struck:
                if struck.recovered is None and asked > struck.at and self.acknowledged > struck.acknowledged:
                    struck.recovered = time.monotonic() - struck.at

    def stop(self) -> None:
        """End `run`."""
        self._stop.set()


@contextmanager
def watching(url: str, played: Played) -> Iterator[Watch]:
    """A watch in a thread of its own."""
    watch = Watch(url, played)
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        thread.join()


class Player:
    """Plays ``plan`` on ``fleet``, with its strikes or without."""

    def __init__(self, fleet: ChaosFleet, plan: Plan, *, strikes: Sequence[Strike]) -> None:
        self._fleet, self._plan = fleet, plan
        self._left = list(strikes)
        self._strikes = bool(strikes)
        self._client = Redis.from_url(fleet.url, socket_timeout=5, retry=Retry(NoBackoff(), 0))
        self._box: Container = fleet.container()
        self._pushed = 0
        self._last = 0.0
        self.played = Played()

    def play(self) -> Played:
        """Push everything and wait until nothing is owed."""
        began = time.monotonic()
        with watching(self._fleet.url, self.played) as watch:
            self._push_long_ago()
            for act in self._plan.acts:
                self._push(act.payloads, watch)
                self.rest(TO_INDEX)
                self._push([self._encoded(fix) for fix in act.fixes], watch)
                self.rest(TO_INDEX)
            while self._left:
                self._strike(watch)
            self._fleet.calm()
            self.rest(LANES, swept=True)
        self.played.seconds = time.monotonic() - began
        return self.played

    def rest(self, lanes: Sequence[Lane], *, swept: bool = False) -> None:
        """Wait until the log is read and nothing is owed in ``lanes``, nor by sweeps where ``swept`` says so; what still is after
        long is kept in `Played.owed`.
        """
        try:
            wait_until(lambda: not any(owed(self._box, lanes, swept=swept).values()), "nothing is owed", GIVEN_UP_SECONDS)
            self.played.owed = {}
        except TimeoutError:
            self.played.owed = {name: count for name, count in owed(self._box, lanes, swept=swept).items() if count}

    def _push(self, payloads: Sequence[bytes], watch: Watch) -> None:
        for start in range(0, len(payloads), CHUNK):
            if self._left and self._pushed + RUN_UP >= self._left[0].at > self._pushed + RUN_UP - CHUNK:
                self._await_gap()
            while self._left and self._left[0].at <= self._pushed:
                self._strike(watch)
            wait_until(self._has_room, "the log is read", GIVEN_UP_SECONDS)
            self._append(payloads[start : start + CHUNK])

    def _push_long_ago(self) -> None:
        """The log's first entries, under ids of two days before: an id that is taken says that its entry came in."""
        first = time.time_ns() // 1_000_000 - LONG_AGO_HOURS * 3_600_000

        def sent(at: int, payload: bytes) -> bool:
            try:
                self._client.xadd(STREAM, {FIELD: payload}, id=f"{first + at}-0")
            except ResponseError as error:
                return "equal or smaller" in str(error)
            except (RedisError, OSError):
                return False
            return True

        for at, payload in enumerate(self._plan.long_ago):
            wait_until(partial(sent, at, payload), "Redis takes events", GIVEN_UP_SECONDS)
        self._pushed += len(self._plan.long_ago)

    def _append(self, payloads: Sequence[bytes]) -> None:
        """As a producer does: what was not confirmed is pushed again, whatever became of it."""
        if self._strikes and (self._pushed // CHUNK) % CUT_EVERY == 0:
            self._send_and_cut(payloads)

        def sent() -> bool:
            pipeline = self._client.pipeline(transaction=False)
            for payload in payloads:
                pipeline.xadd(STREAM, {FIELD: payload})
            try:
                pipeline.execute()
            except (RedisError, OSError):
                self.played.pushed_again += len(payloads)
                return False
            return True

        wait_until(sent, "Redis takes events", GIVEN_UP_SECONDS)
        self._pushed += len(payloads)

    def _send_and_cut(self, payloads: Sequence[bytes]) -> None:
        """Push, and lose the connection when the confirmation is there and before it is read."""
        try:
            connection = self._client.connection_pool.get_connection()
            try:
                commands = [("XADD", STREAM, "*", FIELD, one) for one in payloads]
                packed = connection.pack_commands(commands)  # type: ignore[no-untyped-call]  # redis-py has no types for it
                connection.send_packed_command(packed)  # type: ignore[no-untyped-call]  # nor for this
                if connection.can_read(timeout=5):
                    self.played.cut += len(payloads)
            finally:
                connection.disconnect()  # type: ignore[no-untyped-call]  # nor for this
                self._client.connection_pool.release(connection)
        except (RedisError, OSError):
            pass  # Redis is down: whatever came in, all of it is pushed again
        self.played.pushed_again += len(payloads)

    def _has_room(self) -> bool:
        return self._tried(lambda: self._box.log.lag() < MOST_BEHIND) is True

    def _await_gap(self) -> None:
        struck = self.played.struck
        wait_until(lambda: time.monotonic() - self._last > GAP_SECONDS, "the gap between strikes")
        if struck and struck[-1].recovered is None:
            # It ends with what is pushed next, where nothing was left to be read.
            self._tried(lambda: wait_until(lambda: struck[-1].recovered or self._box.log.lag() == 0, "it recovers", 20))

    def _strike(self, watch: Watch) -> None:
        strike = self._left.pop(0)
        struck = Struck(strike, "", time.monotonic(), watch.acknowledged)
        # A worker that was hit just before may not be back yet: the strike waits for somebody to hit.
        struck.name = wait_until(lambda: self._hit(strike, struck, watch), f"a {strike.victim} to hit", 30)
        self._last = struck.at
        self.played.struck.append(struck)

    def _hit(self, strike: Strike, struck: Struck, watch: Watch) -> str:
        struck.at, struck.acknowledged = time.monotonic(), watch.acknowledged
        return self._fleet.strike(strike)

    def _encoded(self, fix: Fix) -> bytes:
        pattern_id = wait_until(lambda: self._tried(lambda: self._pattern_of(fix.cause)), f"an answer to cause {fix.cause}", 60)
        return fix.event(self._plan.tenants[fix.cause], pattern_id).model_dump_json().encode()

    def _pattern_of(self, cause: int) -> str:
        """The pattern that the answers to a cause's failures name."""
        tenant = self._plan.tenants[cause]
        keys = [result_key(tenant, event_id) for event_id in self._plan.failures[cause]]
        found: Any = self._client.mget(keys)
        return next((named for data in found if data and (named := ANSWER.validate_json(data).pattern_id)), "")

    def _tried(self, ask: Callable[[], Any]) -> Any:
        """What ``ask`` returns; None while Redis is down, or nothing came in time."""
        try:
            return ask()
        except (RedisError, OSError, TimeoutError):
            return None
