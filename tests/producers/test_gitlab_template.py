"""The GitLab template: its after_script in a plain POSIX shell, which says what became of the job and nothing else."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from action_runner import ROOT, load

TEMPLATE = ROOT / "producers" / "gitlab" / "ci-memory.gitlab-ci.yml"
JOB = load(TEMPLATE)[".ci-memory"]
REPORTER = '#!/bin/sh\necho "$*" >> "$CALLS"\nexit "$STATUS"\n'


class Job:
    """A job whose ``ci-memory-report`` is a stand-in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.calls_file = directory / "calls"
        programs = directory / "bin"
        programs.mkdir()
        reporter = programs / "ci-memory-report"
        reporter.write_text(REPORTER)
        reporter.chmod(reporter.stat().st_mode | stat.S_IXUSR)
        self.environment = {"PATH": f"{programs}:{os.environ['PATH']}", "CALLS": str(self.calls_file), "STATUS": "0"}

    def after(self, status: str, **variables: str) -> str:
        """Run the after_script of a job that ended as ``status`` says; what it printed."""
        done = subprocess.run(
            ["sh", "-c", "\n".join(JOB["after_script"])],
            env=self.environment | JOB["variables"] | {"CI_JOB_STATUS": status} | variables,
            cwd=self.directory,
            capture_output=True,
            timeout=60,
            check=False,
        )
        return done.stdout.decode() + done.stderr.decode()

    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_a_failure_is_reported_and_written_on_the_merge_request(job: Job) -> None:
    (job.directory / "build.log").write_text("x\n")
    (job.directory / "report.xml").write_text("<testsuites/>")
    (job.directory / "failure_analysis.json").write_text("an earlier run's")

    assert job.after("failed", CI_MEMORY_STAGE="build") == ""
    assert job.calls() == [
        "failure --stage build --junit report.xml --error-file build.log --wait 60",
        "comment --stage build --junit report.xml --error-file build.log",
    ]
    assert not (job.directory / "failure_analysis.json").exists()


def test_a_success_is_a_pass_and_resolves_the_note(job: Job) -> None:
    job.after("success")

    assert job.calls() == ["pass --stage test", "comment --stage test --resolved"]


@pytest.mark.parametrize("status", ["canceled", "running", ""])
def test_what_was_cancelled_says_nothing(job: Job, status: str) -> None:
    assert job.after(status) == ""
    assert job.calls() == []


def test_without_anything_that_says_what_failed_it_says_so(job: Job) -> None:
    assert "write a log to build.log, or JUnit XML to report.xml" in job.after("failed")
    assert job.calls() == []


def test_a_memory_out_of_reach_stops_nothing(job: Job) -> None:
    (job.directory / "build.log").write_text("x\n")
    job.after("failed", STATUS="3")

    assert [call.split()[0] for call in job.calls()] == ["failure", "comment"]


def test_no_variable_is_run_by_the_shell(job: Job) -> None:
    nasty = "$(touch pwned); touch pwned '\" `touch pwned`"
    (job.directory / nasty).write_text("x\n")
    job.after("failed", CI_MEMORY_LOG=nasty, CI_MEMORY_JUNIT=nasty, CI_MEMORY_STAGE=nasty, CI_MEMORY_WAIT=nasty)

    assert not (job.directory / "pwned").exists()
    assert job.calls()[0] == f"failure --stage {nasty} --junit {nasty} --error-file {nasty} --wait {nasty}"


def test_the_answer_is_kept_with_the_job(job: Job) -> None:
    assert JOB["artifacts"]["when"] == "always"
    assert JOB["artifacts"]["paths"] == ["failure_analysis.json"]
    assert set(JOB) == {"variables", "after_script", "artifacts"}
