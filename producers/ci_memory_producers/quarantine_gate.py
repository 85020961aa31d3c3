"""Whether a failed test failed in the way that is in quarantine: the memory is asked, and only its word counts.

Whatever goes wrong leaves a failure a failure.
"""

from __future__ import annotations

import hashlib
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from .client import EventRefused, EventTooLarge, Producer, ServerUnreachable
from .events import Analysis, FailureEvent
from .excerpt import read_text
from .junit_events import failed_test, failure_event, pass_after
from .quarantine_list import QuarantineEntry, QuarantineList, name_parts
from .redact import redact
from .report import BadFlag, place_of_failure, repository

MOST_UNANSWERED = 60.0
"""Seconds that a run waits for answers that don't come; then nothing more is asked."""

Verdict = Literal["quarantined", "other failure", "unanswered", "unreachable"]


@dataclass(frozen=True, slots=True)
class TestFailure:
    """A test that failed, in both of the ways that CI reports know it.

    ``reported`` is its name in JUnit XML, with ``message`` and ``trace``; ``log`` is what the run's log says of it.
    """

    __test__ = False

    reported: str
    message: str
    trace: str
    log: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict; for ``quarantined`` why, and the failure as it was reported."""

    verdict: Verdict
    reason: str = ""
    event: FailureEvent | None = None


class QuarantineGate:
    """Asks one memory about the failures of one job. ``seconds`` bound each round trip and each wait.

    ``trouble`` says why nothing (more) is asked; '' where nothing is wrong.
    """

    def __init__(self, flags: Namespace, environ: Mapping[str, str], directory: Path, *, url: str, seconds: float) -> None:
        self._flags = flags
        self._environ = environ
        self._directory = directory
        self._url = url
        self._seconds = seconds
        self._producer: Producer | None = None
        self._where: dict[str, Any] = {}
        self._unanswered = 0.0
        self.listed = QuarantineList()
        self.repo = ""
        self.trouble = ""

    def open(self) -> None:
        """Read what is in quarantine. Called before the first test: a test may take the network, the clock or git away."""
        try:
            self.repo = repository(self._flags, self._environ)
            if not self._url:
                raise BadFlag("CI_MEMORY_URL is not set, and no `ci-memory up` runs here")
            self._producer = Producer(self._url, timeout=self._seconds)
            self.listed = self._producer.quarantine(self._flags.tenant, self.repo)
            if self.listed.entries:
                self._where = place_of_failure(self._flags, self._environ, self._directory)
        except ValidationError:
            self.trouble = "the list of what is in quarantine cannot be read"
        except (BadFlag, ServerUnreachable, EventRefused) as error:
            self.trouble = str(error)

    def close(self) -> None:
        """Close the connection."""
        if self._producer is not None:
            self._producer.close()

    def judge(self, failure: TestFailure) -> Judgement | None:
        """The verdict; None where nothing in quarantine is about this test. A failure that is asked about is reported by that."""
        event = self._event(failure)
        if event is None or self._producer is None:
            return None
        if self.trouble:
            return Judgement("unreachable")
        try:
            self._producer.push(event, wait=True)
            answer = self._producer.wait(event.tenant, event.event_id, seconds=self._seconds)
        except (ServerUnreachable, EventTooLarge, EventRefused) as error:
            self.trouble = str(error)
            return Judgement("unreachable")
        if not isinstance(answer, Analysis) or answer.status == "pending":
            self._unanswered += self._seconds
            if self._unanswered >= MOST_UNANSWERED:
                self.trouble = f"no answer came within {self._unanswered:.0f} s"
            return Judgement("unanswered")
        return self._verdict(event, answer)

    def passed_again(self, judgement: Judgement) -> None:
        """Report that the test passed when it was run again: this is what keeps a failure in quarantine."""
        if self._producer is None or judgement.event is None or self.trouble:
            return
        try:
            self._producer.push(pass_after(judgement.event))
        except (ServerUnreachable, EventRefused) as error:
            self.trouble = str(error)

    def _verdict(self, event: FailureEvent, answer: Analysis) -> Judgement:
        entry = next((entry for entry in self.listed.entries if entry.pattern_id == answer.pattern_id), None)
        if entry is None or answer.status != "known_pattern" or answer.pattern_status != "quarantined":
            return Judgement("other failure")
        return Judgement("quarantined", f"quarantined flaky failure {entry.pattern_id}: {entry.reason}", event)

    def _event(self, failure: TestFailure) -> FailureEvent | None:
        event = self._as_the_evidence(failure)
        if event is None:
            return None
        # `ci-memory-report failure` knows one failure a test and attempt. Here an answer must be about this failure and no other
        # one of the test, so its text is a part of its id. In quarantine it is reported once: test reports call it skipped.
        said = f"{event.event_id}\x1f{event.error_message}"
        own_id = hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=16).hexdigest()
        return event.model_copy(update={"event_id": own_id})

    def _as_the_evidence(self, failure: TestFailure) -> FailureEvent | None:
        """The failure, named and told as the evidence was that put one like it into quarantine: by test reports, or by logs."""
        if _any_names(self.listed.entries, failure.reported):
            return failed_test(self._where, failure.reported, failure.message, failure.trace)
        last = ".".join(name_parts(failure.reported)[-1:])
        if not any(entry.test_key.endswith(last) for entry in self.listed.entries):
            return None
        for logged in read_text(failure.log).failures[:1]:
            if _any_names(self.listed.entries, logged.test_id):
                return failure_event(self._where, redact(logged.text), redact(logged.stack_trace), redact(logged.test_id))
        return None


def _any_names(entries: Sequence[QuarantineEntry], test_id: str) -> bool:
    return any(entry.names(test_id) for entry in entries)
