"""Records of events, fingerprints and texts in Redis, for replay: read in pieces, and nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern
from typing import Any, cast

from redis import Redis

from ci_memory_producers.events import Stage

from ..domain.replay import Record
from ..services.ports import FailureContext
from ..services.ports.replay import MaskedText
from .event_codec import decode_sample, decode_slim
from .pattern_codec import prefix, text

PIECE = 1_000
"""Entries of a stream, and fingerprints, that are read at once."""
BATCHES = 50
"""Entries of records that are read at once: each holds those of a batch."""
SAMPLES = 50
"""Texts of failures that are read at once: one may be as large as an event."""
MOST_MERGES = 16


class RedisRecords:
    """Satisfies `services.ports.replay.Recorded`; raises what redis raises."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def records(self, tenant: str, since_ms: int) -> Iterator[Record]:
        """See `Recorded.records`. An entry was written after the log took its event, never before."""
        survivors: dict[str, str] = {"": ""}
        for rows in self._pieces(f"{prefix(tenant)}records", str(since_ms), BATCHES):
            entries = [row for _, fields in rows for row in _rows(fields)]
            self._follow(tenant, {row[2] for row in entries}, survivors)
            for row in entries:
                if int(row[1]) >= since_ms:
                    yield _record(row, survivors[row[2]])

    def oldest_ms(self, tenant: str) -> int:
        """See `Recorded.oldest_ms`."""
        rows: Any = self._client.xrange(f"{prefix(tenant)}records", count=1)
        return int(_rows(rows[0][1])[0][1]) if rows else 0

    def fingerprints(self, tenant: str) -> Iterator[tuple[str, str]]:
        """See `Recorded.fingerprints`."""
        for fingerprint, pattern_id in self._client.hscan_iter(f"{prefix(tenant)}fingerprints", count=PIECE):
            yield text(fingerprint), text(pattern_id)

    def samples(self, tenant: str, pattern_ids: list[str]) -> Iterator[FailureContext]:
        """See `Recorded.samples`."""
        for start in range(0, len(pattern_ids), SAMPLES):
            piece = pattern_ids[start : start + SAMPLES]
            found: Any = self._client.mget([f"{prefix(tenant)}sample:{pattern_id}" for pattern_id in piece])
            for pattern_id, data in zip(piece, found, strict=True):
                if data:
                    yield decode_sample(pattern_id, data)

    def texts(self, tenant: str) -> Iterator[MaskedText]:
        """See `Recorded.texts`."""
        survivors: dict[str, str] = {}
        for rows in self._pieces(f"{prefix(tenant)}texts", "-", PIECE):
            self._follow(tenant, {text(fields[b"pattern_id"]) for _, fields in rows}, survivors)
            for _, fields in rows:
                yield MaskedText(
                    pattern_id=survivors[text(fields[b"pattern_id"])],
                    masked=text(fields[b"masked"]),
                    stage=cast("Stage", text(fields[b"stage"])),
                    test_key=text(fields[b"test_key"]),
                )

    def _pieces(self, key: str, start: str, count: int) -> Iterator[list[tuple[bytes, dict[bytes, bytes]]]]:
        while True:
            rows: Any = self._client.xrange(key, min=start, count=count)
            if rows:
                yield rows
            if len(rows) < count:
                return
            start = f"({text(rows[-1][0])}"

    def _follow(self, tenant: str, pattern_ids: set[str], survivors: dict[str, str]) -> None:
        """Which pattern stands for each now, into ``survivors``; one round to Redis for each merge of a merge."""
        fresh = sorted(pattern_ids - survivors.keys())
        survivors |= {pattern_id: pattern_id for pattern_id in fresh}
        open_ids = fresh
        for _ in range(MOST_MERGES):
            if not open_ids:
                return
            pipeline = self._client.pipeline(transaction=False)
            for pattern_id in open_ids:
                pipeline.hget(f"{prefix(tenant)}pattern:{survivors[pattern_id]}", "merged_into")
            merged = [(pattern_id, text(into)) for pattern_id, into in zip(open_ids, pipeline.execute(), strict=True) if into]
            survivors |= dict(merged)
            open_ids = [pattern_id for pattern_id, _ in merged]


def _record(row: list[str], pattern_id: str) -> Record:
    """A record, from what ``apply_batch.lua`` kept; of strings that many records share, one copy is held."""
    _, ms, _, job, attempt, test, line, mass, slim = row
    run, default, commit, repo, place = decode_slim(slim)
    return Record(
        ms=int(ms),
        pattern_id=intern(pattern_id),
        place=intern(place),
        job=intern(job),
        attempt=int(attempt),
        test=intern(test),
        run=run,
        commit=intern(commit),
        repo=intern(repo),
        line=intern(line),
        default=default,
        mass=mass == "1",
    )


def _rows(fields: dict[bytes, bytes]) -> list[list[str]]:
    """Of each event of a batch: kind, ms, pattern_id, job, attempt, test, line, mass, slim record."""
    return [text(record).split(" ", 8) for record in fields[b"r"].split(b"\xff")]
