"""Runs of one job on a branch, and what is learned after each: the steps that tests of learning begin with."""

from __future__ import annotations

from typing import Any

from fakes import NOW, RecordingBell, T, failed, fixed, passed, the, watch_of

from ci_memory_producers.quarantine_list import QuarantineList
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.flaky import QuarantinePolicy
from ci_memory_workers.domain.pattern import Pattern
from ci_memory_workers.services.learning import Learner
from ci_memory_workers.services.ports import Dated, Reading
from ci_memory_workers.services.resolutions import ResolutionDesk
from ci_memory_workers.services.sweeps import Sweeper

MINUTE_MS = 60_000
FIX: dict[str, Any] = {"commit_message": "Set AUTH_TOKEN in the fixtures", "author": "dev@example.com"}


class NoLists:
    """Nobody reads the list: `test_quarantine_list` does."""

    def flaky_in(self, tenant: str, pattern_id: str, limit: int) -> tuple[tuple[str, ...], int]:
        return (), 0

    def publish(self, tenant: str, published: QuarantineList) -> None:
        pass


def run_of(number: int, *, commit: str = "", attempt: int = 1, branch: str = "main", **fields: Any) -> dict[str, Any]:
    """A run of the job `unit` on a branch of acme/shop, a minute after the one before it."""
    usual: dict[str, Any] = {
        "build": f"{branch}-{number}",
        "run_number": number,
        "commit_sha": commit or f"c{number}",
        "attempt": attempt,
        "branch": branch,
        "default_branch": "main",
        "job": "unit",
        "ms": NOW + number * MINUTE_MS + attempt,
    }
    return usual | fields


def learn(index: RedisIndex, *events: Reading | Dated, bell: RecordingBell | None = None) -> list[str]:
    """Apply ``events`` one by one, and learn what is due after each; what came of it."""
    learner, came = Learner(index, watch_of(index), bell or RecordingBell()), []
    for event in events:
        index.apply(T, [event], event.ms)
        came += [learner.learn(T, line, event.ms) for line in index.overdue("transitions", T, event.ms, 100)]
    return came


def flake(index: RedisIndex, *numbers: int, text: str = "1:aaaa", **fields: Any) -> None:
    """Runs that fail and pass in their second attempt."""
    for number in numbers:
        learn(index, failed(text, **run_of(number, **fields)), passed(**run_of(number, attempt=2, **fields)))


def only(index: RedisIndex) -> Pattern:
    (pattern_id,) = index.pattern_ids(T, 10)
    return the(index.pattern(T, pattern_id))


def sweep(index: RedisIndex, ms: int, *, clean: int = 4) -> list[tuple[str, str]]:
    policy = QuarantinePolicy(ratio=0.5, min_episodes=2, clean_runs=clean, days=14)
    sweeper = Sweeper(index=index, bell=RecordingBell(), lists=NoLists(), aging_days=90, quarantine=policy)
    return [(made.status, made.reason) for made in sweeper.judge_flaky(ms)]


def at(number: float) -> int:
    """When the log had taken a run."""
    return NOW + int(number * MINUTE_MS) + 30_000


def report(index: RedisIndex, pattern_id: str, ms: int) -> None:
    event = fixed(pattern_id)
    index.apply(T, [Dated(event, ms)], ms)
    ResolutionDesk(index, watch_of(index), RecordingBell()).apply(T, event.event_id, ms)
