"""A container with the webhooks of `webhook_samples.hook_file`, and what happens to what they tell."""

from __future__ import annotations

import json
from typing import Any

from redis import Redis

from ci_memory_producers import FailureEvent, Producer
from ci_memory_producers.excerpt import read_text
from ci_memory_producers.junit_events import failure_event
from ci_memory_workers.adapters.redis_job_logs import encode, work_id_of
from ci_memory_workers.bootstrap import Container, now_ms
from ci_memory_workers.domain.job_ended import Ended
from ci_memory_workers.domain.webhook import Hook
from ci_memory_workers.services.webhook_payloads import read
from webhook_samples import HOOKS, LOG

T = "default"
PLAIN_LOG = "\n".join(line.partition(" ")[2] for line in LOG.splitlines() if "##[" not in line)


def told(hook: str, payload: Any, event: str = "") -> Ended:
    """What a delivery to one of `HOOKS` says has ended."""
    provider: Any = HOOKS[hook]
    headers = {"x-github-event": event, "x-gitlab-event": event}
    ended = read(Hook(hook, provider, T, "", "", "", check_apps=("acme-ci",)), headers, json.loads(json.dumps(payload)))
    assert ended is not None
    return ended


def owe(box: Container, ended: Ended) -> str:
    work_id = work_id_of(ended)
    box.redis.set(f"ci-memory:{{{T}}}:joblog:{work_id}", encode(ended))
    box.redis.zadd(f"ci-memory:{{{T}}}:due:logs", {work_id: 0})
    return work_id


def collect(box: Container, ended: Ended, at_ms: int | None = None) -> str:
    return box.job_logs.collect(T, owe(box, ended), now_ms() if at_ms is None else at_ms)


def owed(client: Redis) -> list[str]:
    members: Any = client.zrange(f"ci-memory:{{{T}}}:due:logs", 0, -1)
    return [member.decode() for member in members]


def collect_all(box: Container) -> list[str]:
    """What comes of all that is owed."""
    return [box.job_logs.collect(T, work_id, now_ms() + 1_000) for work_id in owed(box.redis)]


def drain(box: Container) -> None:
    box.failures.absorb(box.log.read(0, 100, 1), now_ms())


def occurrences(box: Container) -> list[int]:
    keys: Any = box.redis.scan_iter(f"ci-memory:{{{T}}}:pattern:*")
    patterns = [box.index.pattern(T, key.decode().rpartition(":")[2]) for key in keys]
    return sorted(pattern.occurrences for pattern in patterns if pattern)


def step(**where: Any) -> FailureEvent:
    """What `ci-memory-report` says in a step of the job."""
    (failure,) = read_text(PLAIN_LOG).failures
    return failure_event({"stage": "build", **where}, failure.text, failure.stack_trace, failure.test_id)


def push(box: Container, *events: FailureEvent) -> None:
    with Producer(box.settings.redis_url) as producer:
        producer.push_many(events)
    drain(box)
