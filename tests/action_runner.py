"""Runs the steps of a composite action as GitHub's runner does: expressions filled in, each script in a bash of its own.

The runner documents ``bash --noprofile --norc -eo pipefail {0}`` for ``shell: bash``, and the files that ``GITHUB_OUTPUT`` and
``GITHUB_STEP_SUMMARY`` name.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
ACTION = ROOT / "producers" / "github-action"
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@dataclass
class ActionRun:
    """What a run of the action did."""

    outputs: dict[str, str] = field(default_factory=dict)
    printed: str = ""
    summary: str = ""

    @property
    def commands(self) -> list[str]:
        """The workflow commands that the runner would obey: none while commands are stopped."""
        obeyed, stopped = [], ""
        for line in self.printed.splitlines():
            if stopped:
                stopped = "" if line == f"::{stopped}::" else stopped
            elif line.startswith("::stop-commands::"):
                stopped = line.removeprefix("::stop-commands::")
            elif line.strip().startswith("::"):
                obeyed.append(line)
        return obeyed


def run_action(
    environment: dict[str, str], workspace: Path, scratch: Path, *, contexts: dict[str, str], **inputs: str
) -> ActionRun:
    """Run all steps; raises AssertionError where one fails. ``contexts`` are the values of ``job.status`` and the like."""
    action = load(ACTION / "action.yml")
    scratch.mkdir(parents=True, exist_ok=True)
    known = {f"steps.{step['id']}.outputs.": "" for step in action["runs"]["steps"] if "id" in step}
    values = {"toJSON(matrix)": "null", "github.token": "made-up", **contexts}
    for name, said in action["inputs"].items():
        values[f"inputs.{name}"] = inputs.pop(name.replace("-", "_"), fill(said["default"], values, known))
    assert not inputs, f"no such inputs: {inputs}"
    done = ActionRun()
    for number, step in enumerate(action["runs"]["steps"]):
        output, summary = scratch / f"output-{number}", scratch / f"summary-{number}"
        output.touch()
        script = scratch / f"step-{number}.sh"
        script.write_text(fill(step["run"], values, known), encoding="utf-8")
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            env={
                **environment,
                "GITHUB_ACTION_PATH": str(ACTION),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                "RUNNER_TEMP": str(scratch),
                **{name: fill(value, values, known) for name, value in step.get("env", {}).items()},
            },
            cwd=workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=200,
            check=False,
        )
        printed = ran.stdout.decode()
        assert ran.returncode == 0, f"{step['name']}: {printed}"
        done.printed += printed
        done.summary += summary.read_text() if summary.exists() else ""
        for line in output.read_text().splitlines():
            name, _, value = line.partition("=")
            values[f"steps.{step.get('id', number)}.outputs.{name}"] = value
    done.outputs = {name: fill(said["value"], values, known) for name, said in action["outputs"].items()}
    return done


def fill(text: str, values: dict[str, str], empty: dict[str, str]) -> str:
    """``text`` with its expressions replaced; an output that no step has set is empty."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        return values[name] if name in values or not name.startswith(tuple(empty)) else ""

    return EXPRESSION.sub(value, text)
