"""Fixes that nobody has to report: learned from fail → pass, scored by what happens next, replaced by what a person says."""

from __future__ import annotations

from typing import Any

from build_logs import missing_module_log, pytest_log
from ci_memory_producers import FailureEvent, PassEvent, ResolutionEvent
from running_fleet import Up, wait_until


class Job:
    """One job on one branch of one repository, which fails and passes as told."""

    def __init__(self, up: Up, tenant: str, log: str, *, repo: str = "acme/shop", branch: str = "main") -> None:
        self.up, self.log = up, log
        self.place: dict[str, Any] = {
            "tenant": tenant, "repo": repo, "branch": branch, "default_branch": "main", "job": "unit", "stage": "test",
        }  # fmt: skip

    def failed(self, run: int, commit: str, **more: Any) -> FailureEvent:
        event = {"error_message": self.log, **self.place, "build_id": f"b{run}", "run_number": run, "commit_sha": commit, **more}
        return FailureEvent(**event)

    def passed(self, run: int, commit: str, **more: Any) -> PassEvent:
        return PassEvent(**self.place, build_id=f"b{run}", run_number=run, commit_sha=commit, **more)

    def push(self, *events: FailureEvent | PassEvent) -> None:
        with self.up.producer() as producer:
            producer.push_many(events)


FIX = {"commit_message": "Set AUTH_TOKEN in the fixtures", "author": "dev@example.com", "changed_files": ("tests/conftest.py",)}


def test_the_commit_after_which_a_job_passes_is_suggested_to_the_next_one(up: Up, tenant: str) -> None:
    job = Job(up, tenant, pytest_log(2, test="test_learned"))
    pattern_id = up.ask(job.failed(1, "c1")).pattern_id or ""

    job.push(job.passed(2, "c2", **FIX))

    wait_until(lambda: up.index_pattern(tenant, pattern_id).fix, what="the learned fix")
    other = Job(up, tenant, pytest_log(8, test="test_learned"), repo="acme/billing")
    answer = up.ask(other.failed(7, "d1"))
    assert answer.status == "known_pattern"
    assert "Set AUTH_TOKEN in the fixtures" in answer.suggested_fix
    assert answer.evidence is not None
    assert (answer.evidence.source, answer.evidence.fix_learned, answer.evidence.fix_commit) == ("fix", True, "c2")
    assert 0.0 < answer.evidence.confidence_at_least < answer.confidence, "nothing has shown yet that it sticks"

    job.push(job.passed(3, "c3"), job.passed(4, "c4"))
    wait_until(lambda: (fix := up.index_pattern(tenant, pattern_id).fix) and fix.learned_worked == 1, what="it stuck")
    later = up.ask(other.failed(8, "d2"))
    assert later.confidence > answer.confidence
    assert "worked 1 of 1 times" in later.message


def test_a_fix_after_which_the_failure_comes_back_has_failed(up: Up, tenant: str) -> None:
    job = Job(up, tenant, pytest_log(2, test="test_comes_back"))
    pattern_id = up.ask(job.failed(1, "c1")).pattern_id or ""
    job.push(job.passed(2, "c2", **FIX), job.failed(3, "c3"))

    wait_until(lambda: (fix := up.index_pattern(tenant, pattern_id).fix) and fix.learned_failed == 1, what="it did not stick")


def test_order_of_arrival_does_not_matter(up: Up, tenant: str) -> None:
    job = Job(up, tenant, pytest_log(2, test="test_order"))
    job.push(job.passed(4, "c4"), job.passed(3, "c3", **FIX), job.failed(2, "c2"), job.passed(5, "c5"))
    pattern_id = up.ask(job.failed(1, "c1")).pattern_id or ""

    fix = wait_until(lambda: (f := up.index_pattern(tenant, pattern_id).fix) and f.learned_worked == 1 and f, what="the fix")
    assert (fix.commit, fix.fixed_by) == ("c3", "dev@example.com")


def test_the_same_commit_that_passes_in_another_build_says_flaky(up: Up, tenant: str) -> None:
    job = Job(up, tenant, pytest_log(2, test="test_flickers"))
    pattern_id = up.ask(job.failed(1, "same")).pattern_id or ""
    job.push(job.passed(2, "same", **FIX))

    wait_until(lambda: up.index_pattern(tenant, pattern_id).status == "flaky", what="flaky")
    assert up.index_pattern(tenant, pattern_id).fixes == ()


def test_a_person_outranks_what_was_learned(up: Up, tenant: str) -> None:
    job = Job(up, tenant, missing_module_log("pandas"))
    pattern_id = up.ask(job.failed(1, "c1")).pattern_id or ""
    job.push(job.passed(2, "c2", commit_message="Unrelated", changed_files=("docs/index.md",)))
    wait_until(lambda: up.index_pattern(tenant, pattern_id).fix, what="the learned fix")

    with up.producer() as producer:
        told = ResolutionEvent(
            tenant=tenant, repo="acme/shop", pattern_id=pattern_id, fix_type="config_change", fix_description="pin pandas below 3"
        )
        producer.push(told, wait=True)
        producer.wait(tenant, told.event_id, seconds=60)

    fix = up.index_pattern(tenant, pattern_id).fix
    assert fix is not None
    assert (fix.description, fix.learned, fix.worked) == ("pin pandas below 3", False, 1)
    job.push(job.passed(3, "c3"), job.passed(4, "c4"))
    shown = up.pattern(tenant, pattern_id)
    assert {one["description"][:9]: one["pending"] for one in shown["fixes"]} == {"pin panda": 0}, "what was inferred gives way"


def test_branches_are_not_mixed(up: Up, tenant: str) -> None:
    main, feature = (Job(up, tenant, missing_module_log("scipy"), branch=branch) for branch in ("main", "feature"))
    pattern_id = up.ask(feature.failed(1, "f1")).pattern_id or ""
    main.push(main.passed(2, "m1", **FIX), main.passed(3, "m2"))
    feature.push(feature.failed(4, "f2"))
    up.ask(feature.failed(5, "f3"))

    assert up.index_pattern(tenant, pattern_id).fixes == ()


def test_a_fix_is_told_when_a_commit_changes_again_what_it_changed(up: Up, tenant: str) -> None:
    job = Job(up, tenant, missing_module_log("polars"))
    pattern_id = up.ask(job.failed(1, "c1")).pattern_id or ""
    fixed = ResolutionEvent(
        tenant=tenant,
        repo="acme/shop",
        pattern_id=pattern_id,
        fix_type="config_change",
        fix_description="pin polars below 2",
        fix_commit="c2",
        changed_files=("requirements.txt", "README.md"),
    )
    with up.producer() as producer:
        producer.push(fixed)
        producer.wait(tenant, fixed.event_id, seconds=60)
    lint = {"job": "lint", "stage": "build", "build_id": "b3", "run_number": 3}

    job.push(job.passed(2, "c2", changed_files=("requirements.txt",)).model_copy(update=lint))
    before = up.ask(job.failed(3, "c3"))
    job.push(job.passed(4, "c4", changed_files=("requirements.txt",)).model_copy(update=lint | {"event_id": "another-commit"}))
    wait_until(lambda: up.index_pattern(tenant, pattern_id).fixes[0].changed_ms, what="the fix is told")
    after = up.ask(job.failed(5, "c5"))

    assert before.evidence is not None
    assert "requirements.txt" not in before.evidence.note
    assert after.evidence is not None
    assert "requirements.txt was changed on" in after.evidence.note
    assert after.suggested_fix == "pin polars below 2"
    assert up.index_pattern(tenant, pattern_id).fixes[0].files == ("requirements.txt",)
