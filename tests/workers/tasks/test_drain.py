"""The loop of a drain: poison goes to the dead letters, its neighbours go on, Redis's errors pass through."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from threading import Event
from types import SimpleNamespace

import pytest
from kombu.exceptions import OperationalError
from redis import ConnectionError as RedisGone
from redis import Redis

from ci_memory_producers.events import FailureEvent
from ci_memory_producers.keys import FIELD, STREAM
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.services.failures import Counts, FailureMemory
from ci_memory_workers.services.ports import Entry
from ci_memory_workers.settings import Settings
from ci_memory_workers.tasks.drain import Drain

TOKEN = "this-drain"


class Absorbing:
    """Takes in entries, and chokes on those that hold the word poison; on those that hold the word riddle as it reads them."""

    def __init__(self, log: object) -> None:
        self._log = log
        self.batches: list[list[bytes]] = []
        self.error: Exception = ValueError("chokes")

    def absorb(self, entries: Sequence[Entry], now_ms: int) -> Counts:
        return self.take_in(self.read(entries, now_ms), now_ms)

    def read(self, entries: Sequence[Entry], now_ms: int) -> Sequence[Entry]:
        if any(b"riddle" in entry.payload for entry in entries):
            raise self.error
        return entries

    def take_in(self, entries: Sequence[Entry], now_ms: int) -> Counts:
        self.batches.append([entry.payload for entry in entries])
        if any(b"poison" in entry.payload for entry in entries):
            raise self.error
        self._log.acknowledge(entries)  # type: ignore[attr-defined]  # the real log
        return Counts(events=len(entries), known=len(entries))


class Box(Container):
    """A container whose story of a failure is `Absorbing`."""

    absorbing: Absorbing

    @property
    def failures(self) -> FailureMemory:
        return self.absorbing  # type: ignore[return-value]  # it absorbs, and nothing else is asked of it


@pytest.fixture
def box(redis_server: EmbeddedServer, redis_client: Redis) -> Iterator[Box]:
    box = Box(Settings(url=redis_server.url, batch=3, max_deliveries=2, drain_seconds=60))
    box.absorbing = Absorbing(box.log)
    yield box
    box.redis.close()


def tick(monkeypatch: pytest.MonkeyPatch, seconds: float) -> Iterator[float]:
    """A clock for the drain that goes on by so many seconds whenever it is read."""
    clock = itertools.count(step=seconds)
    monkeypatch.setattr("ci_memory_workers.tasks.drain.time", SimpleNamespace(monotonic=lambda: next(clock)))
    return clock


def push(client: Redis, *payloads: str) -> None:
    for payload in payloads:
        client.xadd(STREAM, {FIELD: payload})


def drain(box: Box, stopping: Callable[[], bool] | None = None) -> Drain:
    """A drain that stops when the log is empty."""
    assert box.slots.hold(0, TOKEN)
    return Drain(box, 0, TOKEN, stopping or (lambda: box.log.lag() == 0 and box.log.unacknowledged() == 0))


def dead(box: Box) -> list[tuple[str, str]]:
    return [(letter.payload, letter.reason) for letter in box.log.dead_letters(10)]


def test_new_entries_are_taken_in_by_batches(box: Box, redis_client: Redis) -> None:
    push(redis_client, *"abcde")

    assert drain(box).run() == Counts(events=5, known=5)
    assert box.absorbing.batches == [[b"a", b"b", b"c"], [b"d", b"e"]]
    assert (box.log.unacknowledged(), dead(box)) == (0, [])


def test_the_next_batch_is_read_while_one_is_taken_in(box: Box, redis_client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    read, take_in, reading = box.absorbing.read, box.absorbing.take_in, Event()

    def read_next(entries: Sequence[Entry], now_ms: int) -> Sequence[Entry]:
        if entries[0].payload == b"d":
            reading.set()
        return read(entries, now_ms)

    def take_in_when_the_next_is_read(entries: Sequence[Entry], now_ms: int) -> Counts:
        assert reading.wait(30)
        return take_in(entries, now_ms)

    monkeypatch.setattr(box.absorbing, "read", read_next)
    monkeypatch.setattr(box.absorbing, "take_in", take_in_when_the_next_is_read)
    push(redis_client, *"abcdefg")

    assert drain(box).run() == Counts(events=7, known=7)
    assert box.absorbing.batches == [[b"a", b"b", b"c"], [b"d", b"e", b"f"], [b"g"]]


@pytest.mark.parametrize("word", ["poison", "riddle"])
@pytest.mark.parametrize("place", range(7))
def test_wherever_an_entry_stands_that_cannot_be_processed_the_others_are_taken_in_in_their_order(
    box: Box, redis_client: Redis, place: int, word: str
) -> None:
    payloads = [*"abcdefg"]
    payloads[place] = word
    push(redis_client, *payloads)

    assert drain(box).run() == Counts(events=7, known=6, dead=1)
    taken = [payload for batch in box.absorbing.batches for payload in batch if word.encode() not in batch]
    assert taken == [one.encode() for one in payloads if one != word]
    assert (dead(box), box.log.unacknowledged()) == ([(word, "processing_failed")], 0)


def test_what_was_read_ahead_is_not_lost_when_redis_is_gone_under_the_batch_before(box: Box, redis_client: Redis) -> None:
    box.absorbing.error = RedisGone("gone")
    push(redis_client, "a", "poison", *"cdefgh")
    with pytest.raises(RedisGone):
        drain(box).run()

    box.absorbing.error = ValueError("chokes")
    assert drain(box).run() == Counts(events=8, known=7, dead=1)
    assert (dead(box), box.log.unacknowledged()) == ([("poison", "processing_failed")], 0)


def test_an_entry_that_cannot_be_processed_is_buried_and_its_neighbours_go_on(box: Box, redis_client: Redis) -> None:
    push(redis_client, "a", "poison", "c", "d")

    assert drain(box).run() == Counts(events=4, known=3, dead=1)
    assert dead(box) == [("poison", "processing_failed")]
    assert next(box.log.dead_letters(1)).detail == "ValueError in processing"
    assert box.log.unacknowledged() == 0


def test_why_it_cannot_be_processed_is_said_without_the_text_of_the_error(box: Box, redis_client: Redis) -> None:
    box.absorbing.error = ValueError("hunter2")
    push(redis_client, "poison")
    drain(box).run()

    assert "hunter2" not in next(box.log.dead_letters(1)).detail


def test_what_the_slot_did_not_finish_comes_first_and_one_by_one(box: Box, redis_client: Redis) -> None:
    push(redis_client, "a", "b")
    box.log.read(0, 10, 1)
    push(redis_client, "c", "d")

    assert drain(box).run() == Counts(events=4, known=4)
    assert box.absorbing.batches == [[b"a"], [b"b"], [b"c", b"d"]]


def test_an_entry_that_was_delivered_too_often_is_buried_unread(box: Box, redis_client: Redis) -> None:
    push(redis_client, "killer", "b")
    box.log.read(0, 10, 1)
    assert box.log.unfinished(0, 1)[0].deliveries == 2

    assert drain(box).run() == Counts(events=2, known=1, dead=1)
    assert dead(box) == [("killer", "delivered_repeatedly")]
    assert box.absorbing.batches == [[b"b"]]


def test_an_entry_is_tried_as_often_as_the_settings_say(box: Box, redis_client: Redis) -> None:
    push(redis_client, "a")
    box.log.read(0, 10, 1)

    assert drain(box).run() == Counts(events=1, known=1)
    assert dead(box) == []


@pytest.mark.parametrize("pushed_before", [True, False], ids=["unfinished", "new"])
def test_errors_of_redis_pass_through_and_bury_nothing(box: Box, redis_client: Redis, pushed_before: bool) -> None:
    push(redis_client, "poison")
    if pushed_before:
        box.log.read(0, 10, 1)
    box.absorbing.error = RedisGone("gone")

    with pytest.raises(RedisGone):
        drain(box).run()
    assert (dead(box), box.log.unacknowledged()) == ([], 1)


def test_an_entry_that_redis_itself_chokes_on_does_not_hold_up_the_slot_for_ever(box: Box, redis_client: Redis) -> None:
    box.absorbing.error = RedisGone("chokes too")
    push(redis_client, "poison", "b")
    crashes = 0
    while box.log.lag() or box.log.unacknowledged():
        try:
            drain(box).run()
        except RedisGone:
            crashes += 1
            assert crashes < 5, "for ever"

    assert dead(box) == [("poison", "delivered_repeatedly")]
    assert box.absorbing.batches[-1] == [b"b"]


def test_a_drain_whose_slot_was_lost_ends_and_leaves_the_rest(
    box: Box, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(monkeypatch, box.settings.slot_lease_seconds / 3)
    push(redis_client, *"abcd")
    one = drain(box, stopping=lambda: False)
    read = box.absorbing.read

    def lose(entries: Sequence[Entry], now_ms: int) -> Sequence[Entry]:
        box.slots.release(0, TOKEN)
        assert box.slots.hold(0, "another")
        return read(entries, now_ms)

    box.absorbing.read = lose  # type: ignore[method-assign]  # loses the slot on the way

    assert one.run() == Counts(events=3, known=3)
    assert box.log.lag() == 1


def test_a_drain_asks_for_its_slot_again_in_time_and_no_more_often(
    box: Box, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    push(redis_client, *"abcdefghij")
    asked: list[float] = []
    clock = tick(monkeypatch, 1.2)

    def hold(*_: object) -> bool:
        asked.append(next(clock))
        return True

    monkeypatch.setattr(type(box.slots), "hold", hold)

    drain(box).run()

    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert gaps
    assert box.settings.slot_lease_seconds / 3 <= min(gaps) <= max(gaps) < box.settings.slot_lease_seconds


def test_a_drain_whose_slot_is_lost_over_unfinished_entries_ends_too(box: Box, redis_client: Redis) -> None:
    push(redis_client, "a", "b")
    box.log.read(0, 10, 1)
    one = drain(box, stopping=lambda: False)
    box.slots.release(0, TOKEN)
    assert box.slots.hold(0, "another")

    assert one.run() == Counts(events=1, known=1)
    assert box.log.unacknowledged() == 1


def test_a_worker_that_stops_reads_nothing_new(box: Box, redis_client: Redis) -> None:
    push(redis_client, "a")

    assert drain(box, stopping=lambda: True).run() == Counts()
    assert box.log.lag() == 1


def test_a_worker_that_stops_does_not_wait_for_a_long_list_of_unfinished_entries(box: Box, redis_client: Redis) -> None:
    push(redis_client, *"abc")
    box.log.read(0, 10, 1)

    drain(box, stopping=lambda: True).run()

    assert len(box.absorbing.batches) <= 1


def test_what_celery_cannot_ring_for_is_taken_in_once_owed_and_no_dead_letter(
    redis_server: EmbeddedServer, redis_client: Redis
) -> None:
    def out_of_reach(*_: object) -> None:
        raise OperationalError("no broker")

    box = Container(Settings(url=redis_server.url), out_of_reach)
    event = FailureEvent(repo="acme/shop", build_id="1", stage="test", error_message="E   assert 401 == 200")
    push(redis_client, event.model_dump_json())
    assert box.slots.hold(0, TOKEN)

    counts = Drain(box, 0, TOKEN, lambda: box.log.lag() == 0 and box.log.unacknowledged() == 0).run()

    assert (counts, box.log.dead_count()) == (Counts(events=1, new=1), 0)
    assert len(box.index.overdue("analysis", "default", 10**14, 10)) == 1
    box.redis.close()
