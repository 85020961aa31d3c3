"""The README's five minutes: each recipe is read from there, and what it runs is run, on a real fleet."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from action_runner import ACTION, ROOT, load
from running_fleet import BIN, Up

SECTION = (ROOT / "README.md").read_text(encoding="utf-8").partition("### Five minutes")[2].partition("\n### ")[0]
PYTEST_LOG = """
_________________________________ test_member __________________________________

>       assert reply.status == 200
E       assert 401 == 200

tests/test_profile.py:12: AssertionError
FAILED tests/test_profile.py::test_member - assert 401 == 200
"""
MAKE = f"#!/bin/sh\n[ ! -e fails ] || {{ cat <<'LOG'\n{PYTEST_LOG}LOG\nexit 2; }}\necho 'all passed'\n"
JENKINS = {
    "JENKINS_URL": "https://jenkins.example/", "GIT_URL": "https://github.example/acme/shop.git", "JOB_NAME": "shop",
    "BUILD_NUMBER": "7", "BUILD_TAG": "jenkins-shop-7", "BRANCH_NAME": "main",
}  # fmt: skip
BUILDKITE = {
    "BUILDKITE": "true", "BUILDKITE_REPO": "git@github.example:acme/shop.git", "BUILDKITE_BUILD_ID": "b-7",
    "BUILDKITE_BUILD_NUMBER": "7", "BUILDKITE_PIPELINE_SLUG": "shop", "BUILDKITE_LABEL": "test", "BUILDKITE_BRANCH": "main",
}  # fmt: skip


def recipe(name: str) -> str:
    """The indented block that follows the provider's name."""
    block = re.search(rf"\*\*{name}\*\*.*?\n\n((?:(?:    [^\n]*)?\n)+)", SECTION, re.DOTALL)
    assert block is not None, name
    return textwrap.dedent(block[1]).strip() + "\n"


def test_the_github_recipe_uses_the_action_and_inputs_that_it_has() -> None:
    (step,) = yaml.safe_load(recipe("GitHub Actions"))

    path = step["uses"].removeprefix("OWNER/ci-memory/").partition("@")[0]
    assert ROOT / path == ACTION
    assert set(step["with"]) <= set(load(ACTION / "action.yml")["inputs"])
    assert "failure()" in step["if"]


def test_the_gitlab_recipe_includes_a_template_that_is_there() -> None:
    said: dict[str, Any] = yaml.safe_load(recipe("GitLab CI"))

    template = load(ROOT / said["include"][0]["file"])
    assert said["test"]["extends"] in template
    variables = template[said["test"]["extends"]]["variables"]
    assert said["test"]["script"][-1].endswith(f"tee {variables['CI_MEMORY_LOG']}")
    assert "pipefail" in said["test"]["script"][0]


class Job:
    """A job in a directory of its own, whose tests fail or not."""

    def __init__(self, fleet: Up, directory: Path, tenant: str, provider: dict[str, str]) -> None:
        tools = directory / "tools"
        tools.mkdir()
        self.directory = directory
        for name, text in {"make": MAKE, "buildkite-agent": '#!/bin/sh\n[ "$*" = annotate ] && cat > annotated\n'}.items():
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        path = {"PATH": f"{tools}:{BIN}:{fleet.environment['PATH']}"}
        memory = {"CI_MEMORY_URL": fleet.url, "CI_MEMORY_TENANT": tenant}
        self.fleet = replace(fleet, environment=fleet.environment | path | memory | provider)

    def run(self, script: str, *, fails: bool) -> int:
        marker = self.directory / "fails"
        marker.touch() if fails else marker.unlink(missing_ok=True)
        path = self.directory / "script"
        path.write_text(script)
        interpreter = ["bash"] if script.startswith("#!/bin/bash") else ["sh", "-xe"]
        done = subprocess.run(
            [*interpreter, str(path)],
            env=self.fleet.environment,
            cwd=self.directory,
            capture_output=True,
            timeout=200,
            check=False,
        )
        self.said = done.stdout.decode() + done.stderr.decode()
        return done.returncode

    def answer(self) -> Any:
        return json.loads((self.directory / "failure_analysis.json").read_text())


def test_the_jenkins_recipe(up: Up, tenant: str, tmp_path: Path) -> None:
    """Jenkins gives a script to the interpreter of its first line, else to ``sh -xe``."""
    text = recipe("Jenkins")
    tests, failure, success = [found[0] or found[1] for found in re.findall(r"sh (?:'''(.*?)'''|'([^']+)')", text, re.DOTALL)]
    job = Job(up, tmp_path, tenant, JENKINS)

    assert job.run(tests, fails=True) == 2
    assert job.run(failure, fails=True) == 0, job.said
    assert job.answer()["status"] == "new_pattern", job.said
    assert job.run(tests, fails=False) == 0
    assert job.run(success, fails=False) == 0
    assert "reported a pass" in job.said

    job.fleet.environment["CI_MEMORY_URL"] = "redis://127.0.0.1:9"
    assert job.run(failure, fails=True) == 0


@pytest.mark.parametrize("reachable", [True, False])
def test_the_buildkite_recipe(up: Up, tenant: str, tmp_path: Path, reachable: bool) -> None:
    job = Job(up, tmp_path, tenant, BUILDKITE)
    if not reachable:
        job.fleet.environment["CI_MEMORY_URL"] = "redis://127.0.0.1:9"

    assert job.run(recipe("Buildkite"), fails=True) == 2
    if reachable:
        assert job.answer()["status"] == "new_pattern", job.said
        assert "- **What failed:** `assert 401 == 200`" in (tmp_path / "annotated").read_text()
    assert job.run(recipe("Buildkite"), fails=False) == 0
    assert ("reported a pass" in job.said) == reachable
