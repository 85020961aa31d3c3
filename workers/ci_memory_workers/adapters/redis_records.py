"""Records of events, fingerprints and texts in Redis, for replay: read in pieces, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from sys import intern
from typing import Any, cast

from redis import Redis

from ci_memory_producers.events import Stage

from ..domain.replay import Record
from ..services.ports import FailureContext
from ..services.ports.replay import MaskedText
from .pattern_codec import decode_sample, pairs, prefix, text

PIECE = 1_000
"""Entries of a stream that are read at once."""
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
        for rows in self._pieces(f"{prefix(tenant)}records", str(since_ms)):
            entries = [pairs(fields) for _, fields in rows]
            self._follow(tenant, {fields["pattern_id"] for fields in entries}, survivors)
            for fields in entries:
                if int(fields["ms"]) >= since_ms:
                    yield _record(fields, survivors[fields["pattern_id"]])

    def oldest_ms(self, tenant: str) -> int:
        """See `Recorded.oldest_ms`."""
        rows: Any = self._client.xrange(f"{prefix(tenant)}records", count=1)
        return int(rows[0][1][b"ms"]) if rows else 0

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
        for rows in self._pieces(f"{prefix(tenant)}texts", "-"):
            self._follow(tenant, {text(fields[b"pattern_id"]) for _, fields in rows}, survivors)
            for _, fields in rows:
                yield MaskedText(
                    pattern_id=survivors[text(fields[b"pattern_id"])],
                    masked=text(fields[b"masked"]),
                    stage=cast("Stage", text(fields[b"stage"])),
                    test_key=text(fields[b"test_key"]),
                )

    def _pieces(self, key: str, start: str) -> Iterator[list[tuple[bytes, dict[bytes, bytes]]]]:
        while True:
            rows: Any = self._client.xrange(key, min=start, count=PIECE)
            if rows:
                yield rows
            if len(rows) < PIECE:
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


def _record(fields: dict[str, str], pattern_id: str) -> Record:
    """A record; of strings that many records share, one copy is held."""
    run = json.loads(fields["run"])
    job, repo, default = fields["job"], run["repo"], bool(run["default"])
    # Where a record does not name its line, branches other than the default one can't be told apart.
    named = "line" in fields
    line = fields["line"] if named else f"{repo}\x1f{job}\x1f{default:d}"
    return Record(
        ms=int(fields["ms"]),
        pattern_id=intern(pattern_id),
        place=intern(fields["place"]),
        job=intern(job),
        attempt=int(fields["attempt"]),
        test=intern(fields["test"]),
        run=int(run["run"]),
        commit=intern(run["commit"]),
        repo=intern(repo),
        line=intern(line),
        default=default,
        mixed=not named and not default,
        mass=fields.get("mass") == "1",
    )
