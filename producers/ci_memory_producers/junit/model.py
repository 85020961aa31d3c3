"""What a test report says, whatever wrote it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path


class Outcome(Enum):
    """How one run of a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class FailedTest:
    """A test that failed: its name with that of its class, the failure's message, and the trace; both can be empty."""

    id: str
    message: str
    trace: str


@dataclass(frozen=True, slots=True)
class TestRun:
    """One test of a report. ``flaky`` holds the failures of a test that passed when it was run again."""

    __test__ = False

    outcome: Outcome
    test: FailedTest
    flaky: FailedTest | None = None


@dataclass(frozen=True, slots=True)
class TestReport:
    """The counts of a report, in tests, and the tests that failed.

    Every run in the report is counted. ``flaky`` are tests that failed first and passed when they were run again, by the report's
    own word (``flakyFailure``): they count as passed, with the failure that was left behind.
    """

    __test__ = False

    tests: int
    failed: int
    errors: int
    skipped: int
    failed_tests: tuple[FailedTest, ...]
    flaky: tuple[FailedTest, ...] = ()

    @classmethod
    def of(cls, runs: Iterable[TestRun]) -> TestReport:
        """The report of these runs."""
        counts = dict.fromkeys(Outcome, 0)
        failed: list[FailedTest] = []
        flaky: list[FailedTest] = []
        for run in runs:
            counts[run.outcome] += 1
            if run.flaky:
                flaky.append(run.flaky)
            if run.outcome in (Outcome.FAILED, Outcome.ERROR):
                failed.append(run.test)
        return cls(
            tests=sum(counts.values()),
            failed=counts[Outcome.FAILED],
            errors=counts[Outcome.ERROR],
            skipped=counts[Outcome.SKIPPED],
            failed_tests=tuple(failed),
            flaky=tuple(flaky),
        )


class UnreadableReport(ValueError):
    """A test report that cannot be read whole: missing, empty, cut off, too large, or of no kind that is known."""

    def __init__(self, path: Path, cause: str, way_out: str) -> None:
        self.path = path
        self.cause = cause
        super().__init__(f"{path}: {cause}; {way_out}")
