"""Test runs in JSON: ``go test -json``, RSpec's and mocha's JSON reporters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .model import FailedTest, Outcome, TestRun

_RSPEC = {"passed": Outcome.PASSED, "failed": Outcome.FAILED, "pending": Outcome.SKIPPED}
_GO = {"pass": Outcome.PASSED, "fail": Outcome.FAILED, "skip": Outcome.SKIPPED}


def json_runs(text: str) -> Iterator[TestRun]:
    """The runs in a JSON report. Raises json.JSONDecodeError where it is cut off, ValueError where it is no known report."""
    first = text.lstrip().partition("\n")[0]
    if first.rstrip().endswith("}") and '"Action"' in first:
        return _go(text)
    report = json.loads(text)
    if isinstance(report, dict) and isinstance(report.get("examples"), list):
        return _rspec(report["examples"])
    if isinstance(report, dict) and "stats" in report and isinstance(report.get("tests"), list):
        return _mocha(report)
    raise json.JSONDecodeError("no report of go test, RSpec or mocha", text[:1], 0)


def _go(text: str) -> Iterator[TestRun]:
    output: dict[tuple[str, str], list[str]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        event = json.loads(line)
        test, package = str(event.get("Test", "")), str(event.get("Package", ""))
        if not test:
            continue
        if event.get("Action") == "output":
            output.setdefault((package, test), []).append(str(event.get("Output", "")))
        elif event.get("Action") in _GO:
            said = output.pop((package, test), [])
            kept = [part.rstrip() for part in said if not part.lstrip().startswith(("=== ", "--- "))]
            message = next((part.strip() for part in kept if part.strip()), "")
            yield TestRun(_GO[event["Action"]], FailedTest(f"{package}.{test}", message, "\n".join(kept)))


def _rspec(examples: list[dict[str, Any]]) -> Iterator[TestRun]:
    for example in examples:
        raised = example.get("exception") or {}
        trace = "\n".join(raised.get("backtrace") or ())
        name = str(example.get("full_description") or example.get("description") or example.get("id") or "")
        failed = FailedTest(name, str(raised.get("message", "")), trace)
        yield TestRun(_RSPEC.get(str(example.get("status")), Outcome.ERROR), failed)


def _mocha(report: dict[str, Any]) -> Iterator[TestRun]:
    pending = {test.get("fullTitle") for test in report.get("pending") or ()}
    for test in report["tests"]:
        raised = test.get("err") or {}
        name = str(test.get("fullTitle") or test.get("title") or "")
        failed = FailedTest(name, str(raised.get("message", "")), str(raised.get("stack", "")))
        outcome = Outcome.FAILED if raised else Outcome.SKIPPED if test.get("fullTitle") in pending else Outcome.PASSED
        yield TestRun(outcome, failed)
