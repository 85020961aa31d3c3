"""Patterns that are known, fixes that are reported, aliases: the steps that tests of decisions begin with."""

from __future__ import annotations

from dataclasses import dataclass, field

from fakes import DIAGNOSIS, NOW, T, failed, fixed, the

from ci_memory_producers.events import ResolutionReceipt
from ci_memory_workers.adapters.pattern_codec import digest
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Fix, Pattern
from ci_memory_workers.services.ports import AnalystAnswer, Dated, FailureContext, Lease, Lookalike
from ci_memory_workers.services.resolutions import fix_of

NOBODY = "pat_000000000000"


def known(index: RedisIndex, fingerprint: str = "1:aaaa", *, build: str = "1", repo: str = "acme/shop") -> str:
    """A pattern that was seen once and analysed."""
    pattern_id = index.apply(T, [failed(fingerprint, build=build, repo=repo)], NOW)[0].pattern_id
    lease = the(index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1_000))
    assert index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "model-x"), attempts=1, now_ms=NOW)
    index.answered(T, pattern_id, list(index.awaiting(T, pattern_id)))
    assert index.finish(lease)
    return pattern_id


def report(index: RedisIndex, pattern_id: str, description: str, *, repo: str = "acme/shop", now_ms: int = NOW) -> str:
    """Report a fix; returns its id."""
    event = fixed(pattern_id, description, repo=repo, event_id=f"event-{digest(pattern_id, description, repo, str(now_ms))}")
    index.apply(T, [Dated(event, now_ms)], now_ms)
    lease = the(index.take("resolutions", T, event.event_id, now_ms=now_ms, lease_ms=1_000))
    receipt = ResolutionReceipt(status="recorded", event_id=event.event_id, pattern_id=pattern_id)
    assert index.apply_resolution(lease, fix_of(event, now_ms), event, receipt, now_ms=now_ms)
    return the(fix_of(event, now_ms)).fix_id


def state(index: RedisIndex, pattern_id: str) -> Pattern:
    return the(index.pattern(T, pattern_id))


def fix_of_pattern(index: RedisIndex, pattern_id: str, fix_id: str) -> Fix:
    return next(fix for fix in state(index, pattern_id).fixes if fix.fix_id == fix_id)


def seen(index: RedisIndex, fingerprint: str, build: str) -> str:
    """The pattern that a failure is counted for."""
    return index.apply(T, [failed(fingerprint, build=build)], NOW)[0].pattern_id


def alias(index: RedisIndex, fingerprint: str, into: str, *, build: str = "5") -> tuple[str, Lease]:
    """A new failure whose analyst says that it is ``into``; merged where nobody objects."""
    pattern_id = seen(index, fingerprint, build)
    return pattern_id, the(index.take("analysis", T, pattern_id, now_ms=NOW + 1, lease_ms=1_000))


@dataclass
class Alike:
    """Texts that look like everything."""

    found: list[Lookalike] = field(default_factory=list)
    remembered: list[str] = field(default_factory=list)

    def nearest(self, tenant: str, failure: FailureContext, *, top_k: int = 5) -> list[Lookalike]:
        return self.found[:top_k]

    def remember(self, tenant: str, failure: FailureContext, *, cause: str = "") -> None:
        self.remembered.append(failure.pattern_id)
