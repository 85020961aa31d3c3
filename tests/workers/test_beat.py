"""Beat, any number of times: every ring of a period is sent once, whoever lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from celery.beat import SchedulingError
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import ConnectionError as RedisGone

from ci_memory_workers.adapters.bell import BROKER_PREFIX
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.beat import TROUBLE_WAIT_S, ClaimingScheduler, Claims, claim_key
from ci_memory_workers.names import QUEUE_SWEEPS
from running_fleet import wait_until

PERIODS = {"ring": 5.0, "age": 300.0}


class Beat(ClaimingScheduler):
    """A beat that writes down what it sends; ``trouble`` is raised instead."""

    def __init__(self, claims: Claims) -> None:
        app = Celery("test", broker="memory://", set_as_current=False)
        app.conf.beat_schedule = {name: {"task": name, "schedule": seconds} for name, seconds in PERIODS.items()}
        self.sent: list[str] = []
        self.trouble: Exception | None = None
        super().__init__(app, claims=lambda: claims)

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **kwargs: Any) -> Any:
        if self.trouble:
            raise self.trouble
        self.sent.append(entry.name)


def test_two_beats_send_each_ring_of_a_period_once(redis_client: Redis) -> None:
    one, other = Beat(Claims(redis_client)), Beat(Claims(redis_client))

    waits = [beat.tick() for beat in (one, other, one, other)]

    assert (sorted(one.sent), other.sent) == (["age", "ring"], [])
    assert all(0 < wait <= PERIODS["ring"] for wait in waits)


def test_whoever_looks_first_after_a_period_sends_its_ring(redis_client: Redis) -> None:
    one, other = Beat(Claims(redis_client)), Beat(Claims(redis_client))
    one.tick()
    redis_client.delete(claim_key("ring"))  # its period is over

    other.tick()
    one.tick()

    assert (one.sent.count("ring"), other.sent) == (1, ["ring"])


def test_a_claim_lasts_as_long_as_its_period(redis_client: Redis) -> None:
    Beat(Claims(redis_client)).tick()

    left: Any = [redis_client.pttl(claim_key(name)) for name in PERIODS]
    assert [0 < ms <= PERIODS[name] * 1000 for name, ms in zip(PERIODS, left, strict=True)] == [True, True]
    assert left[1] > PERIODS["ring"] * 1000


def test_what_could_not_be_sent_may_be_sent_by_the_next(redis_client: Redis) -> None:
    one, other = Beat(Claims(redis_client)), Beat(Claims(redis_client))
    one.trouble = SchedulingError("no broker")
    one.trouble.__cause__ = OperationalError("no broker")

    assert one.tick() == TROUBLE_WAIT_S
    other.tick()

    assert (one.sent, sorted(other.sent)) == ([], ["age", "ring"])


def test_without_redis_nothing_is_sent_and_beat_lives_on() -> None:
    class Gone(Claims):
        def claim(self, name: str, period_s: float) -> bool:
            raise RedisGone("nobody listens")

    beat = Beat(Gone(Redis(port=1)))

    assert beat.tick() == TROUBLE_WAIT_S
    assert beat.sent == []


@pytest.fixture
def beats(redis_server: EmbeddedServer, redis_client: Redis, tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two processes, as an operator starts them."""
    environment = {
        **os.environ,
        "CI_MEMORY_URL": redis_server.url,
        "CI_MEMORY_RING_SECONDS": "0.2",
        "CI_MEMORY_DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "celery", "-A", "ci_memory_workers.app", "beat", "--pidfile", "", "--loglevel", "WARNING"]
    with (tmp_path / "beat.log").open("wb") as out:
        processes = [subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=out, stderr=out) for _ in range(2)]
        yield processes
        for process in processes:
            process.kill()
            process.wait()


def test_two_beat_processes_send_nothing_twice_and_the_death_of_one_is_not_missed(
    beats: list[subprocess.Popen[bytes]], redis_client: Redis
) -> None:
    def rings() -> int:
        messages: Any = redis_client.lrange(f"{BROKER_PREFIX}{QUEUE_SWEEPS}", 0, -1)
        return sum(b"sweeps.ring" in message for message in messages)

    def now_s() -> float:
        seconds, micros = redis_client.time()
        return float(seconds) + float(micros) / 1e6

    wait_until(lambda: rings() >= 1, what="the first ring")
    began, before = now_s(), rings()
    wait_until(lambda: rings() >= before + 20, what="rings of two beats")
    # More than one a period can't be: two beats of their own would send twice as many.
    assert rings() - before <= (now_s() - began) / 0.2 + 1

    beats[0].send_signal(signal.SIGKILL)
    beats[0].wait()
    alone = rings()
    wait_until(lambda: rings() >= alone + 5, what="rings of the one that is left")
