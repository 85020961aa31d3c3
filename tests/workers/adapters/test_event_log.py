"""The event log on a real server: who was given what, dead letters, replay, reclaiming, trimming."""

from __future__ import annotations

import pytest
from redis import Redis

from ci_memory_producers.keys import FIELD, STREAM
from ci_memory_workers.adapters.event_log import DEAD, RedisEventLog
from ci_memory_workers.services.ports import Entry


@pytest.fixture
def log(redis_client: Redis) -> RedisEventLog:
    log = RedisEventLog(redis_client, lambda text: text.replace("hunter2", "[REDACTED]"))
    log.ensure_group()
    return log


def push(client: Redis, *payloads: str) -> None:
    for payload in payloads:
        client.xadd(STREAM, {FIELD: payload})


def read(log: RedisEventLog, slot: int = 0, count: int = 10) -> list[Entry]:
    return log.read(slot, count, block_ms=1)


def payloads(entries: list[Entry]) -> list[bytes]:
    return [entry.payload for entry in entries]


def test_a_group_is_made_once_and_begins_with_what_was_pushed_before_it(redis_client: Redis) -> None:
    push(redis_client, "early")
    log = RedisEventLog(redis_client, str)
    for _ in range(2):
        log.ensure_group()

    assert payloads(read(log)) == [b"early"]


def test_entries_are_read_in_order_and_by_one_slot_each(log: RedisEventLog, redis_client: Redis) -> None:
    push(redis_client, "a", "b", "c")

    assert payloads(read(log, slot=0, count=2)) == [b"a", b"b"]
    assert payloads(read(log, slot=1)) == [b"c"]
    assert read(log, slot=0) == []


def test_an_entry_knows_when_it_was_appended(log: RedisEventLog, redis_client: Redis) -> None:
    redis_client.xadd(STREAM, {FIELD: "a"}, id="1700000000123-4")

    (entry,) = read(log)

    assert (entry.entry_id, entry.ms, entry.deliveries) == ("1700000000123-4", 1_700_000_000_123, 1)


def test_what_was_not_acknowledged_is_given_again_to_its_slot_with_a_count_of_deliveries(
    log: RedisEventLog, redis_client: Redis
) -> None:
    push(redis_client, "a", "b")
    first, _ = read(log, slot=3)
    log.acknowledge([first])

    assert log.unfinished(0, 10) == []
    again = [log.unfinished(3, 10) for _ in range(2)]
    assert [(entry.payload, entry.deliveries) for entries in again for entry in entries] == [(b"b", 2), (b"b", 3)]
    assert (log.lag(), log.unacknowledged()) == (0, 1)


def test_reading_unfinished_entries_singly_counts_no_delivery_of_their_neighbours(
    log: RedisEventLog, redis_client: Redis
) -> None:
    push(redis_client, "a", "b")
    read(log)
    for _ in range(3):
        log.unfinished(0, 1)

    first, second = log.unfinished(0, 2)
    assert (first.deliveries, second.deliveries) == (5, 2)


def test_an_entry_that_was_deleted_before_it_was_finished_is_empty_and_can_be_buried(
    log: RedisEventLog, redis_client: Redis
) -> None:
    push(redis_client, "a")
    (entry,) = read(log)
    redis_client.xdel(STREAM, entry.entry_id)

    (gone,) = log.unfinished(0, 10)

    assert (gone.entry_id, gone.payload) == (entry.entry_id, b"")
    log.bury(gone, "invalid_event", "it is gone")
    assert log.unfinished(0, 10) == []


def test_an_entry_without_the_field_is_empty(log: RedisEventLog, redis_client: Redis) -> None:
    redis_client.xadd(STREAM, {"other": "x"})

    assert payloads(read(log)) == [b""]


def test_the_lag_is_what_no_slot_has_read(log: RedisEventLog, redis_client: Redis) -> None:
    push(redis_client, "a", "b", "c")

    assert log.lag() == 3
    read(log, count=1)
    assert log.lag() == 2


def test_without_a_stream_nothing_lags_and_nothing_is_trimmed(redis_client: Redis) -> None:
    log = RedisEventLog(redis_client, str)

    assert (log.lag(), log.unacknowledged(), log.trim(), log.dead_count()) == (0, 0, 0, 0)


def test_a_buried_entry_is_a_dead_letter_once_and_is_acknowledged_with_it(log: RedisEventLog, redis_client: Redis) -> None:
    push(redis_client, "password hunter2 \u2028")
    (entry,) = read(log)
    for _ in range(2):
        log.bury(entry, "invalid_event", "repo: field required")

    (letter,) = log.dead_letters(10)
    assert (letter.reason, letter.detail, letter.entry_id, letter.deliveries) == (
        "invalid_event",
        "repo: field required",
        entry.entry_id,
        1,
    )
    assert letter.payload == "password [REDACTED] \u2028"
    assert log.dead_letter(letter.letter_id) == letter
    assert (log.dead_count(), log.unacknowledged()) == (1, 0)


def test_bytes_that_are_no_text_can_be_buried(log: RedisEventLog, redis_client: Redis) -> None:
    redis_client.xadd(STREAM, {FIELD: b"\xff\x00{"})
    (entry,) = read(log)
    log.bury(entry, "invalid_event", "event: invalid JSON")

    assert next(log.dead_letters(1)).payload == "\ufffd\x00{"


def test_a_dead_letter_that_is_replayed_is_a_new_entry_and_dead_no_more(log: RedisEventLog, redis_client: Redis) -> None:
    push(redis_client, "a")
    (entry,) = read(log)
    log.bury(entry, "too_old", "")
    (letter,) = log.dead_letters(1)

    new_id = log.replay(letter.letter_id)

    (again,) = read(log)
    assert (again.entry_id, again.payload) == (new_id, b"a")
    assert new_id != entry.entry_id
    assert (log.dead_count(), log.replay(letter.letter_id), log.dead_letter(letter.letter_id)) == (0, "", None)


def test_beyond_so_many_the_oldest_dead_letter_goes_and_is_counted(
    log: RedisEventLog, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ci_memory_workers.adapters.event_log.MOST_DEAD", 3)
    push(redis_client, *(f"event-{n}" for n in range(5)))
    for entry in log.read(0, 10, 1):
        log.bury(entry, "invalid_event", "")

    assert [letter.payload for letter in log.dead_letters(10)] == ["event-4", "event-3", "event-2"]
    assert (log.dead_count(), log.dead_dropped(), log.unacknowledged()) == (3, 2, 0)


def test_dead_letters_come_newest_first_and_no_more_than_asked_for(log: RedisEventLog, redis_client: Redis) -> None:
    push(redis_client, "a", "b", "c")
    for entry in read(log):
        log.bury(entry, "x", "")

    assert [letter.payload for letter in log.dead_letters(2)] == ["c", "b"]


def test_what_slots_that_no_longer_exist_were_given_goes_to_slot_0(log: RedisEventLog, redis_client: Redis) -> None:
    push(redis_client, "a", "b", "c")
    read(log, slot=5, count=1)
    read(log, slot=1, count=1)
    read(log, slot=6, count=1)

    assert log.reclaim(slots=2, idle_ms=60_000) == 0
    assert log.reclaim(slots=2, idle_ms=0) == 2
    taken = log.unfinished(0, 10)
    assert payloads(taken) == [b"a", b"c"]
    assert [entry.deliveries for entry in taken] == [2, 2]
    assert payloads(log.unfinished(1, 10)) == [b"b"]


def test_a_trim_drops_only_what_every_slot_is_done_with(log: RedisEventLog, redis_client: Redis) -> None:
    push(redis_client, "a", "b", "c", "d", "e")
    a, b, c = read(log, count=3)
    log.acknowledge([a, c])

    assert log.trim() == 1
    assert payloads(log.unfinished(0, 10)) == [b"b"]
    log.acknowledge([b])
    assert log.trim() == 1
    assert payloads(read(log)) == [b"d", b"e"]
    assert redis_client.xlen(DEAD) == 0


def test_nothing_is_trimmed_before_anything_was_read(log: RedisEventLog, redis_client: Redis) -> None:
    push(redis_client, "a", "b")

    assert log.trim() == 0
    assert payloads(read(log)) == [b"a", b"b"]
