"""Events about single tests: the failed tests of a report, and those that failed and passed when the runner tried them again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .events import FailureEvent, PassEvent, RunTotals
from .redact import redact

LONGEST_TEST_ID = 600
MOST_TESTS = 2_000
"""Failed tests, and retried ones, that one report tells of: a suite that breaks as a whole says the same over and over."""


class ReportedTests(NamedTuple):
    """What test reports say: a failure for each failed test; for each retried one its failure, and the pass after it.

    ``left_out`` counts tests beyond `MOST_TESTS` of a kind; the totals of each event have them too.
    """

    failed: list[FailureEvent]
    retries: list[FailureEvent | PassEvent]
    left_out: int = 0


def events_of_reports(paths: Iterable[Path], where: Mapping[str, Any]) -> ReportedTests:
    """The events of these reports; ``where`` has the fields of the job's place. Raises `UnreadableReport`."""
    from .junit import read_report

    found, left_out = ReportedTests([], []), 0
    for path in paths:
        report = read_report(path)
        totals = RunTotals(tests=report.tests, failed=report.failed, errors=report.errors, skipped=report.skipped)
        failed = report.failed_tests[: MOST_TESTS - len(found.failed)]
        flaky = report.flaky[: MOST_TESTS - len(found.retries) // 2]
        left_out += len(report.failed_tests) - len(failed) + len(report.flaky) - len(flaky)
        found.failed.extend(failed_test(where, test.id, test.message, test.trace, totals) for test in failed)
        for test in flaky:
            failure = failed_test(where, test.id, test.message, test.trace, totals)
            found.retries.extend((failure, pass_after(failure)))
    return found._replace(left_out=left_out)


def pass_after(failure: FailureEvent) -> PassEvent:
    """The same test in the same job, an attempt later: it failed and passed with the code unchanged, a flaky episode."""
    said = failure.model_dump(exclude={"event_id", "kind", "error_message", "stack_trace", "exit_code"})
    return PassEvent(**said | {"attempt": failure.attempt + 1})


def failed_test(
    where: Mapping[str, Any], test_id: str, message: str, trace: str, totals: RunTotals | None = None
) -> FailureEvent:
    """The failure of one test as its report tells it, redacted."""
    text = redact("\n".join(part for part in (message, trace) if part)) or f"{test_id} failed"
    return failure_event(where, text, redact(trace), redact(test_id), totals)


def failure_event(where: Mapping[str, Any], text: str, trace: str, test_id: str, totals: RunTotals | None = None) -> FailureEvent:
    """One failure; its texts are redacted already. Raises pydantic's ValidationError."""
    said = {"error_message": text, "stack_trace": trace or None, "test_id": test_id[:LONGEST_TEST_ID], "run_totals": totals}
    return FailureEvent(**{**where, **said})
