"""Kill -9 of whole worker trees: counters add up, every new failure is analysed, and nothing is counted twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from build_logs import missing_module_log
from ci_memory_producers import FailureEvent
from llm_standin import LLMStandin
from running_fleet import Up, start_up, wait_until

TENANT = "killed"


@pytest.fixture
def fleet(tmp_path_factory: pytest.TempPathFactory, llm: LLMStandin) -> Iterator[Up]:
    llm.mode = "ok"
    up = start_up(
        tmp_path_factory.mktemp("killed"),
        OPENAI_API_KEY="sk-made-up-for-tests",
        OPENAI_BASE_URL=llm.url,
        CI_MEMORY_LLM_MODEL="stand-in",
        CI_MEMORY_LLM_TIMEOUT="1",
        CI_MEMORY_BATCH="20",
    )
    yield up
    assert up.stop() == 0


def worker_groups(up: Up) -> list[int]:
    """Process groups of the fleet's workers and beat: children of `up` that run Celery."""
    groups = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1]) if entry.name.isdigit() else 0
            if parent == up.process.pid and b"ci_memory_workers.app" in (entry / "cmdline").read_bytes():
                groups.append(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return groups


def all_new(up: Up, killed: set[int]) -> bool:
    """Whether workers run, none of which was killed."""
    running = set(worker_groups(up))
    return bool(running) and not running & killed


def test_killing_every_worker_again_and_again_loses_and_doubles_nothing(fleet: Up, llm: LLMStandin) -> None:
    modules = [f"module_{chr(97 + n)}{chr(97 + n)}" for n in range(20)]
    events = [
        FailureEvent(
            tenant=TENANT,
            repo=f"acme/r{n % 50}",
            build_id=str(n),
            stage="build",
            error_message=missing_module_log(modules[n % 20], n % 60),
        )
        for n in range(2_000)
    ]
    with fleet.producer() as producer:
        for start in range(0, 2_000, 500):
            producer.push_many(events[start : start + 500])
            groups = wait_until(lambda: worker_groups(fleet), what="workers")
            for group in groups:
                os.killpg(group, signal.SIGKILL)
            wait_until(partial(all_new, fleet, set(groups)), what="new workers")
        producer.push_many(events)

        box = fleet.container()
        wait_until(lambda: box.log.lag() == 0 and box.log.unacknowledged() == 0, what="the log is read")
        answers = {event.event_id: producer.wait(TENANT, event.event_id, seconds=60) for event in events}

    assert all(answer is not None and answer.status != "pending" for answer in answers.values())
    ids = box.index.pattern_ids(TENANT, 100)
    patterns = [pattern for pattern_id in ids if (pattern := box.index.pattern(TENANT, pattern_id))]
    assert len(patterns) == 20
    assert [pattern.occurrences for pattern in patterns] == [100] * 20
    assert [pattern.match_votes for pattern in patterns] == [99] * 20, "one a build, but for the first"
    assert box.log.dead_count() == 0
    wait_until(
        lambda: all((p := box.index.pattern(TENANT, pattern_id)) and p.analysed == "final" for pattern_id in ids),
        what="every new failure is analysed",
    )
    wait_until(lambda: all(box.knowledge.find(TENANT, i, "reflection") for i in ids), what="the reflections")
    assert [len(box.knowledge.find(TENANT, i, "reflection")) for i in ids] == [1] * 20
