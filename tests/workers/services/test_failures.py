"""The story of a failure, batch by batch: what is no event is buried, what is one is applied once, answered and acknowledged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from fakes import (
    HOUR_MS,
    NOW,
    CountingKnowledge,
    Killed,
    Life,
    RecordingBell,
    ScriptedAnalyst,
    T,
    entry,
    fixed,
    meters_of,
    mortal,
    open_index,
    the,
    watch_of,
)
from redis import Redis

from ci_memory_producers.events import ANSWER, MAX_EVENT_BYTES, Analysis, ResolutionReceipt
from ci_memory_producers.keys import result_key
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.bootstrap import load_categorizer
from ci_memory_workers.services.analysis import AnalysisDesk
from ci_memory_workers.services.failures import Counts, FailureMemory
from ci_memory_workers.services.ports import Entry, EventLog, Index
from ci_memory_workers.services.reading import TextReader
from ci_memory_workers.settings import load

TOKEN = "ghp_" + "x1" * 18


@dataclass
class ListLog:
    """An event log that remembers what it was told."""

    acknowledged: list[str] = field(default_factory=list)
    buried: list[tuple[str, str, str]] = field(default_factory=list)

    def unfinished(self, slot: int, count: int) -> list[Entry]:
        return []

    def read(self, slot: int, count: int, block_ms: int) -> list[Entry]:
        return []

    def acknowledge(self, entries: Sequence[Entry]) -> None:
        self.acknowledged += [one.entry_id for one in entries]

    def bury(self, entry: Entry, reason: str, detail: str) -> None:
        self.buried.append((entry.entry_id, reason, detail))

    @property
    def left_unread(self) -> int:
        return 0

    def lag(self) -> int:
        return 0


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


@pytest.fixture
def log() -> ListLog:
    return ListLog()


@pytest.fixture
def bell() -> RecordingBell:
    return RecordingBell()


def memory(log: EventLog, index: Index, bell: RecordingBell) -> FailureMemory:
    return FailureMemory(
        log,
        index,
        TextReader(load_categorizer(load())),
        watch_of(index),
        meters_of(index),
        bell,
        horizon_ms=72 * HOUR_MS,
        clock=lambda: NOW,
    )


def payload(kind: str = "failure", **fields: object) -> str:
    usual: dict[str, object] = {"kind": kind, "repo": "acme/shop", "build_id": "1", "stage": "test"}
    if kind == "failure":
        usual["error_message"] = "E   assert 401 == 200"
    return json.dumps({**usual, **fields})


def analyse_all(index: RedisIndex, tenant: str = T) -> None:
    desk = AnalysisDesk(index, CountingKnowledge(), ScriptedAnalyst(), ScriptedAnalyst(), RecordingBell(), 1_000, 9, lambda: 0.0)
    for pattern_id in index.overdue("analysis", tenant, NOW, 100):
        desk.analyze(tenant, pattern_id, lambda: NOW)


def test_a_new_failure_is_rung_for_and_a_known_one_is_answered_at_once(
    index: RedisIndex, log: ListLog, bell: RecordingBell, redis_client: Redis
) -> None:
    one = memory(log, index, bell)
    assert one.absorb([entry(payload())], NOW) == Counts(events=1, new=1)
    assert [ring[0] for ring in bell.rings] == ["analysis"]
    analyse_all(index)

    assert one.absorb([entry(payload(build_id="2", event_id="event-0002"), sequence=1)], NOW) == Counts(events=1, known=1)

    answer = ANSWER.validate_json(redis_client.get(result_key(T, "event-0002")))  # type: ignore[arg-type]  # bytes, not awaited
    assert isinstance(answer, Analysis)
    assert (answer.status, answer.similar_failures, answer.category) == ("known_pattern", 2, "test_assertion")
    assert len(bell.rings) == 1
    assert log.acknowledged == [f"{NOW}-0", f"{NOW}-1"]


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", "invalid_event", "JSON"),
        (b"\xff\xfe{", "invalid_event", "JSON"),
        (b"[]", "invalid_event", "event"),
        (b'{"kind": "nonsense"}', "invalid_event", "nonsense"),
        (payload(stage="lunch"), "invalid_event", "stage: Input should be"),
        (payload(error_message="  \n"), "invalid_event", "error_message"),
        (payload(tenant="A B"), "invalid_event", "tenant"),
        (payload(timestamp="0001-01-01T00:00:00+14:00"), "invalid_event", "timestamp"),
        (payload(padding="x" * MAX_EVENT_BYTES), "too_large", str(MAX_EVENT_BYTES)),
    ],
)
def test_what_is_no_event_is_buried_with_its_reason_and_its_neighbours_go_on(
    index: RedisIndex, log: ListLog, bell: RecordingBell, data: bytes | str, reason: str, detail: str
) -> None:
    counts = memory(log, index, bell).absorb([entry(data), entry(payload(), sequence=1)], NOW)

    assert counts == Counts(events=2, new=1, dead=1)
    assert [(entry_id, why) for entry_id, why, _ in log.buried] == [(f"{NOW}-0", reason)]
    assert detail in log.buried[0][2]
    assert log.acknowledged == [f"{NOW}-1"]


def test_why_an_event_is_invalid_is_said_without_its_values(index: RedisIndex, log: ListLog, bell: RecordingBell) -> None:
    memory(log, index, bell).absorb([entry(payload(stage=TOKEN, exit_code=TOKEN))], NOW)

    assert "stage" in log.buried[0][2]
    assert TOKEN not in log.buried[0][2]


def test_an_event_that_is_older_than_the_horizon_is_buried(index: RedisIndex, log: ListLog, bell: RecordingBell) -> None:
    entries = [entry(payload(), ms=NOW - 72 * HOUR_MS - 1), entry(payload(build_id="2"), ms=NOW - 72 * HOUR_MS)]

    assert memory(log, index, bell).absorb(entries, NOW) == Counts(events=2, new=1, dead=1)
    assert log.buried[0][1] == "too_old"


def test_secrets_that_a_producer_left_are_kept_nowhere(
    index: RedisIndex, log: ListLog, bell: RecordingBell, redis_client: Redis
) -> None:
    redis_client.config_set("rdbcompression", "no")  # what DUMP gives below is plain
    texts = ("stack_trace", "commit_message", "author", "branch", "job", "url")
    leaks: dict[str, Any] = {name: f"{name} {TOKEN}" for name in texts} | {
        "changed_files": [f"a/{TOKEN}"],
        "test_id": f"t::{TOKEN}",
    }
    one = memory(log, index, bell)
    one.absorb([entry(payload(error_message=f"E   token {TOKEN} was refused", **leaks))], NOW)
    pattern_id = bell.rings[0][2]
    resolution = fixed(pattern_id, f"set {TOKEN}", fixed_by=TOKEN)
    one.absorb([entry(resolution.model_dump_json(), sequence=1)], NOW)

    assert "was refused" in the(index.sample(T, pattern_id)).error_message
    assert "[REDACTED" in the(index.resolution(T, resolution.event_id)).fix_description
    for key in redis_client.scan_iter():
        assert TOKEN.encode() not in redis_client.dump(key), key  # type: ignore[operator]  # bytes, not awaited


def test_a_resolution_of_an_unknown_pattern_is_rejected_and_buried(
    index: RedisIndex, log: ListLog, bell: RecordingBell, redis_client: Redis
) -> None:
    event = fixed("pat_000000000000")

    counts = memory(log, index, bell).absorb([entry(event.model_dump_json()), entry(payload(), sequence=1)], NOW)

    assert counts == Counts(events=2, new=1, dead=1)
    assert log.buried == [(f"{NOW}-0", "unknown_pattern", "nothing is known under pat_000000000000")]
    receipt = ANSWER.validate_json(redis_client.get(result_key(T, event.event_id)))  # type: ignore[arg-type]  # bytes
    assert isinstance(receipt, ResolutionReceipt)
    assert receipt.status == "rejected"


def test_tenants_of_one_batch_are_kept_apart(index: RedisIndex, log: ListLog, bell: RecordingBell) -> None:
    entries = [entry(payload(tenant=tenant), sequence=n) for n, tenant in enumerate(("mine", "yours", "mine"))]

    assert memory(log, index, bell).absorb(entries, NOW) == Counts(events=3, new=2, duplicates=1)
    assert index.tenants() == ["mine", "yours"]


@pytest.mark.parametrize("after", [False, True], ids=["before a step", "after a step"])
def test_whichever_step_a_drain_dies_at_a_second_delivery_counts_nothing_twice(
    index: RedisIndex, redis_client: Redis, after: bool
) -> None:
    for step in range(1, 20):
        tenant, life, log = f"t{step}", Life(step, after=after), ListLog()
        batch = [entry(payload(tenant=tenant, build_id=str(n), event_id=f"{tenant}-event-{n}"), sequence=n) for n in range(3)] + [
            entry(payload("pass", tenant=tenant, build_id="0", attempt=2), sequence=3),
            entry(b"{", sequence=4),
        ]
        died = True
        with suppress(Killed):
            memory(mortal(log, life), mortal(index, life), mortal(RecordingBell(), life)).absorb(batch, NOW)
            died = False
        if not log.acknowledged:
            memory(log, index, RecordingBell()).absorb(batch, NOW)
        analyse_all(index, tenant)

        (pattern_id,) = index.pattern_ids(tenant, 10)
        pattern = the(index.pattern(tenant, pattern_id))
        assert (pattern.occurrences, pattern.episodes, pattern.flaky_episodes, pattern.match_votes) == (3, 3, 1, 2)
        assert sorted(log.acknowledged) == [one.entry_id for one in batch[:4]]
        assert {entry_id for entry_id, _, _ in log.buried} == {f"{NOW}-4"}
        for n in range(3):
            assert redis_client.exists(result_key(tenant, f"{tenant}-event-{n}"))
        if not died:
            return
    raise AssertionError("no life was long enough")
