"""From a failing pytest to the comment on the pull request: the Action's steps as the runner runs them, on a real fleet."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from action_runner import ACTION, ActionRun, load, run_action
from ci_memory_producers.comment.marker import Marker
from forge_standin import TOKEN, ForgeStandin
from llm_standin import LLMStandin
from running_fleet import BIN, Up

TEST = """
def test_profile_of_a_member():
    status = {status}
    assert status == 200
"""
EXAMPLE = load(ACTION / "example.yml")["jobs"]["test"]["steps"]


@pytest.fixture
def forge() -> Iterator[ForgeStandin]:
    with ForgeStandin() as standin:
        yield standin


class PullRequest:
    """A job of GitHub Actions that builds pull request 7 of acme/shop: the example's steps, one after the other."""

    def __init__(self, fleet: Up, directory: Path, tenant: str, forge: ForgeStandin) -> None:
        self.directory, self.workspace = directory, directory / "shop"
        self.workspace.mkdir()
        event = directory / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "9f3c2e1a", "ref": "topic"}}}))
        kept = {name: value for name, value in fleet.environment.items() if name in ("HOME", "LANG", "TMPDIR", "NO_PROXY")}
        self.environment = kept | {
            "PATH": f"{BIN}:{fleet.environment['PATH']}", "CI_MEMORY_URL": fleet.url, "CI_MEMORY_TENANT": tenant,
            "CI_MEMORY_DATA_DIR": str(directory / "own"), "CI": "true", "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": f"{forge.url}/github", "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_REPOSITORY": "acme/shop", "GITHUB_WORKFLOW": "CI", "GITHUB_JOB": "test", "GITHUB_EVENT_PATH": str(event),
            "GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/7/merge", "GITHUB_HEAD_REF": "topic",
            "GITHUB_RUN_ATTEMPT": "1",
        }  # fmt: skip

    def build(self, number: int, *, status: int) -> tuple[int, ActionRun]:
        """Run the tests and then the Action; the exit status of the former, and what the latter did."""
        self.environment |= {"GITHUB_RUN_ID": str(number), "GITHUB_RUN_NUMBER": str(number)}
        (self.workspace / "test_profile.py").write_text(TEST.format(status=status))
        output = self.directory / f"output-of-the-tests-{number}"
        tests, asking = EXAMPLE[-2:]
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", tests["run"]],
            env=self.environment | {"GITHUB_OUTPUT": str(output)},
            cwd=self.workspace,
            capture_output=True,
            timeout=100,
            check=False,
        )
        exit_code = output.read_text().strip().removeprefix("exit-code=")
        inputs = asking["with"] | {"exit-code": exit_code}
        done = run_action(
            self.environment,
            self.workspace,
            self.directory / f"run-{number}",
            contexts={"job.status": "failure" if ran.returncode else "success", "github.token": TOKEN},
            **{name.replace("-", "_"): value for name, value in inputs.items()},
        )
        return ran.returncode, done


def test_a_failing_pytest_ends_in_one_comment_that_is_renewed_and_resolved(
    up: Up, tenant: str, llm: LLMStandin, forge: ForgeStandin, tmp_path: Path
) -> None:
    pull_request = PullRequest(up, tmp_path, tenant, forge)

    status, new = pull_request.build(1, status=401)
    assert (status, new.outputs["status"]) == (1, "new_pattern"), new.printed
    (comment,) = forge.comments
    assert "- **What failed:** `assert 401 == 200`" in comment["body"], comment["body"]
    assert "**Diagnosis** by `stand-in`, not a proven fix" in comment["body"]
    assert "[`9f3c2e1a`](https://github.example/acme/shop/commit/9f3c2e1a)" in comment["body"]
    assert new.summary == comment["body"].partition("\n")[2]
    (annotated,) = [command for command in new.commands if command.startswith("::error ")]
    assert annotated.startswith("::error file=test_profile.py,line=4,title=ci-memory%3A new failure::")
    assert json.loads(new.outputs["analysis"])["pattern_id"] == new.outputs["pattern-id"]
    assert json.loads(Path(new.outputs["analysis-file"]).read_text())["status"] == "new_pattern"

    fix = ("--pattern-id", new.outputs["pattern-id"], "--fix-type", "config_change", "--fix-description", "set AUTH_TOKEN")
    told = up.run("ci-memory-report", "resolution", "--repo", "acme/shop", "--tenant", tenant, *fix, "--wait", "60")
    assert told.returncode == 0, told.stderr
    status, known = pull_request.build(2, status=401)
    assert (status, known.outputs["status"]) == (1, "known_pattern"), known.printed
    (comment,) = forge.comments
    assert "- **Fix:** set `AUTH_TOKEN`" in comment["body"]
    assert "- **Evidence:** it has not proved itself yet" in comment["body"] or "- **Evidence:** worked" in comment["body"]
    veto = comment["body"].partition("Is this fix wrong? `")[2].partition("`")[0].replace('"…"', "no")
    vetoed = up.run(*veto.split(), "--by", "dev@example.com")
    assert (vetoed.returncode, "is vetoed" in vetoed.stdout) == (0, True), vetoed.stderr

    status, passed = pull_request.build(3, status=200)
    assert (status, passed.outputs["status"]) == (0, ""), passed.printed
    (comment,) = forge.comments
    marker = Marker.read(comment["body"])
    assert marker is not None
    assert marker.state == "resolved"
    assert passed.summary == ""


def test_a_failing_job_of_gitlab_ends_in_a_note_that_is_resolved(
    up: Up, tenant: str, forge: ForgeStandin, tmp_path: Path
) -> None:
    forge.me, forge.readable_user = {"username": "project_42_bot", "id": 9}, True
    template = load(ACTION.parent / "gitlab" / "ci-memory.gitlab-ci.yml")[".ci-memory"]
    kept = {name: value for name, value in up.environment.items() if name in ("HOME", "LANG", "TMPDIR", "NO_PROXY")}
    environment = kept | template["variables"] | {
        "PATH": f"{BIN}:{up.environment['PATH']}", "CI_MEMORY_URL": up.url, "CI_MEMORY_TENANT": tenant,
        "CI_MEMORY_DATA_DIR": str(tmp_path / "own"), "CI": "true", "GITLAB_CI": "true", "GITLAB_TOKEN": TOKEN,
        "CI_API_V4_URL": f"{forge.url}/gitlab/api/v4", "CI_SERVER_URL": "https://gitlab.example", "CI_PROJECT_ID": "42",
        "CI_PROJECT_PATH": "acme/shop", "CI_MERGE_REQUEST_IID": "7", "CI_JOB_NAME": "test", "CI_COMMIT_SHA": "9f3c2e1a",
    }  # fmt: skip
    states = []
    for number, answered in enumerate((401, 200)):
        (tmp_path / "test_profile.py").write_text(TEST.format(status=answered))
        script = "set -o pipefail; pytest --junitxml=report.xml 2>&1 | tee build.log"
        job = environment | {"CI_PIPELINE_ID": str(number), "CI_PIPELINE_IID": str(number)}
        done = subprocess.run(["bash", "-ec", script], env=job, cwd=tmp_path, capture_output=True, timeout=100, check=False)
        ended = {"CI_JOB_STATUS": "failed" if done.returncode else "success"}
        after = subprocess.run(
            ["sh", "-c", template["after_script"][0]],
            env=job | ended, cwd=tmp_path, capture_output=True, timeout=200, check=False,
        )  # fmt: skip
        (note,) = forge.comments
        marker = Marker.read(note["body"])
        assert marker is not None, after.stdout.decode() + after.stderr.decode()
        states.append((done.returncode, marker.state))

    assert states == [(1, "failed"), (0, "resolved")]
    assert "(https://gitlab.example/acme/shop/-/commit/9f3c2e1a)" in note["body"]
    assert "`assert 401 == 200`" in note["body"]


def test_the_example_is_run_by_a_python_that_has_the_tests_dependencies() -> None:
    """The test above runs pytest from the fleet's environment: where it is missing, it must not pass by failing otherwise."""
    assert (BIN / "pytest").exists()
    assert Path(sys.executable).parent == BIN
