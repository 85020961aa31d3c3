"""What the operator sees in Flower: workers, queues, tasks and counts; no text of a build, and no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from build_logs import missing_module_log
from ci_memory_producers import FailureEvent
from running_fleet import free_port, start_up, wait_until


def test_flower_shows_workers_queues_tasks_and_counts_and_nothing_of_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    up = start_up(
        tmp_path / "data",
        "--flower",
        CI_MEMORY_FLOWER_PORT=str(port),
        CI_MEMORY_DRAIN_SECONDS="1",
        FLOWER_UNAUTHENTICATED_API="true",
    )
    base = f"http://127.0.0.1:{port}"
    secret = "ghp_" + "0FakeFake" * 4
    log = missing_module_log("flask") + f"GITHUB_TOKEN={secret}\nERROR: the_text_of_this_build\n"
    client = httpx.Client(base_url=base, timeout=10, trust_env=False)

    def get(path: str) -> Any:
        try:
            reply = client.get(path)
        except httpx.TransportError:
            return None
        return reply.json() if reply.status_code == 200 else None

    try:
        event = FailureEvent(repo="acme/shop", build_id="1", stage="build", error_message=log)
        answer = up.ask(event)
        with up.producer() as producer:
            producer.push(event.model_copy(update={"event_id": "second-build-1", "build_id": "2"}))

        def tasks() -> Any:
            found = get("/api/tasks?limit=500") or {}
            done = [task for task in found.values() if task["state"] == "SUCCESS"]
            names = {task["name"] for task in done}
            wanted = {"ingest.drain", "analysis.analyze", "memory.sync", "sweeps.ring"}
            counted = any("'known': 1" in (task["result"] or "") for task in done)
            return found if wanted <= names and counted else None

        found = wait_until(tasks, what="tasks of every queue in Flower")
        workers = wait_until(lambda: get("/api/workers?refresh=1"), what="workers in Flower")
    finally:
        client.close()
        assert up.stop() == 0

    assert {name.split("@")[0] for name in workers} == {"ingest", "analysis", "memory", "resolutions", "sweeps"}
    queues = {queue["name"] for worker in workers.values() for queue in worker.get("active_queues") or []}
    assert queues == {"ingest", "analysis", "memory", "resolutions", "sweeps"}
    shown = json.dumps(found) + up.logs()
    assert answer.pattern_id
    assert answer.pattern_id in shown
    for hidden in (secret, "the_text_of_this_build", "No module named"):
        assert hidden not in shown
