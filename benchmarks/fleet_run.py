"""What the jobs of a repository report: failures and passes as events, each of which arrives when it arrives."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from ci_memory_producers.events import FailureEvent, PassEvent, RunTotals, Stage
from fleet_noise import noisy
from fleet_plan import Breakage, Outage
from fleet_world import HOUR_MS, MINUTE_MS, Arrival, Cause, Commit, Truth, day_of

LATE, VERY_LATE, TWICE = 0.06, 0.01, 0.01
"""How many events arrive up to an hour late, up to six hours late, and twice."""
MASS = 12
"""How many tests a mass failure fails."""
STAGES: dict[str, Stage] = {"build": "build", "unit": "test", "deploy": "deploy", "smoke": "verify"}


@dataclass(frozen=True, slots=True)
class Failed:
    """Why an attempt fails: a cause, and the breakage or the outage that it comes from, where it is no flake."""

    cause: Cause
    breakage: Breakage | None = None
    outage: Outage | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a job for a commit. ``broken`` is what is broken in that commit: it still is, when the run is run again."""

    branch: str
    commit: Commit
    number: int
    build_id: str
    job: str
    broken: Failed | None = None


@dataclass(slots=True)
class Producer:
    """Reports the attempts of one repository. ``style`` is its provider's way to print; some tell which test failed."""

    repo: str
    rng: Random
    truth: Truth
    style: int
    names_tests: bool
    arrivals: list[Arrival] = field(default_factory=list)

    def report(self, ms: int, run: Run, attempt: int, failing: list[Failed]) -> None:
        """One attempt has ended at ``ms``."""
        if not failing:
            event = PassEvent(**self._place(ms, run, attempt))
            arrived = self._send(ms, event, "")
            for cause_id in run.commit.fixes if run.job == run.commit.repairs_job else ():
                self.truth.fixed(cause_id, arrived)
            return
        for one in failing:
            tests = self._tests_of(one.cause)
            totals = RunTotals(tests=len(tests) + 4, failed=len(tests)) if len(tests) > 1 else None
            for test in tests:
                self._fail(ms, run, attempt, one, test, totals)

    def _tests_of(self, cause: Cause) -> list[str]:
        if cause.kind == "mass":
            return [f"tests/suite_{cause.cause_id}/test_all.py::test_{_spelled(i)}" for i in range(MASS)]
        return [cause.text.test if self.names_tests else ""]

    def _fail(self, ms: int, run: Run, attempt: int, failed: Failed, test: str, totals: RunTotals | None) -> None:
        text = noisy(failed.cause.text.on(day_of(ms)), self.rng, ms=ms, day=day_of(ms), style=self.style)
        event = FailureEvent(**self._place(ms, run, attempt), error_message=text, exit_code=1, test_id=test, run_totals=totals)
        self._send(ms, event, failed.cause.cause_id)
        for source in (failed.breakage, failed.outage):
            if source is not None:
                source.failure_id = event.event_id

    def _place(self, ms: int, run: Run, attempt: int) -> dict[str, object]:
        return {
            "provider": "simulated",
            "repo": self.repo,
            "build_id": run.build_id,
            "run_number": run.number,
            "attempt": attempt,
            "job": run.job,
            "stage": STAGES[run.job],
            "branch": run.branch,
            "default_branch": "main",
            "commit_sha": run.commit.sha,
            "parent_sha": run.commit.parent,
            "commit_message": run.commit.message,
            "author": run.commit.author,
            "changed_files": run.commit.files,
            "timestamp": datetime.fromtimestamp(ms / 1000, UTC),
        }

    def _send(self, ms: int, event: FailureEvent | PassEvent, cause: str) -> int:
        """It arrives a little later, or much; sometimes twice. Returns when."""
        luck = self.rng.random()
        if luck < VERY_LATE:
            delay = self.rng.uniform(1, 6) * HOUR_MS
        elif luck < VERY_LATE + LATE:
            delay = self.rng.uniform(1, 60) * MINUTE_MS
        else:
            delay = self.rng.uniform(0.5, 20) * 1000
        self.arrivals.append(Arrival(ms + int(delay), event, cause))
        if self.rng.random() < TWICE:
            self.truth.done["pushed twice"] += 1
            self.arrivals.append(Arrival(ms + int(delay * 1.5), event, cause))
        return ms + int(delay)


def _spelled(number: int) -> str:
    """A number as letters: names of tests differ by words."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))
