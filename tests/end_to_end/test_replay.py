"""`ci-memory replay`, on what real workers recorded: what another policy would have hidden."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from build_logs import pytest_log
from ci_memory_producers import FailureEvent, PassEvent
from ci_memory_workers.adapters.redis_records import RedisRecords
from running_fleet import Up, wait_until


def push(up: Up, tenant: str, run: int, *, passed: bool = False, attempt: int = 1) -> None:
    """One attempt of a job on the main branch; returns once it is recorded."""
    where: dict[str, Any] = {
        "tenant": tenant, "repo": "acme/shop", "branch": "main", "default_branch": "main", "job": "unit", "stage": "test",
        "build_id": f"b{run}", "run_number": run, "commit_sha": f"c{run}", "attempt": attempt,
    }  # fmt: skip
    log = pytest_log(run, test="test_replayed")
    before = recorded(up, tenant)
    with up.producer() as producer:
        producer.push(PassEvent(**where) if passed else FailureEvent(error_message=log, **where))
    wait_until(lambda: recorded(up, tenant) == before + 1, what=f"the record of run {run}")


def recorded(up: Up, tenant: str) -> int:
    box = up.container()
    try:
        return sum(1 for _ in RedisRecords(box.redis).records(tenant, 0))
    finally:
        box.redis.close()


def test_a_lax_policy_is_shown_beside_the_one_in_force_with_the_real_regression_that_it_hides(
    up: Up, tenant: str, tmp_path: Path
) -> None:
    push(up, tenant, 1)
    push(up, tenant, 1, passed=True, attempt=2)
    push(up, tenant, 2)
    push(up, tenant, 3)
    push(up, tenant, 4, passed=True)
    policy = tmp_path / "lax.toml"
    policy.write_text("min_episodes = 1\n")
    # Sweeps come as often as events here, as they do where events are hours apart.
    often = replace(up, environment={**up.environment, "CI_MEMORY_SWEEP_SECONDS": "0.001"})
    command = ("ci-memory", "replay", "--since", "1h", "--policy", str(policy), "--tenant", tenant)

    done = often.run(*command, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    current, new = said["policies"]["current"], said["policies"]["new"]
    assert (said["records"]["failures"], said["records"]["passes"], said["records"]["matched"]) == (3, 2, 2)
    assert (current["policy"]["min_episodes"], new["policy"]["min_episodes"]) == (3, 1)
    assert (current["quarantined"], current["hidden"], current["hidden_regressions"]) == ([], [], [])
    (pattern_id,) = new["quarantined"]
    (regression,) = new["hidden_regressions"]
    assert (regression["pattern_id"], regression["why"], regression["fixed_by"]) == (pattern_id, "fixed", "c4")
    assert "acme/shop#b2" in regression["places"]
    assert up.pattern(tenant, pattern_id)["status"] == "flaky", "nothing was put into quarantine"

    shown = often.run(*command).stdout
    assert "REAL REGRESSIONS HIDDEN" in shown
    assert "new: real regressions that quarantine would have hidden" in shown
    assert pattern_id in shown
    assert "acme/shop#b2" in shown

    reread = up.run("ci-memory", "replay", "--fingerprints", "--tenant", tenant, "--json")
    assert json.loads(reread.stdout)["same"] == [pattern_id]

    policy.write_text("ratio = 1.5\nthreshold = 3\n")
    refused = up.run(*command)
    assert refused.returncode == 2
    assert "ratio: Input should be less than or equal to 1" in refused.stderr
    assert "threshold: is no key of a policy" in refused.stderr
    assert up.run("ci-memory", "replay", "--since", "soon").returncode == 2
