"""The story of a failure, from the log of events to the answer. Read this page first.

A drain hands over a batch of entries, as they stand in the log. Each step below is a line of `read` or of `take_in`:

1. *validate*  what is no event goes to the dead letters, with its reason;
2. *redact*    secrets go, although the producer has redacted already: producers are other people's machines;
3. *read*      category (what kind of failure) and fingerprint (which failure);
4. *apply*     one atomic step a tenant: dedupe, count, look up, claim, and write down the work that is owed;
5. *answer*    a known failure is answered at once; a new one when its analysis is in (`services.analysis`); where people are
               notified, what they are to be told is owed from this very step on (`services.notify`);
6. *acknowledge*, and only now: a batch whose worker dies before is delivered again, and changes nothing twice;
7. *ring*      for the work that is owed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import ValidationError

from ci_memory_producers.events import (
    EVENT,
    FREE_TEXTS,
    MAX_EVENT_BYTES,
    Answer,
    FailureEvent,
    PassEvent,
    ResolutionEvent,
    ResolutionReceipt,
)
from ci_memory_producers.redact import redact

from ..domain.answer import Freshness, answer
from ..domain.answer_json import AnswerJson, AnswerWriter
from ..errors import Permanent
from .notices import Watched, noted
from .ports import Applied, Bell, Dated, Entry, EventLog, Index, Reading
from .ports.meters import Meters
from .ports.watch import Change, FixWatch
from .reading import FailureText, TextReader, TextReading

E = TypeVar("E", FailureEvent, PassEvent, ResolutionEvent)


_READ_APART = {"error_message", "stack_trace"}
_FIELDS = {
    kind: sorted(FREE_TEXTS & kind.model_fields.keys() - _READ_APART) for kind in (FailureEvent, PassEvent, ResolutionEvent)
}


class Unreadable(Permanent):
    """An entry that is no event. ``reason`` is short, ``detail`` names the field and what is wrong with it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of a batch, in events."""

    events: int = 0
    known: int = 0
    new: int = 0
    passes: int = 0
    resolutions: int = 0
    duplicates: int = 0
    dead: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in Counts.__dataclass_fields__))


@dataclass(frozen=True, slots=True)
class Batch:
    """Entries that were read: what each says, and how many were no events."""

    readable: list[tuple[Entry, Reading | Dated]]
    dead: int
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class FailureMemory:
    """What the story needs: the log, the index, the rules, the bell, how old an event may be (ms), and what time it is.

    ``watched`` says of which repositories somebody is notified; None where nobody ever is.
    ``answers`` remembers what answers to failures of a pattern have in common.
    """

    log: EventLog
    index: Index
    reader: TextReader
    watch: FixWatch
    meters: Meters
    bell: Bell
    horizon_ms: int
    clock: Callable[[], int]
    watched: Watched | None = None
    answers: AnswerWriter = field(default_factory=AnswerWriter)

    def absorb(self, entries: Sequence[Entry], now_ms: int) -> Counts:
        """Read a batch and take it in. Safe to repeat with the same entries; raises what the log or the index raises, and then
        nothing of the batch is acknowledged.
        """
        return self.take_in(self.read(entries, now_ms), now_ms)

    def read(self, entries: Sequence[Entry], now_ms: int) -> Batch:
        """What entries say that the log gave last; what is no event goes to the dead letters. Changes nothing else."""
        readable = self._read_all(entries, now_ms)
        freshness = Freshness(max((entry.ms for entry in entries), default=0), self.log.left_unread)
        return Batch(readable, len(entries) - len(readable), freshness)

    def take_in(self, batch: Batch, now_ms: int) -> Counts:
        """Apply, answer, acknowledge, ring. Another thread may `read` meanwhile."""
        readable = batch.readable
        counts = Counts(events=len(readable) + batch.dead, dead=batch.dead)
        for tenant, events in _by_tenant(readable).items():
            applied = self.index.apply(tenant, events, now_ms)
            self._bury_unknown(tenant, readable, applied)
            replies = [reply for outcome in applied if (reply := self._reply(outcome, batch.freshness))]
            notices = noted(tenant, events, applied, self.watched) if self.watched else ()
            due = self.index.publish(tenant, replies, notices)
            self._measure(tenant, events, applied)
            self._ring(tenant, applied, due)
            self.watch.changed(tenant, _changes(events))
            counts += _count(applied)
        self.log.acknowledge([entry for entry, _ in readable])
        return counts

    def _read_all(self, entries: Sequence[Entry], now_ms: int) -> list[tuple[Entry, Reading | Dated]]:
        """Validate, redact, categorize and fingerprint; what is no event goes to the dead letters."""
        events: list[tuple[Entry, FailureEvent | PassEvent | ResolutionEvent]] = []
        for entry in entries:
            try:
                events.append((entry, self._validate(entry, now_ms)))
            except Unreadable as error:
                self.log.bury(entry, error.reason, error.detail)
        redacted = [(entry, without_secrets(event)) for entry, event in events]
        failures = [event for _, event in redacted if isinstance(event, FailureEvent)]
        readings = iter(self.reader.read_all([_text_of(event) for event in failures]))
        return [
            (entry, _reading(event, entry.ms, next(readings)) if isinstance(event, FailureEvent) else Dated(event, entry.ms))
            for entry, event in redacted
        ]

    def _validate(self, entry: Entry, now_ms: int) -> FailureEvent | PassEvent | ResolutionEvent:
        if len(entry.payload) > MAX_EVENT_BYTES:
            raise Unreadable("too_large", f"{len(entry.payload)} bytes; at most {MAX_EVENT_BYTES} are accepted")
        if entry.ms < now_ms - self.horizon_ms:
            raise Unreadable("too_old", "older than events are recognised as already counted: replay it to count it anew")
        try:
            return EVENT.validate_json(entry.payload)
        except ValidationError as error:
            raise Unreadable("invalid_event", describe(error)) from None

    def _reply(self, applied: Applied, freshness: Freshness) -> AnswerJson | Answer | None:
        pattern = applied.pattern
        if pattern is not None and pattern.analysed:
            if applied.outcome in ("known", "duplicate_known"):
                return self.answers.write(applied.event_id, pattern, freshness)
            return answer(applied.event_id, pattern, known=False, freshness=freshness)
        if applied.outcome == "unknown_pattern":
            return ResolutionReceipt(
                status="rejected",
                event_id=applied.event_id,
                pattern_id=applied.pattern_id,
                message=f"nothing is known under {applied.pattern_id}: `ci-memory patterns list` shows the ids",
            )
        return None

    def _bury_unknown(self, tenant: str, readable: Iterable[tuple[Entry, Reading | Dated]], applied: Iterable[Applied]) -> None:
        unknown = {outcome.event_id for outcome in applied if outcome.outcome == "unknown_pattern"}
        for entry, event in readable if unknown else ():
            if event.event.tenant == tenant and event.event.event_id in unknown:
                self.log.bury(entry, "unknown_pattern", f"nothing is known under {_pattern_of(event)}")

    def _measure(self, tenant: str, events: Iterable[Reading | Dated], applied: Iterable[Applied]) -> None:
        now_ms, outcomes = self.clock(), zip(events, applied, strict=True)
        answered = [event for event, outcome in outcomes if outcome.outcome == "known" and outcome.pattern]
        self.meters.answered(tenant, [now_ms - event.ms for event in answered])

    def _ring(self, tenant: str, applied: Iterable[Applied], notices: Iterable[str]) -> None:
        for outcome in applied:
            if outcome.outcome == "new":
                self.bell.ring("analysis", tenant, outcome.pattern_id)
            elif outcome.outcome == "accepted":
                self.bell.ring("resolutions", tenant, outcome.event_id)
        for work_id in notices:
            self.bell.ring("notify", tenant, work_id)


def without_secrets(event: FailureEvent | PassEvent | ResolutionEvent) -> FailureEvent | PassEvent | ResolutionEvent:
    """`redact_event` for an event of any kind."""
    if isinstance(event, FailureEvent):
        return redact_event(event)
    if isinstance(event, PassEvent):
        return redact_event(event)
    return redact_event(event)


def _text_of(event: FailureEvent) -> FailureText:
    return FailureText(event.error_message, event.stack_trace or "", event.stage, event.test_id)


def _reading(event: FailureEvent, ms: int, read: TextReading) -> Reading:
    if (read.text, read.trace) != (event.error_message, event.stack_trace or ""):
        event = event.model_copy(update={"error_message": read.text, "stack_trace": read.trace or None})
    said = read.said
    return Reading(event, ms, said.category, said.signal, said.fingerprint, said.test_key, said.generic)


def redact_event(event: E) -> E:
    """``event`` without the secrets that its producer left in any text but the failure's own, which `TextReader` cleans."""
    changed: dict[str, object] = {}
    for name in _FIELDS[type(event)]:
        value = getattr(event, name)
        if value and (clean := redact(value)) != value:
            changed[name] = clean
    files = getattr(event, "changed_files", ())
    if files and (clean := redact("\n".join(files))) != "\n".join(files):
        changed["changed_files"] = tuple(clean.split("\n"))
    return event.model_copy(update=changed) if changed else event


def describe(error: ValidationError) -> str:
    """Which fields are wrong and why, without the values: they may be secrets."""
    problems = [
        f"{'.'.join(str(part) for part in e['loc'] if part not in ('failure', 'pass', 'resolution')) or 'event'}: {e['msg']}"
        for e in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return "; ".join(problems[:5])


def _by_tenant(readable: Iterable[tuple[Entry, Reading | Dated]]) -> dict[str, list[Reading | Dated]]:
    by_tenant: dict[str, list[Reading | Dated]] = defaultdict(list)
    for _, event in readable:
        by_tenant[event.event.tenant].append(event)
    return by_tenant


def _changes(events: Iterable[Reading | Dated]) -> list[Change]:
    """The commits of default branches among ``events``, each once: what a branch tries says nothing of what is in use."""
    found: dict[tuple[str, str], Change] = {}
    for dated in events:
        event = dated.event
        if isinstance(event, ResolutionEvent) or not event.changed_files or event.branch != event.default_branch:
            continue
        found.setdefault((event.repo, event.commit_sha), Change(event.repo, event.commit_sha, event.changed_files, dated.ms))
    return list(found.values())


def _pattern_of(event: Reading | Dated) -> str:
    return event.event.pattern_id if isinstance(event.event, ResolutionEvent) else ""


def _count(applied: Sequence[Applied]) -> Counts:
    outcomes = [outcome.outcome for outcome in applied]
    return Counts(
        known=outcomes.count("known"),
        new=outcomes.count("new"),
        passes=outcomes.count("pass"),
        resolutions=outcomes.count("accepted"),
        duplicates=sum(outcome.startswith("duplicate") for outcome in outcomes),
        dead=outcomes.count("unknown_pattern"),
    )
