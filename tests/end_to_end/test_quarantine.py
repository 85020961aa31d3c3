"""Quarantine where tests run, with real processes: by evidence, by failure, for one repository, and until it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from running_fleet import Up, wait_until

SUITE = """
import os

def test_delivers():
    if os.environ["HOW"] == "flaky":
        raise ConnectionError("the queue closed the connection")
    if os.environ["HOW"] == "otherwise":
        raise ValueError("the total is negative")
"""
PLACE = ("--stage", "test", "--job", "unit", "--repo", "acme/shop")


def pytest_run(up: Up, tenant: str, checkout: Path, how: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = up.environment | {"HOW": how, "CI_MEMORY_TENANT": tenant}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, env=environment, cwd=checkout, capture_output=True, text=True, timeout=120, check=False)


def quarantine(up: Up, tenant: str, repo: str) -> list[dict[str, Any]]:
    done = up.run("ci-memory-report", "quarantine", "--repo", repo, "--tenant", tenant)
    assert done.returncode == 0, done.stderr
    entries: list[dict[str, Any]] = json.loads(done.stdout)["entries"]
    return entries


def let_flaky(build: str, repo: str = "acme/shop") -> tuple[str, ...]:
    return (
        "--ci-memory-quarantine", "--ci-memory-repo", repo, "--ci-memory-build-id", build, "--ci-memory-job", "unit",
    )  # fmt: skip


def test_only_the_failure_that_is_known_to_be_flaky_is_let_through(up: Up, tenant: str, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "tests").mkdir(parents=True)
    (checkout / "tests" / "test_queue.py").write_text(SUITE)
    assert quarantine(up, tenant, "acme/shop") == []

    for build in ("1", "2", "3"):
        assert pytest_run(up, tenant, checkout, "flaky", "--junit-xml=report.xml").returncode == 1
        where = (*PLACE, "--tenant", tenant, "--build-id", build)
        told = up.run(
            "ci-memory-report", "failure", *where, "--junit", "report.xml", "--wait", "60", "--output", "a.json", cwd=checkout
        )
        assert told.returncode == 0, told.stderr
        assert up.run("ci-memory-report", "pass", *where, "--attempt", "2").returncode == 0
    pattern_id = json.loads((checkout / "a.json").read_text())["pattern_id"]
    wait_until(lambda: up.index_pattern(tenant, pattern_id).flaky_episodes == 3, what="three flaky episodes")
    assert up.run("ci-memory", "sweep", "quarantine").returncode == 0

    (entry,) = quarantine(up, tenant, "acme/shop")
    assert (entry["pattern_id"], entry["reason"]) == (pattern_id, "flaky in 3 of 3 builds (100%)")
    assert quarantine(up, tenant, "acme/other") == []
    why = ("--by", "dev@example.com", "--why", "it is their queue", "--tenant", tenant)
    assert up.run("ci-memory", "patterns", "own", pattern_id, "team-queue", *why).returncode == 0
    assert up.run("ci-memory", "sweep", "quarantine").returncode == 0
    assert [(one["owner"], one["until"] > one["since"]) for one in quarantine(up, tenant, "acme/shop")] == [("team-queue", True)]

    flaky = pytest_run(up, tenant, checkout, "flaky", "-rx", *let_flaky("4"))
    assert flaky.returncode == 0, flaky.stdout
    assert f"quarantined flaky failure {pattern_id}: flaky in 3 of 3 builds (100%)" in flaky.stdout

    otherwise = pytest_run(up, tenant, checkout, "otherwise", *let_flaky("4"))
    assert otherwise.returncode == 1
    assert "ValueError: the total is negative" in otherwise.stdout

    elsewhere = pytest_run(up, tenant, checkout, "flaky", *let_flaky("4", "acme/other"))
    assert elsewhere.returncode == 1
    assert "nothing of acme/other is in quarantine" in elsewhere.stdout


def test_a_failure_that_is_let_through_and_fails_again_each_time_is_released(up: Up, tenant: str, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "tests").mkdir(parents=True)
    (checkout / "tests" / "test_queue.py").write_text(SUITE)
    pytest_run(up, tenant, checkout, "flaky", "--junit-xml=red.xml")
    retried = (checkout / "red.xml").read_text().replace("<failure", "<flakyFailure").replace("</failure", "</flakyFailure")
    (checkout / "retried.xml").write_text(retried)
    for build in ("1", "2", "3"):
        where = (*PLACE, "--tenant", tenant, "--build-id", build)
        assert up.run("ci-memory-report", "pass", *where, "--junit", "retried.xml", cwd=checkout).returncode == 0
    box = up.container()
    wait_until(lambda: box.index.pattern_ids(tenant, 1), what="the failure")
    (pattern_id,) = box.index.pattern_ids(tenant, 2)
    wait_until(lambda: up.index_pattern(tenant, pattern_id).flaky_episodes == 3, what="three flaky episodes")
    wait_until(lambda: up.index_pattern(tenant, pattern_id).analysed, what="the analysis")
    assert f"{pattern_id}  quarantined" in up.run("ci-memory", "sweep", "quarantine").stdout

    for build in ("4", "5", "6"):
        assert pytest_run(up, tenant, checkout, "flaky", *let_flaky(build)).returncode == 0
    wait_until(lambda: up.index_pattern(tenant, pattern_id).episodes == 6, what="three more failures")
    assert "released: it is broken, not flaky" in up.run("ci-memory", "sweep", "quarantine").stdout

    assert quarantine(up, tenant, "acme/shop") == []
    assert pytest_run(up, tenant, checkout, "flaky", *let_flaky("7")).returncode == 1
