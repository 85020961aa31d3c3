"""The bell: a message of ids to the lane's queue, and how many of them wait."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from kombu import Connection, Exchange, Queue
from redis import Redis

from ci_memory_workers.adapters.bell import BROKER_PREFIX, LOOK_EVERY, MOST_WAITING, CeleryBell
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.names import LANES, Lane


@pytest.mark.parametrize(
    ("lane", "task", "queue"),
    [
        ("analysis", "analysis.analyze", "analysis"),
        ("memory", "memory.sync", "memory"),
        ("resolutions", "resolutions.apply", "resolutions"),
    ],
)
def test_a_ring_is_a_task_of_the_lanes_queue_that_carries_ids_alone(
    redis_client: Redis, lane: Lane, task: str, queue: str
) -> None:
    sent: list[tuple[str, Sequence[str], str]] = []

    CeleryBell(redis_client, lambda *message: sent.append(message)).ring(lane, "default", "pat_aaaaaaaaaaaa")

    assert sent == [(task, ("default", "pat_aaaaaaaaaaaa"), queue)]


def test_the_backlog_is_what_celery_has_put_into_the_lanes_queue(redis_server: EmbeddedServer, redis_client: Redis) -> None:
    url = redis_server.url.replace("unix://", "redis+socket://")
    with Connection(url, transport_options={"global_keyprefix": BROKER_PREFIX}) as connection:
        queue = Queue("analysis", Exchange("ci-memory"), routing_key="analysis")
        producer = connection.Producer()
        for body in ("one", "two"):
            producer.publish(body, exchange=queue.exchange, routing_key=queue.routing_key, declare=[queue])

    bell = CeleryBell(redis_client, lambda *_: None)

    assert {lane: count for lane in LANES if (count := bell.backlog(lane))} == {"analysis": 2}
    assert (bell.waiting("analysis"), bell.waiting("ingest")) == (2, 0)


def test_a_queue_that_is_full_is_not_rung_for_and_is_again_when_there_is_room(redis_client: Redis) -> None:
    queue = f"{BROKER_PREFIX}analysis"
    bell = CeleryBell(redis_client, lambda *_: redis_client.lpush(queue, "message"))
    redis_client.lpush(queue, *["message"] * (MOST_WAITING - LOOK_EVERY - 1))

    for n in range(3 * LOOK_EVERY):
        bell.ring("analysis", "default", f"pat_{n:012d}")
    full = bell.backlog("analysis")
    redis_client.ltrim(queue, 0, 9)
    bell.ring("analysis", "default", "pat_aaaaaaaaaaaa")

    assert (full, bell.backlog("analysis")) == (MOST_WAITING, 11)


def test_a_full_queue_keeps_no_other_lane_from_being_rung_for(redis_client: Redis) -> None:
    sent: list[str] = []
    bell = CeleryBell(redis_client, lambda task, *_: sent.append(task))
    redis_client.lpush(f"{BROKER_PREFIX}analysis", *["message"] * MOST_WAITING)

    bell.ring("analysis", "default", "pat_aaaaaaaaaaaa")
    bell.ring("memory", "default", "pat_aaaaaaaaaaaa")

    assert sent == ["memory.sync"]
