"""Error texts of known patterns: a stream in Redis, and in each analysis worker a searchable copy that follows it."""

from __future__ import annotations

import threading
from typing import Any, cast

from redis import Redis

from ci_memory_producers.events import Stage

from ..domain.fingerprint import fingerprint
from ..domain.shortlist import Descriptions, fused
from ..domain.similarity import Known, Texts, from_bytes, to_bytes, vector
from ..services.ports import FailureContext, Lookalike
from .pattern_codec import prefix, text

MOST_TEXTS = 50_000
"""Texts of a tenant that are kept, the newest; older patterns are still recognised by their fingerprints."""
PIECE = 1_000


class KnownTexts:
    """Satisfies `services.ports.Lookalikes`; raises what redis raises. Safe for threads."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._texts: dict[str, Texts] = {}
        self._causes: dict[str, Descriptions] = {}
        self._read_to: dict[str, str] = {}

    def nearest(self, tenant: str, failure: FailureContext, *, top_k: int = 5) -> list[Lookalike]:
        """See `Lookalikes.nearest`."""
        asked = _known(failure)
        with self._lock:
            texts, causes = self._follow(tenant)
            alike = texts.nearest(
                asked.masked, stage=asked.stage, test_key=asked.test_key, generic=asked.generic, top_k=top_k + 1
            )
            described = [pattern_id for pattern_id, _ in causes.nearest(asked.masked, top_k=top_k + 1)]
        found = {match.pattern_id: Lookalike(match.pattern_id, match.score, match.accept, match.why) for match in alike}
        ranked = [match.pattern_id for match in alike if match.accept]
        ranked += fused([[match.pattern_id for match in alike], described], top_k=2 * top_k)
        return [
            found.get(pattern_id) or Lookalike(pattern_id, 0.0, False, "its described cause has the rare words of this text")
            for pattern_id in dict.fromkeys(ranked)
            if pattern_id != failure.pattern_id
        ][:top_k]

    def remember(self, tenant: str, failure: FailureContext, *, cause: str = "") -> None:
        """See `Lookalikes.remember`."""
        known = _known(failure)
        fields: dict[Any, Any] = {
            "pattern_id": known.pattern_id,
            "masked": known.masked,
            "stage": known.stage,
            "test_key": known.test_key,
            "generic": int(known.generic),
            "cause": cause,
            "row": to_bytes(vector(known.masked)),
        }
        self._client.xadd(_key(tenant), fields, maxlen=MOST_TEXTS, approximate=True)

    def _follow(self, tenant: str) -> tuple[Texts, Descriptions]:
        texts, causes = self._texts.setdefault(tenant, Texts()), self._causes.setdefault(tenant, Descriptions())
        while True:
            after = self._read_to.get(tenant, "-")
            rows: Any = self._client.xrange(_key(tenant), min=f"({after}" if after != "-" else "-", count=PIECE)
            for entry_id, fields in rows:
                self._read_to[tenant] = text(entry_id)
                known = Known(
                    pattern_id=text(fields[b"pattern_id"]),
                    masked=text(fields[b"masked"]),
                    stage=cast("Stage", text(fields[b"stage"])),
                    test_key=text(fields[b"test_key"]),
                    generic=fields[b"generic"] == b"1",
                )
                texts.add(known, from_bytes(fields[b"row"]))
                if cause := text(fields.get(b"cause")):
                    causes.put(known.pattern_id, cause)
            if len(rows) < PIECE:
                return texts, causes


def _key(tenant: str) -> str:
    return f"{prefix(tenant)}texts"


def _known(failure: FailureContext) -> Known:
    mark = fingerprint(failure.error_message, stage=failure.stage, test_id=failure.test_id, stack_trace=failure.stack_trace)
    return Known(failure.pattern_id, mark.masked, failure.stage, mark.test_key or "", mark.generic)
