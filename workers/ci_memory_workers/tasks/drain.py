"""The loop of a drain: unfinished entries first, one by one where they were tried before; then what is new, in batches.

While more waits in the log, the next batch is read as Redis takes in the one before: to read is our work, to take in mostly
Redis's. Batches are taken in one after the other, in the order of the log.
"""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

from redis import RedisError

from ..bootstrap import Container, now_ms
from ..errors import origin
from ..services.failures import Counts
from ..services.ports import Entry

log = logging.getLogger(__name__)

BLOCK_MS = 1_000
"""How long a read waits for the first entry, and so how soon a drain sees that it should stop."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A batch that another thread takes in."""

    entries: Sequence[Entry]
    counts: Future[Counts]


@cache
def keep_what_is_loaded(pid: int) -> None:
    """Tell the garbage collector of this process, ``pid``, that what is loaded by now stays: else it looks through all modules
    again and again. Once a process: what is garbage later must be found.
    """
    gc.collect()
    gc.freeze()


class Drain:
    """One drain in its slot. Redis's errors pass through: the slot's lease runs out, and beat rings for another drain."""

    def __init__(self, box: Container, slot: int, token: str, stopping: Callable[[], bool]) -> None:
        self._box = box
        self._story = box.failures
        self._slot = slot
        self._token = token
        self._stopping = stopping
        self._renew_at = float("-inf")

    def run(self) -> Counts:
        """Read until the box of time is over, the worker stops, or the slot is lost. Returns what became of the entries."""
        settings = self._box.settings
        counts = self._finish_unfinished()
        deadline = time.monotonic() + settings.drain_seconds
        before: UnderWay | None = None
        with ThreadPoolExecutor(1, "take-in") as hand:
            while time.monotonic() < deadline and not self._stopping() and self._holds():
                entries = self._box.log.read(self._slot, settings.batch, BLOCK_MS)
                if len(entries) == settings.batch:
                    added, before = self._read_ahead(entries, before, hand)
                    counts += added
                    continue
                counts += self._finish(before)
                before = None
                if entries:
                    counts += self._absorb(entries)
            return counts + self._finish(before)

    def _holds(self) -> bool:
        """Whether the slot is still ours. Within a third of its lease nobody else can have it."""
        asked_at = time.monotonic()
        if asked_at < self._renew_at:
            return True
        self._renew_at = asked_at + self._box.settings.slot_lease_seconds / 3
        return self._box.slots.hold(self._slot, self._token)

    def _read_ahead(
        self, entries: Sequence[Entry], before: UnderWay | None, hand: ThreadPoolExecutor
    ) -> tuple[Counts, UnderWay | None]:
        """Read a batch while the one before is taken in, and have it taken in next. Returns what became of the one before."""
        now = now_ms()
        try:
            batch = self._story.read(entries, now)
        except RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - as in `_together`
            return self._finish(before) + self._alone(entries, error), None
        counts = self._finish(before)
        return counts, UnderWay(entries, hand.submit(self._story.take_in, batch, now))

    def _finish(self, batch: UnderWay | None) -> Counts:
        return self._together(batch.entries, batch.counts.result) if batch else Counts()

    def _absorb(self, entries: Sequence[Entry]) -> Counts:
        return self._together(entries, lambda: self._story.absorb(entries, now_ms()))

    def _together(self, entries: Sequence[Entry], act: Callable[[], Counts]) -> Counts:
        """A batch; when something in it can't be processed, entry by entry, so that the others go on."""
        try:
            return act()
        except RedisError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one entry does to us, the others must go on
            return self._alone(entries, error)

    def _alone(self, entries: Sequence[Entry], error: Exception) -> Counts:
        first = entries[0].entry_id
        log.warning("a batch fails, trying its entries alone first_entry_id=%s error=%s", first, type(error).__name__)
        return self._one_by_one(entries)

    def _finish_unfinished(self) -> Counts:
        """What this slot was given before and did not finish: its drain was killed, or an entry could not be processed.

        Read singly, since reading counts as a delivery: an entry that kills its worker must not use up its neighbours' tries.
        """
        counts = Counts()
        while entries := self._box.log.unfinished(self._slot, 1):
            counts += self._one_by_one(entries)
            if self._stopping() or not self._holds():
                break
        return counts

    def _one_by_one(self, entries: Sequence[Entry]) -> Counts:
        counts = Counts()
        for entry in entries:
            if entry.deliveries > self._box.settings.max_deliveries:
                counts += self._bury(entry, "delivered_repeatedly", f"delivered {entry.deliveries} times, never finished")
                continue
            try:
                counts += self._story.absorb([entry], now_ms())
            except RedisError:
                raise
            except Exception as error:  # noqa: BLE001 - it fails alone too: this entry goes to the dead letters
                counts += self._bury(entry, "processing_failed", f"{type(error).__name__} in processing")
                log.error("an entry can't be processed entry_id=%s error=%s", entry.entry_id, origin(error))
        return counts

    def _bury(self, entry: Entry, reason: str, detail: str) -> Counts:
        self._box.log.bury(entry, reason, detail)
        return Counts(events=1, dead=1)
