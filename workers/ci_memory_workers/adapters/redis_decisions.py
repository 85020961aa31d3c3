"""What people decided, in Redis: ``lua/decide_*.lua`` write it, this file calls them and reads what holds."""

from __future__ import annotations

from typing import Any

from redis import Redis

from ..domain.pattern import Ruling
from ..errors import DecisionRefused, Permanent, UnknownFix, UnknownPattern
from ..services.ports.decisions import Alias, Apart, FixDecision, Split, Standing
from .fix_codec import decode_ruling
from .pattern_codec import pairs, prefix, text
from .scripts import Scripts


class RedisDecisions:
    """Satisfies `services.ports.decisions.Decisions`; raises what redis raises."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._scripts = Scripts(client)

    def merge(self, tenant: str, pattern_id: str, into: str, ruling: Ruling) -> str:
        """See `Decisions.merge`."""
        status, named = self._run("decide_merge", tenant, pattern_id, into, ruling.ms, ruling.by, ruling.why)
        if status == "merged":
            return named
        raise _refusal(status, pattern_id, named)

    def split(self, tenant: str, target: str, ruling: Ruling) -> Split:
        """See `Decisions.split`."""
        status, *rest = self._run("decide_split", tenant, target, ruling.ms, ruling.by, ruling.why)
        if status == "split":
            left, back, *fingerprints = rest
            return Split(left, back, tuple(sorted(fingerprints)))
        raise _refusal(status, target, rest[0] if rest else "")

    def about_fix(self, tenant: str, pattern_id: str, fix_id: str, decision: FixDecision, ruling: Ruling) -> str:
        """See `Decisions.about_fix`."""
        status, named = self._run("decide_fix", tenant, decision, pattern_id, fix_id, ruling.ms, ruling.by, ruling.why)
        if status == "done":
            return named
        if status == "unknown_fix":
            raise UnknownFix(named, fix_id)
        raise _refusal(status, fix_id, named)

    def own(self, tenant: str, pattern_id: str, owner: str, ruling: Ruling) -> str:
        """See `Decisions.own`."""
        status, named = self._run("decide_own", tenant, pattern_id, owner, ruling.ms, ruling.by, ruling.why)
        if status == "owned":
            return named
        raise _refusal(status, pattern_id, named)

    def forget(self, tenant: str, pattern_id: str, ruling: Ruling) -> None:
        """See `Decisions.forget`."""
        status, named = self._run("decide_forget", tenant, pattern_id, ruling.ms, ruling.by, ruling.why)
        if status != "forgotten":
            raise _refusal(status, pattern_id, named)

    def forgotten(self, tenant: str, pattern_id: str) -> Ruling | None:
        """See `Decisions.forgotten`."""
        return decode_ruling(text(self._client.hget(f"{prefix(tenant)}forgotten", pattern_id)))

    def standing(self, tenant: str, pattern_id: str) -> Standing:
        """See `Decisions.standing`. Two rounds to Redis for each fingerprint at most: for people, not for answers."""
        p = prefix(tenant)
        aliases = sorted(text(member) for member in self._scripts.run("members", p, pattern_id, "aliases"))
        own = text(self._client.hget(f"{p}pattern:{pattern_id}", "fingerprint"))
        apart = [one for fingerprint in (own, *aliases) for one in self._apart(p, fingerprint)]
        return Standing(tuple(self._alias(p, fingerprint) for fingerprint in aliases), tuple(apart))

    def _alias(self, p: str, fingerprint: str) -> Alias:
        was = text(self._client.hget(f"{p}origins", fingerprint))
        fields: Any = self._client.hmget(f"{p}pattern:{was}", ["merged_by", "merged_why", "merged_ms"])
        by, why, ms = (text(field) for field in fields)
        return Alias(fingerprint, was, Ruling(by=by, why=why, ms=int(ms)) if ms else None)

    def _apart(self, p: str, fingerprint: str) -> list[Apart]:
        rows = pairs(self._client.hgetall(f"{p}apart:{fingerprint}"))
        found = []
        for other, encoded in sorted(rows.items()):
            ruling = decode_ruling(encoded)
            if ruling is not None:
                found.append(Apart(fingerprint, other, text(self._client.hget(f"{p}fingerprints", other)), ruling))
        return found

    def _run(self, script: str, tenant: str, *arguments: str | int) -> list[str]:
        reply: Any = self._scripts.run(script, prefix(tenant), *arguments)
        return [text(part) for part in reply]


def _refusal(status: str, asked: str, named: str) -> Permanent:
    """What a script's refusal means. ``asked`` is what the person named, ``named`` what the script says of it."""
    if status == "unknown_pattern":
        return UnknownPattern(named)
    if status == "unknown":
        return UnknownPattern(asked)
    return DecisionRefused(
        {
            "merged_before": f"{asked} was merged into {named} before: decide about {named}, or split {asked} from it first",
            "same": f"{asked} is {named} already",
            "own": f"{asked} is {named}'s own: `ci-memory patterns show {named}` shows what was merged into it",
            "vetoed": f"fix {asked} is vetoed by {named}: `ci-memory patterns veto --lift` takes that back",
            "not_vetoed": f"fix {asked} of {named} is not vetoed",
            "not_pinned": f"fix {asked} of {named} is not pinned",
        }[status]
    )
