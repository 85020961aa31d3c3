"""The main job, through commands and streams: a failing build gets an answer, and its fix is remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from build_logs import missing_module_log, pytest_log
from ci_memory_producers import FailureEvent, PassEvent
from llm_standin import LLMStandin
from running_fleet import Up, wait_until


def report(up: Up, tenant: str, log: str, *, repo: str, build: str, cwd: Path) -> dict[str, object]:
    (cwd / "build.log").write_text(log)
    place = ("--tenant", tenant, "--repo", repo, "--build-id", build, "--stage", "test")
    done = up.run("ci-memory-report", "failure", *place, "--error-file", "build.log", "--wait", "60", cwd=cwd)
    assert done.returncode == 0, done.stderr
    answer: dict[str, object] = json.loads((cwd / "failure_analysis.json").read_text())
    return answer


def test_a_new_failure_is_diagnosed_fixed_and_known_elsewhere(up: Up, tenant: str, tmp_path: Path) -> None:
    first = report(up, tenant, pytest_log(1), repo="acme/shop", build="1", cwd=tmp_path)

    assert first["status"] == "new_pattern"
    assert first["confidence"] == 0.0
    assert first["analyst"] == "stand-in"
    assert set(first["analysis"]) == {"summary", "likely_cause", "suggested_fix", "prevention"}  # type: ignore[call-overload]  # JSON

    again = report(up, tenant, pytest_log(7), repo="acme/billing", build="92", cwd=tmp_path)
    assert again["status"] == "known_pattern"
    assert again["pattern_id"] == first["pattern_id"]
    assert again["confidence"] == 0.0
    assert again["evidence"]["source"] == "analysis"  # type: ignore[index]  # JSON

    fix = ("--fix-type", "config_change", "--fix-description", "set AUTH_TOKEN in the fixtures", "--fix-commit", "9f3c2e1")
    who = ("--tenant", tenant, "--repo", "acme/shop", "--fixed-by", "dev@example.com")
    done = up.run("ci-memory-report", "resolution", *who, "--pattern-id", str(first["pattern_id"]), *fix)
    assert done.returncode == 0, done.stderr
    assert "resolved" in done.stdout

    known = report(up, tenant, pytest_log(23), repo="acme/search", build="7", cwd=tmp_path)
    assert known["status"] == "known_pattern"
    assert known["suggested_fix"] == "set AUTH_TOKEN in the fixtures"
    assert known["similar_failures"] == 3
    assert 0 < float(str(known["confidence"])) < 1
    assert known["evidence"]["fix_commit"] == "9f3c2e1"  # type: ignore[index]  # JSON


def test_what_is_learned_reaches_aegis(up: Up, tenant: str, tmp_path: Path) -> None:
    first = report(up, tenant, missing_module_log("left_pad"), repo="acme/shop", build="1", cwd=tmp_path)
    pattern_id = str(first["pattern_id"])
    fix = ("--fix-type", "code_change", "--fix-description", "add left_pad to the dependencies")
    up.run("ci-memory-report", "resolution", "--tenant", tenant, "--repo", "acme/shop", "--pattern-id", pattern_id, *fix)
    report(up, tenant, missing_module_log("left_pad", 9), repo="acme/cart", build="5", cwd=tmp_path)
    knowledge = up.container().knowledge

    def written() -> bool:
        found = knowledge.find(tenant, pattern_id, "reflection")
        memory = knowledge.get(tenant, found[0]) if found else None
        return memory is not None and memory.metadata.get("occurrence_count") == 2 and memory.metadata.get("status") == "resolved"

    wait_until(written, what="the reflection carries the counts")
    reflections = knowledge.find(tenant, pattern_id, "reflection")
    strategies = knowledge.find(tenant, pattern_id, "strategy")
    assert (len(reflections), len(strategies)) == (1, 1)
    strategy = knowledge.get(tenant, strategies[0])
    assert strategy is not None
    assert strategy.metadata["type"] == "ci_fix_strategy"
    assert "add left_pad to the dependencies" in strategy.content
    assert strategy.helpful == 1
    reflection = knowledge.get(tenant, reflections[0])
    assert reflection is not None
    assert reflection.metadata["correct_approach"] == "add left_pad to the dependencies"
    assert reflection.helpful == 2
    found = up.run("ci-memory", "patterns", "search", "left_pad", "missing", "--tenant", tenant)
    assert pattern_id in found.stdout


def test_two_hundred_pushes_of_one_new_failure_are_one_analysis(up: Up, tenant: str, llm: LLMStandin) -> None:
    events = [
        FailureEvent(
            tenant=tenant, repo=f"acme/r{n % 20}", build_id=str(n), stage="test", error_message=missing_module_log("six", n % 60)
        )
        for n in range(200)
    ]
    with up.producer() as producer:
        producer.push_many(events, wait=True)
        first = producer.analyses(tenant, [event.event_id for event in events], seconds=60)
        producer.push_many(events)
        again = producer.analyses(tenant, [event.event_id for event in events], seconds=60)

    assert {answer.status for answer in first} == {"new_pattern", "known_pattern"}
    assert [answer.status for answer in first].count("new_pattern") == 1
    assert [answer.status for answer in again] == [answer.status for answer in first]
    assert len(llm.requests) == 1
    pattern_id = first[0].pattern_id or ""
    box = up.container()
    wait_until(lambda: box.log.lag() == 0 and box.log.unacknowledged() == 0, what="the log is read")
    assert up.index_pattern(tenant, pattern_id).occurrences == 200
    wait_until(lambda: box.knowledge.find(tenant, pattern_id, "reflection"), what="the reflection")
    assert len(box.knowledge.find(tenant, pattern_id, "reflection")) == 1


def test_a_rerun_that_passes_marks_the_failure_flaky_and_the_sweep_quarantines_it(up: Up, tenant: str) -> None:
    with up.producer() as producer:
        for build in ("1", "2", "3"):
            where = {"tenant": tenant, "repo": "acme/shop", "build_id": build, "stage": "test", "job": "unit"}
            event = FailureEvent(**where, error_message=pytest_log(3, test="test_sometimes"))
            producer.push(event, wait=True)
            answer = producer.analyses(tenant, [event.event_id], seconds=60)[0]
            producer.push(PassEvent(**where, attempt=2))
    pattern_id = answer.pattern_id or ""
    wait_until(lambda: up.index_pattern(tenant, pattern_id).flaky_episodes == 3, what="three flaky episodes")

    tried = up.run("ci-memory", "sweep", "quarantine", "--dry-run")
    assert f"{pattern_id}  quarantined" in tried.stdout
    assert up.index_pattern(tenant, pattern_id).status == "flaky"
    done = up.run("ci-memory", "sweep", "quarantine")
    assert f"{pattern_id}  quarantined" in done.stdout

    assert up.index_pattern(tenant, pattern_id).status == "quarantined"
    event = FailureEvent(
        tenant=tenant, repo="acme/shop", build_id="4", stage="test", error_message=pytest_log(9, test="test_sometimes")
    )
    assert "likely flaky" in up.ask(event).message


def test_a_rerun_is_never_learned_as_a_fix(up: Up, tenant: str) -> None:
    event = FailureEvent(tenant=tenant, repo="acme/shop", build_id="1", stage="build", error_message=missing_module_log("yaml"))
    pattern_id = up.ask(event).pattern_id or ""

    done = up.run(
        "ci-memory-report",
        "resolution",
        "--tenant",
        tenant,
        "--repo",
        "acme/shop",
        "--pattern-id",
        pattern_id,
        "--fix-type",
        "rerun",
    )

    assert "flaky" in done.stdout
    shown = up.pattern(tenant, pattern_id)
    assert (shown["status"], shown["fixes"]) == ("flaky", [])


def test_stats_tell_the_promised_outcomes(up: Up, tenant: str) -> None:
    event = FailureEvent(tenant=tenant, repo="acme/shop", build_id="1", stage="build", error_message=missing_module_log("toml"))
    up.ask(event)
    up.ask(event.model_copy(update={"event_id": "another-build-0", "build_id": "2"}))

    done = up.run("ci-memory", "stats", "--tenant", tenant, "--json")

    stats = json.loads(done.stdout)
    assert (stats["patterns"], stats["failures"], stats["repeats"]) == (1, 2, 1)
    assert stats["repeats_answered_with_known_fix"] == 0.0
    assert stats["mean_seconds_to_diagnose"] >= 0
    assert stats["newest_event_age_seconds"] >= 0


@pytest.mark.parametrize("log", [pytest_log(5), missing_module_log("attr")], ids=["pytest", "module"])
def test_the_log_from_standard_input_is_as_good(up: Up, tenant: str, tmp_path: Path, log: str) -> None:
    place = ("--tenant", tenant, "--repo", "acme/shop", "--build-id", "1", "--stage", "test")
    done = up.run("ci-memory-report", "failure", *place, "--wait", "60", stdin=log, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "NEW FAILURE" in done.stdout
