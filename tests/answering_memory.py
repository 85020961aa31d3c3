"""A memory that answers from a thread: the real story of a failure on the real index; its analyst says the same of all."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from ci_memory_producers.cli import REPORTED, main
from ci_memory_producers.events import Diagnosis
from ci_memory_workers.bootstrap import Container, now_ms
from ci_memory_workers.services.ports import AnalystAnswer
from ci_memory_workers.settings import Settings

TENANT = "default"
DIAGNOSIS = Diagnosis(summary="a summary", likely_cause="a cause", suggested_fix="a suggestion", prevention="a prevention")


class AnsweringMemory:
    """Reads the log and answers while it is entered. New failures are analysed when `analyse` is called, and not before."""

    def __init__(self, url: str) -> None:
        self.box = Container(Settings(url=url), send=lambda task, arguments, queue: None)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._answer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(30)
        self.box.redis.close()

    def _answer(self) -> None:
        log = self.box.log
        while not self._stop.is_set():
            if entries := log.read(0, 100, block_ms=50):
                self.box.failures.absorb(entries, now_ms())

    def absorbed(self) -> None:
        """Wait until everything in the log is absorbed."""
        log = self.box.log
        for _ in range(2_000):
            if log.lag() == 0 and log.unacknowledged() == 0:
                return
            self._stop.wait(0.01)
        raise AssertionError("the log is not absorbed")

    def analyse(self) -> None:
        """Say something of every failure that is new."""
        index, now = self.box.index, now_ms()
        for pattern_id in index.overdue("analysis", TENANT, now, 100):
            lease = index.take("analysis", TENANT, pattern_id, now_ms=now, lease_ms=1_000)
            assert lease is not None
            assert index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "rules"), attempts=1, now_ms=now)

    def sweep(self) -> list[str]:
        """What the sweep decided, as statuses."""
        return [decision.status for decision in self.box.sweeper.judge_flaky(now_ms())]

    def learn_flaky(self, *evidence: str, repo: str = "acme/shop") -> None:
        """Three builds that fail with what ``evidence`` says (flags of `ci-memory-report failure`) and pass when run again."""
        for build in ("b1", "b2", "b3"):
            where = ("--repo", repo, "--build-id", build, "--stage", "test", "--job", "unit")
            assert main(["failure", *where, *evidence]) == REPORTED
            assert main(["pass", *where, "--attempt", "2"]) == REPORTED
        self.absorbed()
        self.analyse()
        assert set(self.sweep()) == {"quarantined"}
