"""Sweeps as tasks: one of a kind at a time, over all workers; what one that had to stop has left is done by the next."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from fakes import T, failed
from redis import Redis

from ci_memory_workers import names
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.services import sweeps as story
from ci_memory_workers.settings import Settings

LONG_AGO = 1_000_000_000_000
PATTERNS = 7


@pytest.fixture
def sweeps(redis_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of tasks, which makes Celery's app of the settings when it is imported."""
    monkeypatch.setenv("CI_MEMORY_URL", redis_server.url)
    return importlib.import_module("ci_memory_workers.tasks.sweeps")


@pytest.fixture
def box(redis_server: EmbeddedServer, redis_client: Redis, sweeps: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Container]:
    """Some patterns that were not seen for years, and sweeps that look at two of them a time."""
    box = Container(Settings(url=redis_server.url))
    monkeypatch.setattr(sweeps, "container", lambda: box)
    monkeypatch.setattr(story, "PIECE", 2)
    for number in range(PATTERNS):
        box.index.apply(T, [failed(f"1:{number:04}", ms=LONG_AGO, build=str(number), branch=f"b{number}")], LONG_AGO)
    yield box
    box.redis.close()


def old(box: Container) -> int:
    found = (box.index.pattern(T, pattern_id) for pattern_id in box.index.pattern_ids(T, 100))
    return sum(pattern is not None and pattern.status == "deprecated" for pattern in found)


@pytest.mark.parametrize(("name", "task"), [(names.AGE, "age"), (names.QUARANTINE, "quarantine")])
def test_while_one_sweeps_another_does_nothing(box: Container, sweeps: Any, name: str, task: str) -> None:
    with box.sweep_lock.held(name) as held:
        assert held
        assert getattr(sweeps, task)() == 0
    assert old(box) == 0

    getattr(sweeps, task)()

    assert old(box) == (PATTERNS if name == names.AGE else 0)


def test_a_worker_that_stops_ends_its_sweep_after_a_piece_and_the_next_does_the_rest(
    box: Container, sweeps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter((False, True, True))
    monkeypatch.setattr(sweeps, "stopping", lambda: next(asked))

    assert (sweeps.age(), old(box)) == (2, 2)

    monkeypatch.setattr(sweeps, "stopping", lambda: False)
    assert (sweeps.age(), old(box)) == (PATTERNS - 2, PATTERNS)


def test_a_sweep_whose_lease_went_to_another_stops(
    box: Container, sweeps: Any, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken() -> bool:
        redis_client.set(f"ci-memory:sweep:{names.AGE}", "another")
        return False

    monkeypatch.setattr(sweeps, "stopping", overtaken)

    assert (sweeps.age(), old(box)) == (2, 2)
    assert redis_client.get(f"ci-memory:sweep:{names.AGE}") == b"another", "the other goes on"


def test_jobs_on_branches_that_run_no_more_are_forgotten_with_what_grew_old(
    box: Container, sweeps: Any, redis_client: Redis
) -> None:
    revisions = f"ci-memory:{{{T}}}:line_revisions"
    assert redis_client.hlen(revisions) == PATTERNS
    for key in redis_client.scan_iter(f"ci-memory:{{{T}}}:line:*"):
        redis_client.delete(key)

    sweeps.age()

    assert redis_client.hlen(revisions) == 0
