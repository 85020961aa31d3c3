"""The story of a coding assistant that asks the memory first: it searches, has a log read, and tells what fixed it.

Asking counts nothing: whoever looks ten times has not seen ten failures. What fixed it goes the way of every report, through
the log of events. A caller that is limited to repositories sees the patterns that were seen there, and no others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError

from ci_memory_producers.events import FailureEvent, FixType, ResolutionEvent, ResolutionReceipt, Stage
from ci_memory_producers.excerpt import Excerpt, Failure, read_text
from ci_memory_producers.junit_events import failure_event
from ci_memory_producers.redact import redact

from ..domain.pattern import Pattern
from ..errors import DecisionRefused, Refusal, UnknownPattern
from .failures import describe
from .ports import FailureContext, Index, Knowledge, Lookalikes
from .ports.asking import Caller, Recall, Reports
from .ports.decisions import Decisions
from .reading import TextReader, TextReading

MOST_FOUND = 20
"""Patterns that one search finds."""
MOST_ASKED_OF_THE_PLAYBOOK = 60
LEAST_LIKELY = 0.5
"""How probable a look-alike must be to be told."""
MOST_LOOKALIKES = 3
NOWHERE = "unknown"
"""Repository and build of a log that is only read."""


@dataclass(frozen=True, slots=True)
class LocalCaller:
    """Somebody on this machine: all of a tenant's memory is theirs to see."""

    tenant: str

    def covers(self, _repo: str) -> bool:
        """Every repository."""
        return True

    def stored_id(self, event_id: str) -> str:
        """The event's own."""
        return event_id


@dataclass(frozen=True, slots=True)
class Alike:
    """A known pattern that a failure looks like: how probable it is that it is the same, and why. ``sure``: nobody is asked."""

    pattern: Pattern
    probability: float
    sure: bool
    why: str


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """One failure of a log, as the memory would read it, with what is known of it.

    ``seen_there``: whether it was seen in the repository that was asked about; None where none was, or nothing is known.
    """

    headline: str
    test_id: str
    reading: TextReading
    known: Pattern | None
    seen_there: bool | None = None
    alike: tuple[Alike, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Who made a commit, and what it changes; empty where nobody knows."""

    author: str = ""
    changed_files: tuple[str, ...] = ()


def _nothing_told(_commit: str) -> Told:
    return Told()


@dataclass(frozen=True, slots=True)
class AskingDesk:
    """What asking needs."""

    index: Index
    decisions: Decisions
    recall: Recall
    reader: TextReader
    knowledge: Knowledge
    lookalikes: Lookalikes
    reports: Reports

    def search(self, caller: Caller, query: str, *, repo: str = "", limit: int = 5) -> list[Pattern]:
        """Patterns nearest in meaning to ``query``, best first; with ``repo`` only those that were seen there."""
        _check_repo(caller, repo)
        found: dict[str, Pattern] = {}
        for candidate in self.knowledge.shortlist(caller.tenant, query, top_k=MOST_ASKED_OF_THE_PLAYBOOK):
            if len(found) == min(limit, MOST_FOUND):
                break
            pattern = self._standing(caller, candidate.pattern_id)
            if pattern is not None and (not repo or self._seen_in(caller, pattern, repo)):
                found.setdefault(pattern.pattern_id, pattern)
        return list(found.values())

    def explain(self, caller: Caller, log_text: str, stage: Stage, *, repo: str = "") -> tuple[Excerpt, list[ReadFailure]]:
        """The failing part of a log, and each of its failures with what is known of it, the primary one first.

        Raises `Refusal` for a log that says nothing.
        """
        _check_repo(caller, repo)
        excerpt = read_text(log_text)
        events = [(failure.headline, _event(caller.tenant, failure, stage, repo)) for failure in excerpt.failures]
        if not events:
            raise _wrong("log_text", "holds no text: pass the end of the log, with the lines that say what failed")
        read = [self._read(headline, event) for headline, event in events]
        ids = self.recall.patterns(caller.tenant, [one.reading.said.fingerprint for one in read])
        told = [self._with_what_is_known(caller, one, ids.get(one.reading.said.fingerprint, ""), repo) for one in read]
        if told[0].known is None and not told[0].reading.said.generic:
            told[0] = self._with_lookalikes(caller, told[0], stage)
        return excerpt, told

    def show(self, caller: Caller, pattern_id: str) -> Pattern:
        """What is known of a pattern, or of the one that it was merged into. Raises `UnknownPattern`, `DecisionRefused`."""
        pattern = self._standing(caller, pattern_id)
        if pattern is None:
            if _sees_all(caller) and (ruling := self.decisions.forgotten(caller.tenant, pattern_id)):
                raise DecisionRefused(f"{pattern_id} was forgotten by {ruling.by or 'somebody'}: {ruling.why}")
            raise UnknownPattern(pattern_id)
        return pattern

    def record(
        self,
        caller: Caller,
        pattern_id: str,
        fix_type: FixType,
        *,
        repo: str,
        fix_description: str,
        fix_commit: str,
        fixed_by: str,
        wait_seconds: float,
        told_by: Callable[[str], Told] = _nothing_told,
    ) -> tuple[str, ResolutionReceipt | None]:
        """Report what fixed a pattern in ``repo``; returns the event's id and its receipt, None when none came in time.

        ``told_by`` says what is known of ``fix_commit``. Raises `Refusal`, `UnknownPattern`, `DecisionRefused`.
        """
        _check_repo(caller, repo)
        stands = self.show(caller, pattern_id)
        told = told_by(fix_commit) if fix_commit else Told()
        try:
            event = ResolutionEvent(
                tenant=caller.tenant,
                repo=repo,
                pattern_id=stands.pattern_id,
                fix_type=fix_type,
                fix_description=redact(fix_description),
                fix_commit=redact(fix_commit),
                fixed_by=redact(fixed_by or told.author),
                changed_files=tuple(redact(path)[:500] for path in told.changed_files),
            )
        except ValidationError as error:
            raise Refusal("invalid_parameter", describe(error)) from None
        event = event.model_copy(update={"event_id": caller.stored_id(event.event_id)})
        self.reports.push(event, wait=True)
        receipt = self.reports.wait(caller.tenant, event.event_id, seconds=wait_seconds)
        return event.event_id, receipt if isinstance(receipt, ResolutionReceipt) else None

    def _read(self, headline: str, event: FailureEvent) -> ReadFailure:
        reading = self.reader.read(event.error_message, event.stack_trace or "", event.stage, event.test_id)
        reading = self.reader.explain(reading, event.stage, event.test_id)
        return ReadFailure(headline, event.test_id, reading, None)

    def _with_what_is_known(self, caller: Caller, read: ReadFailure, pattern_id: str, repo: str) -> ReadFailure:
        # Whoever has the log has seen the failure: as with a report of it, the answer is theirs wherever it was seen before.
        pattern = self._stands_for(caller, pattern_id) if pattern_id else None
        there = self._seen_in(caller, pattern, repo) if pattern is not None and repo else None
        return ReadFailure(read.headline, read.test_id, read.reading, pattern, there)

    def _with_lookalikes(self, caller: Caller, read: ReadFailure, stage: Stage) -> ReadFailure:
        failure = FailureContext(
            pattern_id="",
            stage=stage,
            category=read.reading.said.category,
            signal=read.reading.said.signal,
            error_message=read.reading.text,
            stack_trace=read.reading.trace,
            test_id=read.test_id,
        )
        alike: dict[str, Alike] = {}
        for one in self.lookalikes.nearest(caller.tenant, failure):
            pattern = self._standing(caller, one.pattern_id) if one.accept or one.score >= LEAST_LIKELY else None
            if pattern is not None:
                alike.setdefault(pattern.pattern_id, Alike(pattern, one.score, one.accept, one.why))
        found = tuple(alike.values())[:MOST_LOOKALIKES]
        return ReadFailure(read.headline, read.test_id, read.reading, None, None, found)

    def _stands_for(self, caller: Caller, pattern_id: str) -> Pattern | None:
        return self.index.pattern(caller.tenant, self.index.surviving(caller.tenant, pattern_id))

    def _standing(self, caller: Caller, pattern_id: str) -> Pattern | None:
        """The pattern that stands for this id, where the caller may see it."""
        pattern = self._stands_for(caller, pattern_id)
        if pattern is None or _sees_all(caller):
            return pattern
        seen = self.recall.repositories(caller.tenant, pattern.pattern_id)
        return pattern if any(caller.covers(one) for one in seen) else None

    def _seen_in(self, caller: Caller, pattern: Pattern, repo: str) -> bool:
        return repo in self.recall.repositories(caller.tenant, pattern.pattern_id)


def _event(tenant: str, failure: Failure, stage: Stage, repo: str) -> FailureEvent:
    """The failure as `ci-memory-report` would send it: only then is it recognised by what was reported."""
    where = {"tenant": tenant, "repo": repo or NOWHERE, "build_id": NOWHERE, "stage": stage}
    try:
        return failure_event(where, redact(failure.text), redact(failure.stack_trace), redact(failure.test_id))
    except ValidationError as error:
        raise _wrong("log_text", f"is no log of a failure: {describe(error)}") from None


def _sees_all(caller: Caller) -> bool:
    # Whoever is limited to repositories is not let near what has no name.
    return caller.covers("")


def _check_repo(caller: Caller, repo: str) -> None:
    if repo and not caller.covers(repo):
        raise _wrong("repo", "is none of the repositories of this token", "out_of_scope")


def _wrong(field: str, told: str, reason: str = "invalid_parameter") -> Refusal:
    return Refusal(reason, f"{field} {told}", problems=((field, told),))
