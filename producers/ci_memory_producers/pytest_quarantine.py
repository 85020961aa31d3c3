"""The pytest plugin proper: looks at each failure of a run, and at the end says once what became of them."""

from __future__ import annotations

import os
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from .quarantine_gate import Judgement, QuarantineGate, TestFailure, Verdict
from .render import plain
from .rendezvous import find_url

VERDICT = "ci_memory"
"""The attribute of a report that holds the verdict: it travels with the report, from pytest-xdist's workers too."""


class QuarantinePlugin:
    """Judges failures by a `QuarantineGate`. In pytest-xdist each worker asks for itself, and the controller counts."""

    def __init__(self, gate: QuarantineGate) -> None:
        self._gate = gate
        self._verdicts: Counter[Verdict] = Counter()
        self._known: list[Judgement] = []
        self._running_again = self._passed_again = False

    @classmethod
    def of(cls, config: pytest.Config) -> QuarantinePlugin:
        """From the flags, and from what the environment says now, before any test changes it."""
        flags = Namespace(
            tenant=os.environ.get("CI_MEMORY_TENANT", "default"),
            repo=config.getoption("ci_memory_repo"),
            build_id=config.getoption("ci_memory_build_id"),
            job=config.getoption("ci_memory_job"),
            stage=config.getoption("ci_memory_stage"),
            **dict.fromkeys(("attempt", "run_number", "exit_code")),
            **dict.fromkeys(("branch", "commit", "author", "url", "test_id"), ""),
            environment="ci",
            changed_file=[],
        )
        directory, seconds = config.invocation_params.dir, config.getoption("ci_memory_timeout")
        return cls(QuarantineGate(flags, dict(os.environ), directory, url=find_url(), seconds=seconds))

    def pytest_sessionstart(self) -> None:
        """Read what is in quarantine: one question, where the run has nothing in it."""
        self._ask(self._gate.open)

    def pytest_unconfigure(self) -> None:
        """Close the connection."""
        self._gate.close()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
        """Mark the failure that is in quarantine: setup, call or teardown, whichever failed."""
        outcome = yield
        report: pytest.TestReport = outcome.get_result()
        if self._running_again:
            self._passed_again &= report.passed
            if report.failed:
                # A subtest's report is logged all the same: the second run decides nothing.
                _let_through(report, "failed again")
            return
        if not report.failed or call.excinfo is None:
            return
        judged = self._ask(lambda: self._gate.judge(_failure(report)))
        if judged is not None:
            setattr(report, VERDICT, judged.verdict)
            if judged.verdict == "quarantined":
                _let_through(report, judged.reason)
                self._known.append(judged)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, None]:
        """Run what was let through once more. Nobody restarts a job that has passed, so else nothing would ever show that the
        failure is still flaky, and it would be released as broken.
        """
        self._known.clear()
        outcome = yield
        if not self._known or outcome.excinfo is not None:
            return
        self._running_again = self._passed_again = True
        try:
            runtestprotocol(item, log=False, nextitem=nextitem)
        finally:
            self._running_again = False
        if self._passed_again:
            for judged in self._known:
                self._ask(partial(self._gate.passed_again, judged))

    def _ask(self, question: Callable[[], Judgement | None]) -> Judgement | None:
        try:
            return question()
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001  # a memory never breaks a run: sockets that a test
            # has blocked, a time limit that ends here. The failure stays one, and why is said at the end.
            self._gate.trouble = self._gate.trouble or f"{type(error).__name__}: {error}"
            return Judgement("unreachable")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count verdicts."""
        verdict: Verdict | None = getattr(report, VERDICT, None)
        if verdict is not None:
            self._verdicts[verdict] += 1

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say once what happened."""
        terminalreporter.write_line(plain(f"ci-memory: {self._summary()}"))

    def _summary(self) -> str:
        trouble = self._gate.trouble.replace("\n", " ")
        if trouble.startswith("--"):
            trouble = trouble.replace("--", "--ci-memory-", 1)
        if trouble and not self._verdicts:
            return f"quarantine was not asked: {trouble}"
        if not self._gate.listed.entries:
            return f"nothing of {self._gate.repo} is in quarantine"
        counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self._verdicts.items())) or "none"
        in_all = sum(self._verdicts.values())
        return f"{in_all} failures of tests in quarantine were asked about: {counts}" + (f" ({trouble})" if trouble else "")


def _let_through(report: pytest.TestReport, reason: str) -> None:
    report.outcome = "skipped"
    report.wasxfail = reason


def _failure(report: pytest.TestReport) -> TestFailure:
    """The failure as pytest's JUnit XML and its log tell it."""
    crash = getattr(report.longrepr, "reprcrash", None)
    trace = str(report.longrepr or "")
    message = str(crash.message) if crash is not None else trace
    if report.when != "call":
        message = f'failed on {report.when} with "{message}"'
    phase = "" if report.when == "call" else f"ERROR at {report.when} of "
    title = (report.location[2] if report.location else report.nodeid) or report.nodeid
    heading = f" {phase}{title} ".center(80, "_")
    short = next((line for line in message.splitlines() if line.strip()), "")
    label = "FAILED" if report.when == "call" else "ERROR"
    log = f"{heading}\n\n{trace}\n{SUMMARY}\n{label} {report.nodeid} - {short}\n"
    return TestFailure(_junit_name(report.nodeid), message.strip(), trace.strip(), log)


SUMMARY = " short test summary info ".center(80, "=")


def _junit_name(nodeid: str) -> str:
    """``tests/test_a.py::TestX::test_y[a/b]`` as JUnit XML has it: ``tests.test_a.TestX.test_y[a/b]``."""
    path, bracket, parameters = nodeid.partition("[")
    file, *names = path.split("::")
    return ".".join((file.replace("/", ".").removesuffix(".py"), *names)) + bracket + parameters
