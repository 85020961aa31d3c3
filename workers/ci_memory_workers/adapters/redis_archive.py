"""The index in Redis, a whole pattern at a time: read, restored, and the journal that is never trimmed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, cast

from redis import Redis, ResponseError

from ..domain.pattern import Fix
from ..services.ports import FailureContext
from ..services.ports.archive import Aliased, JournalEntry, PatternState, Restored, RulingState
from .archive_codec import decode_ruling, decode_state, encode_ruling, sections
from .event_codec import decode_sample
from .fix_codec import encode_fix
from .pattern_codec import pairs, pattern_fields, prefix, text
from .redis_due import TENANTS
from .redis_index import SAMPLE_SECONDS
from .redis_watch import RedisFixWatch
from .scripts import Scripts

PIECE = 500
"""Entries of the journal, and patterns, that are read at once."""


class RedisArchive:
    """Satisfies `services.ports.archive.Archive`; raises what redis raises."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._scripts = Scripts(client)
        self._watch = RedisFixWatch(client)

    def is_empty(self, tenant: str) -> bool:
        """See `Archive.is_empty`."""
        p = prefix(tenant)
        return not self._client.exists(f"{p}last_seen", f"{p}fingerprints")

    def tenants(self) -> list[str]:
        """See `Archive.tenants`."""
        members: Any = self._client.smembers(TENANTS)
        return sorted(text(member) for member in members)

    def pattern_ids(self, tenant: str) -> list[str]:
        """See `Archive.pattern_ids`. Ids alone are held in memory, 60 bytes each: a stable order needs all of them."""
        found = {text(member) for member, _ in self._client.zscan_iter(f"{prefix(tenant)}last_seen", count=PIECE)}
        return sorted(found)

    def state(self, tenant: str, pattern_id: str) -> PatternState | None:
        """See `Archive.state`."""
        reply = self._scripts.run("read_pattern", prefix(tenant), pattern_id)
        if not reply or "merged_into" in pattern_fields(reply[0]):
            return None
        return decode_state(pattern_id, reply)

    def sample(self, tenant: str, pattern_id: str) -> FailureContext | None:
        """See `Archive.sample`."""
        data: Any = self._client.get(f"{prefix(tenant)}sample:{pattern_id}")
        return decode_sample(pattern_id, data) if data else None

    def owner(self, tenant: str, fingerprint: str) -> str:
        """See `Archive.owner`."""
        return text(self._client.hget(f"{prefix(tenant)}fingerprints", fingerprint))

    def restore(
        self,
        tenant: str,
        state: PatternState,
        *,
        now_ms: int,
        owe: bool,
        sample: FailureContext | None = None,
        journalled: bool = False,
    ) -> Restored:
        """See `Archive.restore`."""
        encoded = json.dumps(asdict(sample)) if sample else ""
        flags = ("1" if owe else "", "1" if state.settled else "")
        journal = state.journal if journalled else ""
        arguments = (state.pattern_id, state.revision, now_ms, tenant, *flags, encoded, SAMPLE_SECONDS, journal)
        reply = self._scripts.run("restore_pattern", [prefix(tenant), TENANTS], *arguments, *sections(state))
        for fix in state.fixes:
            self._watch.watch(tenant, state.pattern_id, fix)
        return cast("Restored", text(reply))

    def forgotten(self, tenant: str) -> dict[str, RulingState]:
        """See `Archive.forgotten`."""
        rows: Any = self._client.hgetall(f"{prefix(tenant)}forgotten")
        return {pattern_id: decode_ruling(encoded) for pattern_id, encoded in sorted(pairs(rows).items())}

    def keep_forgotten(self, tenant: str, pattern_id: str, ruling: RulingState) -> bool:
        """See `Archive.keep_forgotten`."""
        reply = self._scripts.run("keep_forgotten", prefix(tenant), pattern_id, encode_ruling(ruling))
        return bool(reply)

    def totals(self, tenant: str) -> dict[str, int]:
        """See `Archive.totals`."""
        sums: Any = self._client.hgetall(f"{prefix(tenant)}totals")
        return {name: int(value) for name, value in sorted(pairs(sums).items()) if int(value)}

    def raise_totals(self, tenant: str, totals: Mapping[str, int]) -> None:
        """See `Archive.raise_totals`."""
        if totals:
            self._scripts.run("raise_totals", prefix(tenant), *(part for pair in totals.items() for part in pair))

    def journal(self, tenant: str, until: str = "") -> Iterator[JournalEntry]:
        """See `Archive.journal`."""
        after = ""
        while True:
            start = f"({after}" if after else "-"
            rows: Any = self._client.xrange(f"{prefix(tenant)}journal", min=start, max=until or "+", count=PIECE)
            for entry_id, fields in rows:
                after = text(entry_id)
                yield JournalEntry(after, pairs(fields))
            if len(rows) < PIECE:
                return

    def journal_end(self, tenant: str) -> str:
        """See `Archive.journal_end`."""
        rows: Any = self._client.xrevrange(f"{prefix(tenant)}journal", count=1)
        return text(rows[0][0]) if rows else "0-0"

    def keep_entry(self, tenant: str, entry: JournalEntry) -> bool:
        """See `Archive.keep_entry`."""
        fields: dict[Any, Any] = dict(entry.fields)
        try:
            self._client.xadd(f"{prefix(tenant)}journal", fields, id=entry.entry_id)
        except ResponseError as error:
            if "equal or smaller" in str(error):
                return False
            raise
        return True

    def reapply(self, tenant: str, pattern_id: str, entry: JournalEntry, fix: Fix | None) -> bool:
        """See `Archive.reapply`."""
        kind, detail = _reapplied(entry, fix)
        return bool(self._scripts.run("reapply", prefix(tenant), pattern_id, entry.entry_id, entry.ms, kind, *detail))

    def journal_applied(self, tenant: str) -> None:
        """See `Archive.journal_applied`."""
        ids = self.pattern_ids(tenant)
        for start in range(0, len(ids), PIECE):
            pipeline = self._client.pipeline(transaction=False)
            for pattern_id in ids[start : start + PIECE]:
                pipeline.hdel(f"{prefix(tenant)}pattern:{pattern_id}", "journal_id")
            pipeline.execute()

    def add_fingerprint(self, tenant: str, pattern_id: str, fingerprint: str, *, now_ms: int) -> Aliased:
        """See `Archive.add_fingerprint`."""
        reply = self._scripts.run("add_fingerprint", prefix(tenant), pattern_id, fingerprint, now_ms)
        return cast("Aliased", text(reply))


def _reapplied(entry: JournalEntry, fix: Fix | None) -> tuple[str, tuple[str, ...]]:
    """The kind and the arguments of ``reapply.lua`` for a journal entry."""
    fields = entry.fields
    match fields["kind"]:
        case "resolution":
            event = json.loads(fields["entry"])
            fix_id = fix.fix_id if fix else ""
            return ("fix" if fix else "rerun"), (fix_id, encode_fix(fix), event["repo"], event["event_id"])
        case "learned_fix":
            return "learned_fix", (fields["fix_id"], fields["fix"])
        case "status":
            return "status", (fields["from"], fields["to"], fields["reason"])
        case "alias":
            return "alias", (fields["from"], fields.get("fingerprints", ""))
        case "decision":
            return _redecided(fields)
        case _:
            return "fingerprint", (fields["fingerprint"],)


def _redecided(fields: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The same for what a person decided."""
    ruling = json.dumps({"by": fields["by"], "why": fields["why"], "ms": int(fields["ms"])})
    match fields["decision"]:
        case "merge":
            return "alias", (fields["from"], fields["fingerprints"])
        case "split":
            return "split", (fields["fingerprints"], ruling)
        case "forget":
            return "forget", (ruling,)
        case "own":
            return "own", (fields["owner"], ruling)
        case decision:
            return decision, (fields["fix_id"], ruling)
