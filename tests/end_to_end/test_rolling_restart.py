"""Workers are replaced one after another while events come in: each ends by itself, and nothing is lost or counted twice."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from build_logs import missing_module_log
from ci_memory_producers import FailureEvent
from ci_memory_workers.beat import claim_key
from ci_memory_workers.names import RING
from llm_standin import LLMStandin
from running_fleet import Up, start_up, wait_until

TENANT = "rolling"
MODULES = [f"module_{chr(97 + n)}{chr(97 + n)}" for n in range(10)]
QUEUES = ("ingest", "analysis", "memory", "resolutions", "sweeps")


@pytest.fixture
def fleet(tmp_path_factory: pytest.TempPathFactory, llm: LLMStandin) -> Iterator[Up]:
    llm.mode = "ok"
    up = start_up(
        tmp_path_factory.mktemp("rolling"),
        OPENAI_API_KEY="sk-made-up-for-tests",
        OPENAI_BASE_URL=llm.url,
        CI_MEMORY_LLM_MODEL="stand-in",
        CI_MEMORY_LLM_TIMEOUT="20",
        CI_MEMORY_DRAIN_SECONDS="60",
    )
    yield up
    assert up.stop() == 0


def failure(build: int) -> FailureEvent:
    log = missing_module_log(MODULES[build % len(MODULES)], build % 60)
    return FailureEvent(tenant=TENANT, repo=f"acme/r{build % 7}", build_id=str(build), stage="build", error_message=log)


class Load(threading.Thread):
    """Pushes builds, ten a time, until it is told to stop; ``pushed`` says how many."""

    def __init__(self, up: Up) -> None:
        super().__init__(daemon=True)
        self._up = up
        self._stop_now = threading.Event()
        self.pushed = 0

    def run(self) -> None:
        with self._up.producer() as producer:
            while not self._stop_now.wait(0.02):
                producer.push_many([failure(build) for build in range(self.pushed, self.pushed + 10)])
                self.pushed += 10

    def stop(self) -> int:
        self._stop_now.set()
        self.join()
        return self.pushed


def main_process(up: Up, queue: str) -> int:
    """The process of the worker for ``queue`` that `up` has started; 0 while there is none."""
    return child(up, f"{queue}@%h")


def child(up: Up, argument: str) -> int:
    """The process that `up` has started with ``argument``; 0 while there is none."""
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit():
                continue
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == up.process.pid and argument.encode() in (entry / "cmdline").read_bytes().split(b"\0"):
                return int(entry.name)
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return 0


def replace_worker(up: Up, queue: str) -> None:
    """End the worker as an operator does, and wait until another has taken its place."""
    old = wait_until(lambda: main_process(up, queue), what=f"the worker for {queue}")
    log = up.directory / "logs" / f"worker-{queue}.log"
    starts = log.read_text().count(" ready.")
    os.kill(old, signal.SIGTERM)
    wait_until(lambda: main_process(up, queue) not in (0, old), what=f"another worker for {queue}")
    wait_until(lambda: log.read_text().count(" ready.") > starts, what=f"it is ready for {queue}")


def replace_beat(up: Up, client: Redis) -> None:
    """End beat as an operator does, and wait until another rings."""
    old = wait_until(lambda: child(up, "beat"), what="beat")
    os.kill(old, signal.SIGTERM)
    wait_until(lambda: child(up, "beat") not in (0, old), what="another beat")
    client.delete(claim_key(RING))
    wait_until(lambda: client.exists(claim_key(RING)), what="it rings")


def test_a_rolling_restart_under_load_loses_nothing_and_no_worker_has_to_be_killed(fleet: Up) -> None:
    load = Load(fleet)
    load.start()
    for queue in QUEUES:
        replace_worker(fleet, queue)
    box = fleet.container()
    replace_beat(fleet, box.redis)
    pushed = load.stop()

    wait_until(lambda: box.log.lag() == 0 and box.log.unacknowledged() == 0, what="the log is read")
    ids = box.index.pattern_ids(TENANT, 100)
    patterns = [pattern for pattern_id in ids if (pattern := box.index.pattern(TENANT, pattern_id))]
    assert sum(pattern.occurrences for pattern in patterns) == pushed
    assert [pattern.occurrences for pattern in patterns] == [pushed // len(MODULES)] * len(MODULES)
    assert box.log.dead_count() == 0
    wait_until(lambda: all((p := box.index.pattern(TENANT, i)) and p.analysed == "final" for i in ids), what="every analysis")
    box.redis.close()


def test_a_worker_whose_model_hangs_ends_all_the_same_and_its_analysis_is_done_by_another(fleet: Up, llm: LLMStandin) -> None:
    llm.mode = "hang"
    llm.requests.clear()
    event = failure(10_001).model_copy(update={"tenant": "hanging"})
    with fleet.producer() as producer:
        producer.push(event, wait=True)
        llm.wait_for_requests(1, timeout=60)
        llm.mode = "ok"

        replace_worker(fleet, "analysis")

        answer = producer.analyses("hanging", [event.event_id], seconds=120)[0]
    llm.release()
    assert answer.status == "new_pattern"
