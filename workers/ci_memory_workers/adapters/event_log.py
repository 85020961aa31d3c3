"""The event log: a Redis stream, read by a consumer group whose consumers are slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis, ResponseError

from ci_memory_producers.keys import FIELD, STREAM

from ..names import GROUP
from ..services.ports import Entry
from .scripts import Scripts

DEAD = "ci-memory:dead"
"""The dead letters: a stream of reason, detail, event, entry_id, deliveries."""
DEAD_DROPPED = "ci-memory:dead_dropped"
"""How many dead letters were dropped for newer ones."""
MOST_DEAD = 10_000
"""Dead letters that are kept: at 4 kB 40 MB, at the largest size 1.3 GB."""
RECLAIM_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be processed, and why. ``payload`` is redacted text, usually JSON."""

    letter_id: str
    reason: str
    detail: str
    payload: str
    entry_id: str
    deliveries: int


class RedisEventLog:
    """Satisfies `services.ports.EventLog`; raises what redis raises."""

    def __init__(self, client: Redis, redact: Callable[[str], str]) -> None:
        self._client = client
        self._redact = redact
        self._scripts = Scripts(client)
        self._left_unread = 0

    @property
    def left_unread(self) -> int:
        """See `EventLog.left_unread`."""
        return self._left_unread

    def ensure_group(self) -> None:
        """Make the stream and its group, unless they are there. The group begins with the stream's first entry."""
        try:
            self._client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    def unfinished(self, slot: int, count: int) -> list[Entry]:
        """See `EventLog.unfinished`. Reading them again counts as a delivery."""
        entries = self._read(slot, "0", count)
        if not entries:
            return []
        first, last = entries[0][0], entries[-1][0]
        pending: Any = self._client.xpending_range(STREAM, GROUP, first, last, count, consumername=_consumer(slot))
        deliveries = {_text(row["message_id"]): int(row["times_delivered"]) for row in pending}
        return [Entry(entry_id, payload, deliveries.get(entry_id, 1)) for entry_id, payload in entries]

    def read(self, slot: int, count: int, block_ms: int) -> list[Entry]:
        """See `EventLog.read`."""
        return [Entry(entry_id, payload) for entry_id, payload in self._read(slot, ">", count, block_ms)]

    def _read(self, slot: int, after: str, count: int, block_ms: int | None = None) -> list[tuple[str, bytes]]:
        """Entries, and in the same round trip how many are left."""
        pipeline = self._client.pipeline(transaction=False)
        pipeline.xreadgroup(GROUP, _consumer(slot), {STREAM: after}, count=count, block=block_ms)
        pipeline.xinfo_groups(STREAM)
        read, groups = pipeline.execute()
        self._left_unread = _lag(groups)
        return _entries(read)

    def acknowledge(self, entries: Sequence[Entry]) -> None:
        """See `EventLog.acknowledge`."""
        if entries:
            self._client.xack(STREAM, GROUP, *(entry.entry_id for entry in entries))

    def bury(self, entry: Entry, reason: str, detail: str) -> None:
        """See `EventLog.bury`. The payload is redacted: what could not be read was not redacted field by field."""
        payload = self._redact(entry.payload.decode("utf-8", "replace"))
        what = (GROUP, entry.entry_id, reason, detail, payload, entry.deliveries, MOST_DEAD)
        self._scripts.run("bury", [STREAM, DEAD, DEAD_DROPPED], *what)

    def lag(self) -> int:
        """See `EventLog.lag`. Entries delivered and not acknowledged are not part of it."""
        return _lag(self._groups())

    def unacknowledged(self) -> int:
        """How many entries were delivered and not acknowledged yet."""
        return sum(int(group["pending"]) for group in self._groups() if _text(group["name"]) == GROUP)

    def reclaim(self, slots: int, idle_ms: int) -> int:
        """Give slot 0 what was delivered to slots that no longer exist, ``idle_ms`` ago or more; returns how many entries."""
        rows: Any = self._client.xpending_range(STREAM, GROUP, "-", "+", RECLAIM_BATCH, idle=idle_ms)
        living = {_consumer(slot) for slot in range(slots)}
        orphans = [row["message_id"] for row in rows if _text(row["consumer"]) not in living]
        if orphans:
            self._client.xclaim(STREAM, GROUP, _consumer(0), idle_ms, orphans, justid=True)
        return len(orphans)

    def trim(self) -> int:
        """Drop entries that every slot is done with; returns how many. Nothing unread or unacknowledged is dropped."""
        for group in self._groups():
            if _text(group["name"]) != GROUP:
                continue
            oldest: Any = self._client.xpending(STREAM, GROUP)
            keep_from = _text(oldest["min"]) if oldest["pending"] else _text(group["last-delivered-id"])
            return int(self._client.xtrim(STREAM, minid=keep_from, approximate=False))
        return 0

    def dead_letters(self, count: int) -> Iterator[DeadLetter]:
        """Up to ``count`` dead letters, newest first."""
        rows: Any = self._client.xrevrange(DEAD, count=count)
        return (_dead_letter(row) for row in rows)

    def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """One dead letter, or None."""
        rows: Any = self._client.xrange(DEAD, letter_id, letter_id)
        return _dead_letter(rows[0]) if rows else None

    def dead_count(self) -> int:
        """How many dead letters there are."""
        return int(self._client.xlen(DEAD))

    def dead_dropped(self) -> int:
        """How many dead letters were dropped, since there were more than `MOST_DEAD`."""
        dropped: Any = self._client.get(DEAD_DROPPED)
        return int(dropped or 0)

    def length(self) -> int:
        """How many entries the log has, those that are done with and not trimmed yet among them."""
        return int(self._client.xlen(STREAM))

    def replay(self, letter_id: str) -> str:
        """Put a dead letter back into the log; returns the new entry's id, or '' when there is no such dead letter."""
        return _text(self._scripts.run("replay", [STREAM, DEAD], letter_id))

    def _groups(self) -> list[dict[str, Any]]:
        try:
            groups: Any = self._client.xinfo_groups(STREAM)
        except ResponseError as error:
            if "no such key" in str(error):
                return []
            raise
        return list(groups)


def _lag(groups: Iterable[Mapping[str, Any]]) -> int:
    lags = [group.get("lag") for group in groups if _text(group["name"]) == GROUP]
    return int(lags[0] or 0) if lags else 0


def _consumer(slot: int) -> str:
    return f"slot-{slot}"


def _text(value: bytes | str | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else (value or "")


def _entries(reply: Any) -> list[tuple[str, bytes]]:
    """Entries of the one stream that was read. An entry that was deleted while pending has no fields: an empty payload."""
    found: list[tuple[str, bytes]] = []
    streams = reply.values() if isinstance(reply, dict) else (entries for _, entries in reply or ())
    for entries in streams:
        rows = entries[0] if entries and isinstance(entries[0], list) else entries
        found.extend((_text(entry_id), (fields or {}).get(FIELD.encode(), b"")) for entry_id, fields in rows)
    return found


def _dead_letter(row: tuple[bytes, dict[bytes, bytes]]) -> DeadLetter:
    letter_id, fields = row
    return DeadLetter(
        letter_id=_text(letter_id),
        reason=_text(fields.get(b"reason")),
        detail=_text(fields.get(b"detail")),
        payload=_text(fields.get(b"event")),
        entry_id=_text(fields.get(b"entry_id")),
        deliveries=int(fields.get(b"deliveries", b"0")),
    )
