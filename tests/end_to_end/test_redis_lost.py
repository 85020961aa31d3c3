"""Redis is lost, and what was learned is not: rebuilt from Aegis, moved by export and import."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from build_logs import missing_module_log, pytest_log
from ci_memory_producers import FailureEvent, PassEvent, ResolutionEvent
from ci_memory_workers.names import LANES
from llm_standin import LLMStandin
from running_fleet import Up, start_up, wait_until

TENANT, COPY = "team", "copy"


def event(log: str, build: str, *, run: int | None = None, **more: Any) -> FailureEvent:
    place = {"tenant": TENANT, "repo": "acme/shop", "stage": "test", "job": "unit", "branch": "main", "default_branch": "main"}
    return FailureEvent(**{**place, "error_message": log, "build_id": build, "run_number": run, **more})


def listed(up: Up, tenant: str = TENANT) -> list[dict[str, Any]]:
    done = up.run("ci-memory", "patterns", "list", "--tenant", tenant, "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def said(up: Up, *command: str, status: int = 0) -> str:
    done = up.run("ci-memory", *command)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def nothing_is_owed(up: Up) -> bool:
    box = up.container()
    try:
        return all(box.index.owed(lane, TENANT) == 0 for lane in LANES) and box.log.lag() == 0
    finally:
        box.redis.close()


def shown(up: Up, ids: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What `patterns show` says, less how often a worker began an analysis: that is about workers that died."""
    return {name: {**up.pattern(TENANT, pattern_id), "takes": 0} for name, pattern_id in ids.items()}


def teach(up: Up, llm: LLMStandin) -> dict[str, str]:
    """Patterns: with a reported fix and an alias by the model, with a learned fix, quarantined, deprecated by aging."""
    reported = up.ask(event(missing_module_log("redis"), "1")).pattern_id or ""
    llm.mode = f"same_as:{reported}"
    wait_until(lambda: nothing_is_owed(up), what="the reflection that the model is shown")
    assert up.ask(event(missing_module_log("redis_client"), "2", repo="acme/cart")).pattern_id == reported
    llm.mode = "ok"
    with up.producer() as producer:
        fix = ResolutionEvent(
            tenant=TENANT,
            repo="acme/shop",
            pattern_id=reported,
            fix_type="config_change",
            fix_description="add redis to the image",
        )
        producer.push(fix, wait=True)
        producer.wait(TENANT, fix.event_id, seconds=60)
        learned = up.ask(event(pytest_log(2, test="test_learned"), "b1", run=1, commit_sha="c1", job="web")).pattern_id or ""
        place = {"tenant": TENANT, "repo": "acme/shop", "stage": "test", "branch": "main", "default_branch": "main"}
        for run, message in ((2, "Set AUTH_TOKEN in the fixtures"), (3, "Docs"), (4, "More docs")):
            commit = {"commit_sha": f"c{run}", "commit_message": message, "author": "dev@example.com"}
            producer.push(PassEvent(**place, job="web", build_id=f"b{run}", run_number=run, **commit))
        for build in ("f1", "f2", "f3", "f4"):
            flaky = up.ask(event(pytest_log(3, test="test_sometimes"), build, job="e2e")).pattern_id or ""
            producer.push(PassEvent(**{**place, "job": "e2e"}, build_id=build, attempt=2))
    aged = up.ask(event(missing_module_log("left_pad"), "9")).pattern_id or ""
    wait_until(lambda: up.index_pattern(TENANT, flaky).flaky_episodes == 4, what="four flaky episodes")
    wait_until(lambda: (one := up.index_pattern(TENANT, learned).fix) and one.learned_worked == 1, what="the learned fix")
    said(up, "sweep", "quarantine")
    box = up.container()
    assert box.index.set_status(
        TENANT, up.index_pattern(TENANT, aged), "deprecated", reason="not seen for 90 days", now_ms=1, only_if_unseen=True
    )
    box.redis.close()
    wait_until(lambda: nothing_is_owed(up), what="Aegis has all of it")
    return {"resolved": reported, "learned": learned, "quarantined": flaky, "deprecated": aged}


def test_what_a_fleet_has_learned_outlives_its_redis(tmp_path: Path, llm: LLMStandin) -> None:
    model = {
        "OPENAI_API_KEY": "sk-made-up-for-tests",
        "OPENAI_BASE_URL": llm.url,
        "CI_MEMORY_LLM_MODEL": "stand-in",
        "CI_MEMORY_QUARANTINE_MIN_EPISODES": "3",
    }
    up = start_up(tmp_path / "data", **model)
    try:
        ids = teach(up, llm)
        before = shown(up, ids)
        order = listed(up)
    finally:
        assert up.stop() == 0
    assert {name: one["status"] for name, one in before.items()} == {**{name: name for name in ids}, "learned": "resolved"}
    shutil.rmtree(tmp_path / "data" / "redis")

    up = start_up(tmp_path / "data", **model)
    try:
        assert said(up, "patterns", "list", "--tenant", TENANT).strip() == "nothing is known yet"
        assert f"{TENANT}: 4 patterns restored" in said(up, "rebuild")

        assert shown(up, ids) == before
        assert "is not empty" in said(up, "rebuild", status=2)
        assert said(up, "rebuild", "--merge", "--tenant", TENANT).strip() == f"{TENANT}: 4 patterns as new or newer here"
        asked = len(llm.requests)
        again = up.ask(event(missing_module_log("redis_client", 7), "20", repo="acme/cart"))
        assert (again.status, again.pattern_id) == ("known_pattern", ids["resolved"])
        assert again.suggested_fix == "add redis to the image"
        assert again.similar_failures == before["resolved"]["occurrences"] + 1
        assert len(llm.requests) == asked
        moved(up, tmp_path, order)
    finally:
        assert up.stop() == 0


def moved(up: Up, directory: Path, order: list[dict[str, Any]]) -> None:
    """Export and import give the same, twice; a broken file changes nothing."""
    wait_until(lambda: nothing_is_owed(up), what="Aegis has the repeat too")
    file = directory / "team.jsonl"
    said(up, "export", "--tenant", TENANT, "--output", str(file))
    assert said(up, "export", "--tenant", TENANT) == file.read_text()
    assert "4 patterns of 1 tenants" in said(up, "import", str(file), "--dry-run")
    broken = directory / "broken.jsonl"
    broken.write_text(file.read_text() + "{\n")
    lines = len(broken.read_text().splitlines())
    assert f"line {lines}: " in said(up, "import", str(broken), "--tenant", COPY, status=2)
    assert listed(up, COPY) == []

    assert "4 patterns restored" in said(up, "import", str(file), "--tenant", COPY)

    assert listed(up, COPY) == listed(up)
    assert {one["pattern_id"] for one in listed(up, COPY)} == {one["pattern_id"] for one in order}
    assert "4 patterns as new or newer here" in said(up, "import", str(file), "--tenant", COPY)
