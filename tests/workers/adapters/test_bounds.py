"""What is kept of a pattern is bounded, however often it fails: see `ops/bounds.md`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fakes import NOW, T, archive_of, failed, open_index, passed, the
from line_runs import only, run_of
from redis import Redis

from ci_memory_producers.client import Producer
from ci_memory_producers.events import EVENT, MAX_EVENT_BYTES, FailureEvent
from ci_memory_workers.adapters import known_texts, redis_index
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.known_texts import KnownTexts
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.settings import Settings
from ci_memory_workers.tasks.drain import Drain

PREFIX = f"ci-memory:{{{T}}}:"
BATCH = 100


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def fail(index: RedisIndex, builds: range) -> str:
    """Failures of a pattern, of a build each; some a batch and some alone."""
    events = [failed(build=str(build), ms=NOW + 1_000 * build) for build in builds]
    half = len(events) // 2
    index.apply(T, events[:half], NOW)
    for event in events[half:]:
        index.apply(T, [event], NOW)
    return only(index).pattern_id


def test_of_the_places_where_it_was_seen_the_last_ten_stay(index: RedisIndex) -> None:
    pattern_id = fail(index, range(40))

    state = the(archive_of(index).state(T, pattern_id))
    assert [place.place for place in state.recent] == [f"acme/shop#{build}" for build in range(39, 29, -1)]


def test_two_hundred_votes_wait_for_aegis_at_most(index: RedisIndex) -> None:
    pattern_id = fail(index, range(500))

    assert sum(1 for _ in iter(lambda: index.next_vote(T, pattern_id), None)) == 200
    assert only(index).match_votes == 499, "our own count is exact"


def test_so_many_events_wait_for_an_analysis(index: RedisIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_index, "MOST_WAITING", 3)

    pattern_id = fail(index, range(10))

    assert len(index.awaiting(T, pattern_id)) == 3
    assert only(index).occurrences == 10


def test_of_the_runs_of_a_job_the_last_four_hundred_stay(index: RedisIndex, redis_client: Redis) -> None:
    index.apply(T, [failed(**run_of(1))], NOW)
    index.apply(T, [passed(**run_of(number)) for number in range(2, 502)], NOW)

    (key,) = redis_client.scan_iter(f"{PREFIX}line:*")
    line = index.line(T, key.decode().rpartition(":")[2])
    assert sorted(one.run for one in line.attempts) == list(range(102, 502))


def test_of_the_texts_that_new_failures_are_compared_with_the_newest_stay(
    redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_texts, "MOST_TEXTS", 100)
    texts = KnownTexts(redis_client)

    for number in range(350):
        texts.remember(T, failed(f"1:{number}", build=str(number)).context(f"pat_{number:012}"), cause="")

    left: Any = redis_client.xlen(f"{PREFIX}texts")
    assert 100 <= left <= 200, "trimmed by whole pieces of the stream"


@pytest.fixture
def box(redis_server: EmbeddedServer, redis_client: Redis) -> Iterator[Container]:
    box = Container(Settings(url=redis_server.url, batch=BATCH), lambda *_: None)
    yield box
    box.redis.close()


def largest(number: int) -> FailureEvent:
    """As long as texts may be, in letters of four bytes and a quarter of what is allowed of them."""
    text = f"E   AssertionError: {number} \N{FIRE}\n" * 2_000
    files = tuple(f"src/{'d' * 200}/{number}_{file}.py" for file in range(250))
    return FailureEvent(
        repo="acme/shop", build_id=str(number), stage="test", error_message=text, stack_trace=text, changed_files=files
    )


def test_a_whole_batch_of_the_largest_events_is_taken_in(box: Container, redis_server: EmbeddedServer) -> None:
    events = [largest(number) for number in range(BATCH)]
    assert MAX_EVENT_BYTES * 0.7 < len(EVENT.dump_json(events[0])) <= MAX_EVENT_BYTES
    with Producer(redis_server.url) as producer:
        producer.push_many(events)
    assert box.slots.hold(0, "token")

    counts = Drain(box, 0, "token", lambda: box.log.lag() == 0 and box.log.unacknowledged() == 0).run()

    assert (counts.events, counts.new + counts.known, box.log.dead_count()) == (BATCH, BATCH, 0)
