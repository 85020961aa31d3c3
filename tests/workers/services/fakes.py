"""Ports without a world: a memory that counts, an analyst that does as told, a bell that records; and workers that die."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from redis import Redis

from ci_memory_producers.events import Diagnosis, FailureEvent, PassEvent, ResolutionEvent
from ci_memory_workers.adapters.redis_archive import RedisArchive
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.adapters.redis_meters import RedisMeters
from ci_memory_workers.adapters.redis_watch import RedisFixWatch
from ci_memory_workers.domain.pattern import Pattern
from ci_memory_workers.errors import KnowledgeRefused
from ci_memory_workers.names import Lane
from ci_memory_workers.services.ports import (
    AnalystAnswer,
    Candidate,
    Dated,
    Entry,
    FailureContext,
    Memory,
    MemoryKind,
    Reading,
    Vote,
)

T = "default"
NOW = 1_800_000_000_000
HOUR_MS = 3_600_000
DIAGNOSIS = Diagnosis(summary="a summary", likely_cause="a cause", suggested_fix="a suggestion", prevention="a prevention")
RULES = Diagnosis(summary="by rules", likely_cause="rules", suggested_fix="what rules say", prevention="rules")
P = TypeVar("P")


def pattern(**fields: Any) -> Pattern:
    """A pattern that was seen once, an hour ago, and analysed; ``fields`` say what is different."""
    usual: dict[str, Any] = {
        "pattern_id": "pat_aaaaaaaaaaaa",
        "status": "unresolved",
        "category": "test_assertion",
        "signal": "assertion",
        "stage": "test",
        "fingerprint": "1:aaaa",
        "test_key": "",
        "headline": "E   assert 401 == 200",
        "generic": False,
        "occurrences": 1,
        "episodes": 1,
        "flaky_episodes": 0,
        "repositories": 1,
        "match_votes": 0,
        "recurred": 0,
        "first_ms": NOW - HOUR_MS,
        "last_ms": NOW - HOUR_MS,
        "revision": 1,
        "analysed": "final",
        "analyst": "model-x",
        "diagnosis": DIAGNOSIS,
    }
    return Pattern(**{**usual, **fields})


def open_index(client: Redis) -> RedisIndex:
    """The real index: its Lua is the truth."""
    return RedisIndex(client, dedupe_seconds=3_600, answer_seconds=3_600, flush_ms=1_000)


def archive_of(index: object) -> RedisArchive:
    """The archive on the same server as an index, mortal or not."""
    return RedisArchive(cast("Any", index)._client)


def watch_of(index: object) -> RedisFixWatch:
    """The watch of files on the same server as an index."""
    return RedisFixWatch(cast("Any", index)._client)


def meters_of(index: object) -> RedisMeters:
    """The meters on the same server as an index."""
    return RedisMeters(cast("Any", index)._client)


def failed(fingerprint: str = "1:aaaa", *, build: str = "1", repo: str = "acme/shop", ms: int = NOW, **fields: object) -> Reading:
    """A failure as it was read."""
    event = FailureEvent.model_validate(
        {"repo": repo, "build_id": build, "stage": "test", "error_message": f"E   boom {fingerprint}", **fields}
    )
    return Reading(event, ms, "test_assertion", "assertion", fingerprint, "", generic=False)


def passed(*, build: str = "1", repo: str = "acme/shop", ms: int = NOW, **fields: object) -> Dated:
    """A pass as it was read."""
    return Dated(PassEvent.model_validate({"repo": repo, "build_id": build, "stage": "test", **fields}), ms)


def fixed(pattern_id: str, description: str = "set AUTH_TOKEN", *, repo: str = "acme/shop", **fields: Any) -> ResolutionEvent:
    """A report that somebody fixed a pattern."""
    usual = {"fix_type": "config_change", "fixed_by": "dev@example.com"}
    return ResolutionEvent(repo=repo, pattern_id=pattern_id, fix_description=description, **{**usual, **fields})


def entry(payload: bytes | str, *, ms: int = NOW, sequence: int = 0, deliveries: int = 1) -> Entry:
    """An entry of the event log."""
    data = payload.encode() if isinstance(payload, str) else payload
    return Entry(f"{ms}-{sequence}", data, deliveries)


def the(found: P | None) -> P:
    """What must be there."""
    assert found is not None
    return found


class Killed(BaseException):
    """The worker is gone, as after SIGKILL: no service can catch it."""


class Life:
    """Counts the steps that a worker takes, and ends it at one of them: before its effect, or just after."""

    def __init__(self, dies_at: int | None = None, *, after: bool = False) -> None:
        self._dies_at = dies_at
        self._after = after
        self.steps = 0

    def step(self, call: Callable[[], Any]) -> Any:
        self.steps += 1
        if self.steps == self._dies_at and not self._after:
            raise Killed
        result = call()
        if self.steps == self._dies_at:
            raise Killed
        return result


class _Mortal:
    def __init__(self, inner: object, life: Life) -> None:
        self._inner = inner
        self._life = life

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not callable(attribute):
            return attribute
        return lambda *args, **kwargs: self._life.step(lambda: attribute(*args, **kwargs))


def mortal(port: P, life: Life) -> P:
    """``port``, each of whose calls is a step of ``life``."""
    return cast("P", _Mortal(port, life))


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, ms: int = NOW) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms

    def forward(self, ms: int) -> None:
        self.ms += ms


@dataclass
class RecordingBell:
    """Remembers who was rung for."""

    rings: list[tuple[Lane, str, str]] = field(default_factory=list)
    waiting: dict[Lane, int] = field(default_factory=dict)

    def ring(self, lane: Lane, tenant: str, work_id: str) -> None:
        self.rings.append((lane, tenant, work_id))

    def backlog(self, lane: Lane) -> int:
        return self.waiting.get(lane, 0)


class ScriptedAnalyst:
    """Gives its replies in turn, the last one for ever; an exception is raised."""

    def __init__(self, *replies: AnalystAnswer | Exception, name: str = "model-x") -> None:
        self.name = name
        self._replies = list(replies) or [AnalystAnswer(DIAGNOSIS, name)]
        self.asked: list[tuple[FailureContext, list[Candidate]]] = []

    def analyze(self, failure: FailureContext, candidates: Sequence[Candidate]) -> AnalystAnswer:
        self.asked.append((failure, list(candidates)))
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply


@dataclass
class Stored:
    """A memory in `CountingKnowledge`, with all that was done to it."""

    kind: Literal["reflection", "strategy"]
    tenant: str
    content: str
    metadata: dict[str, object]
    votes: list[Vote] = field(default_factory=list)
    contexts: list[str] = field(default_factory=list)
    deprecated: bool = False


@dataclass
class CountingKnowledge:
    """A memory that keeps all it is told. ``trouble`` is raised by every call, ``vote_trouble`` by votes."""

    stored: dict[str, Stored] = field(default_factory=dict)
    candidates: list[Candidate] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    trouble: Exception | None = None
    vote_trouble: Exception | None = None
    metadata_trouble: Exception | None = None

    def of(self, kind: str, pattern_id: str) -> list[Stored]:
        """Memories of ``kind`` about a pattern."""
        return [one for one in self.stored.values() if one.kind == kind and pattern_id in one.content]

    def add_reflection(
        self, tenant: str, content: str, *, error_pattern: str, correct_approach: str, metadata: Mapping[str, object]
    ) -> str:
        known = {"error_pattern": error_pattern, "correct_approach": correct_approach}
        return self._add(Stored("reflection", tenant, content, known | dict(metadata)))

    def add_strategy(self, tenant: str, content: str, *, metadata: Mapping[str, object]) -> str:
        return self._add(Stored("strategy", tenant, content, dict(metadata)))

    def find(self, tenant: str, pattern_id: str, kind: Literal["reflection", "strategy"]) -> list[str]:
        self._fail()
        return [
            memory_id
            for memory_id, one in self.stored.items()
            if (one.kind, one.tenant, one.deprecated) == (kind, tenant, False) and pattern_id in one.content
        ]

    def vote(self, tenant: str, memory_id: str, vote: Vote, *, context: str, task_id: str) -> None:
        self._fail()
        if self.vote_trouble is not None:
            raise self.vote_trouble
        memory = self._stored(memory_id)
        memory.votes.append(vote)
        memory.contexts.append(context)

    def update_metadata(self, tenant: str, memory_id: str, metadata: Mapping[str, object]) -> None:
        self._fail()
        if self.metadata_trouble is not None:
            raise self.metadata_trouble
        self._stored(memory_id).metadata.update(metadata)

    def get(self, tenant: str, memory_id: str) -> Memory | None:
        self._fail()
        one = self.stored.get(memory_id)
        return Memory(memory_id, one.content, one.metadata) if one else None

    def deprecate(self, tenant: str, memory_id: str) -> None:
        self._fail()
        self._stored(memory_id).deprecated = True

    def shortlist(self, tenant: str, query: str, *, top_k: int = 5, min_effectiveness: float = -1.0) -> list[Candidate]:
        self._fail()
        self.queries.append(query)
        return self.candidates[:top_k]

    def memories(self, tenant: str, kind: MemoryKind) -> Iterator[Memory]:
        self._fail()
        for memory_id, one in list(self.stored.items()):
            if (one.tenant, one.kind) == (tenant, kind):
                yield Memory(memory_id, one.content, one.metadata | ({"deprecated": True} if one.deprecated else {}))

    def tenants(self) -> list[str]:
        return sorted({one.tenant for one in self.stored.values()})

    def close(self) -> None:
        pass

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def _add(self, memory: Stored) -> str:
        self._fail()
        memory_id = f"mem-{len(self.stored)}"
        self.stored[memory_id] = memory
        return memory_id

    def _stored(self, memory_id: str) -> Stored:
        if memory_id not in self.stored:
            raise KnowledgeRefused(f"no memory {memory_id}")
        return self.stored[memory_id]
