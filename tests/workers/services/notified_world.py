"""Failures that somebody is notified of. The stories and the index are real; code host and chat remember what they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fakes import (
    NOW,
    Clock,
    CountingKnowledge,
    RecordingBell,
    ScriptedAnalyst,
    T,
    entry,
    fixed,
    meters_of,
    watch_of,
)
from redis import Redis

from ci_memory_producers.comment.marker import Marker
from ci_memory_producers.events import FailureEvent, PassEvent
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.adapters.redis_notices import RedisNotices
from ci_memory_workers.bootstrap import load_categorizer
from ci_memory_workers.domain.channel import Channel, watched_by
from ci_memory_workers.domain.notice import Place
from ci_memory_workers.services.analysis import AnalysisDesk
from ci_memory_workers.services.failures import FailureMemory
from ci_memory_workers.services.notify import NotifyDesk
from ci_memory_workers.services.ports import Analyst, Bell, Entry
from ci_memory_workers.services.ports.breaker import Breaker, NoBreaker
from ci_memory_workers.services.reading import TextReader
from ci_memory_workers.services.resolutions import ResolutionDesk
from ci_memory_workers.settings import load

COMMENT = Channel("comments", "comment", T, ("acme/*",), "github", "https://api.example.com", "https://github.example.com", "x")
STATUS = Channel("statuses", "status", T, ("acme/*",), "github", "https://api.example.com", "https://github.example.com", "x")
SLACK = Channel("chat", "slack", T, ("acme/*",), secret="https://chat.example.com/hook")
MINUTE_MS = 60_000


class SilentLog:
    """An event log that nobody reads from."""

    def acknowledge(self, entries: Sequence[Entry]) -> None:
        pass

    def bury(self, entry: Entry, reason: str, detail: str) -> None:
        raise AssertionError(f"{reason}: {detail}")

    def unfinished(self, slot: int, count: int) -> list[Entry]:
        return []

    def read(self, slot: int, count: int, block_ms: int) -> list[Entry]:
        return []

    @property
    def left_unread(self) -> int:
        return 0

    def lag(self) -> int:
        return 0


@dataclass
class RecordingHost:
    """Remembers comments by job and statuses by commit. Every branch but main is change request 7. ``trouble`` is raised once."""

    comments: dict[str, str] = field(default_factory=dict)
    statuses: list[tuple[str, str]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    trouble: list[BaseException] = field(default_factory=list)
    no_change: bool = False
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    """What happens while a comment is written, once each."""

    def change(self, channel: Channel, place: Place) -> int | None:
        self._called("change")
        return None if self.no_change or place.on_default_branch else 7

    def say(self, channel: Channel, place: Place, number: int, marker: Marker, text: str) -> None:
        self._called("say")
        assert number == 7
        if self.meanwhile:
            self.meanwhile.pop(0)()
        self.comments[place.job] = text

    def resolve(self, channel: Channel, place: Place, number: int, marker: Marker) -> None:
        self._called("resolve")
        self.comments[place.job] = f"resolved at {place.commit}"

    def status(self, channel: Channel, place: Place, description: str) -> None:
        self._called("status")
        self.statuses.append((place.commit, description))

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.trouble:
            raise self.trouble.pop(0)


@dataclass
class RecordingChat:
    """Remembers messages. ``trouble`` is raised once each in their place, ``afterwards`` when one was sent."""

    texts: list[str] = field(default_factory=list)
    trouble: list[BaseException] = field(default_factory=list)
    afterwards: list[BaseException] = field(default_factory=list)

    def send(self, channel: Channel, text: str) -> None:
        if self.trouble:
            raise self.trouble.pop(0)
        self.texts.append(text)
        if self.afterwards:
            raise self.afterwards.pop(0)


class NotifiedWorld:
    """A memory whose failures are told to ``channels``, and time that stands until it is moved."""

    def __init__(
        self,
        client: Redis,
        *channels: Channel,
        analyst: Analyst | None = None,
        breaker: Breaker | None = None,
        bell: Bell | None = None,
    ) -> None:
        self.client, self.clock, self.bell = client, Clock(NOW), RecordingBell()
        self.index = RedisIndex(
            client, dedupe_seconds=3_600, answer_seconds=3_600, flush_ms=1_000, notified={T}.__contains__, clock=self.clock
        )
        self.host, self.chat = RecordingHost(), RecordingChat()
        self.rules = ScriptedAnalyst(name="rules")
        self.analysis = AnalysisDesk(
            index=self.index, knowledge=CountingKnowledge(), analyst=analyst or ScriptedAnalyst(), rules=self.rules,
            bell=self.bell, lease_ms=60_000, max_attempts=5, jitter=lambda: 0.0,
        )  # fmt: skip
        self.memory = FailureMemory(
            log=SilentLog(), index=self.index, reader=TextReader(load_categorizer(load())), watch=watch_of(self.index),
            meters=meters_of(self.index), bell=bell or self.bell, horizon_ms=3_600_000, clock=self.clock,
            watched=watched_by(channels),
        )  # fmt: skip
        self.notices = RedisNotices(client, kept_seconds=3_600)
        self.desk = NotifyDesk(
            index=self.index, notices=self.notices, host=self.host, chat=self.chat, channels=channels,
            breaker=lambda _: breaker or NoBreaker(), lease_ms=3 * MINUTE_MS, jitter=lambda: 0.0,
        )  # fmt: skip

    def fail(self, what: str = "assert 401 == 200", *, branch: str = "topic", run: int = 1, **fields: Any) -> FailureEvent:
        """A job of acme/shop fails, as a worker reads it."""
        event = FailureEvent.model_validate(_place(branch, run) | {"error_message": f"E   {what}"} | fields)
        self.take(event)
        return event

    def passes(self, *, branch: str = "topic", run: int = 2, **fields: Any) -> None:
        """The job passes."""
        self.take(PassEvent.model_validate(_place(branch, run) | fields))

    def take(self, *events: FailureEvent | PassEvent) -> None:
        """What was reported, in one batch."""
        entries = [entry(event.model_dump_json(), ms=self.clock(), sequence=n) for n, event in enumerate(events)]
        self.memory.absorb(entries, self.clock())

    def analyse(self) -> None:
        """Analyse what is due."""
        for pattern_id in self.index.overdue("analysis", T, self.clock(), 100):
            self.analysis.analyze(T, pattern_id, self.clock)

    def tell(self) -> list[str]:
        """Tell what is due; returns what came of each."""
        due = self.index.overdue("notify", T, self.clock(), 100)
        return [self.desk.tell(T, work_id, self.clock()) for work_id in due]

    def told_all(self) -> None:
        """Analyse and tell, as long as something is due."""
        self.analyse()
        while self.tell():
            pass

    def fixed(self) -> str:
        """Somebody fixes the failure that was seen last; returns its pattern's id."""
        pattern_id = self.index.pattern_ids(T, 1)[0]
        report = fixed(pattern_id)
        self.memory.absorb([entry(report.model_dump_json(), ms=self.clock())], self.clock())
        desk = ResolutionDesk(index=self.index, watch=self.memory.watch, bell=self.bell, lease_ms=60_000)
        desk.apply(T, report.event_id, self.clock())
        return pattern_id

    @property
    def owed(self) -> int:
        return self.index.owed("notify", T)


def _place(branch: str, run: int) -> dict[str, Any]:
    return {
        "repo": "acme/shop", "build_id": str(run), "run_number": run, "job": "CI / unit", "stage": "test", "branch": branch,
        "default_branch": "main", "provider": "github", "commit_sha": f"{run:040x}", "url": f"https://github.example.com/acme/shop/runs/{run}",
    }  # fmt: skip
