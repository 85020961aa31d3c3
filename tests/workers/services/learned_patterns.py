"""Patterns that were learned, by the index's own steps: diagnosed, resolved, merged, quarantined."""

from __future__ import annotations

from typing import Any

from fakes import DIAGNOSIS, HOUR_MS, NOW, T, failed, fixed, passed, the

from ci_memory_producers.events import ResolutionReceipt
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Fix, Pattern, Ruling
from ci_memory_workers.domain.transitions import Attempt, Transition
from ci_memory_workers.services.ports import AnalystAnswer, Dated
from ci_memory_workers.services.resolutions import fix_of

RULING = Ruling(by="dev@example.com", why="it was a mistake", ms=NOW)


def known(index: RedisIndex, fingerprint: str = "1:aaaa", **fields: Any) -> str:
    pattern_id = index.apply(T, [failed(fingerprint, **fields)], NOW)[0].pattern_id
    lease = the(index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1_000))
    assert index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "model-x", reason="because"), attempts=1, now_ms=NOW)
    assert index.finish(lease)
    index.answered(T, pattern_id, list(index.awaiting(T, pattern_id)))
    return pattern_id


def resolve(index: RedisIndex, pattern_id: str, description: str = "set AUTH_TOKEN", *, now_ms: int = NOW, **fields: Any) -> str:
    event = fixed(pattern_id, description, **fields)
    index.apply(T, [Dated(event, now_ms)], now_ms)
    lease = the(index.take("resolutions", T, event.event_id, now_ms=now_ms, lease_ms=1_000))
    receipt = ResolutionReceipt(status="recorded", event_id=event.event_id, pattern_id=pattern_id)
    fix = fix_of(event, now_ms)
    assert index.apply_resolution(lease, fix, event, receipt, now_ms=now_ms)
    return fix.fix_id if fix else ""


def learn(index: RedisIndex, pattern_id: str, *, repo: str = "acme/cart", verdict: Any = "worked") -> None:
    first, passing = (Attempt(run, 1, f"c{run}", NOW, passed=run == 2) for run in (1, 2))
    fix = Fix("learned1", "code_change", "pin the image", "c2", "dev@example.com", repo, NOW, learned=True)
    transition = Transition(pattern_id, "fix", first, first, passing, error_changed=False, verdict=verdict, commits=2)
    assert index.record_trial(T, transition, f"trial-{repo}", fix, now_ms=NOW)


def merge(index: RedisIndex, into: str, fingerprint: str = "1:bbbb") -> str:
    gone = index.apply(T, [failed(fingerprint, build="9")], NOW)[0].pattern_id
    lease = the(index.take("analysis", T, gone, now_ms=NOW, lease_ms=1_000))
    assert index.merge(lease, into, reason="the same", now_ms=NOW)
    return gone


def rich(index: RedisIndex) -> str:
    """A pattern with everything: counts, an alias, reported and learned fixes, a status that somebody decided."""
    pattern_id = known(index)
    index.apply(T, [failed(build="2"), passed(build="2", attempt=2), failed(build="3", repo="acme/cart")], NOW + 1)
    merge(index, pattern_id)
    learn(index, pattern_id)
    resolve(index, pattern_id)
    assert index.set_status(
        T, the(index.pattern(T, pattern_id)), "quarantined", reason="flaky", now_ms=NOW, until_ms=NOW + HOUR_MS
    )
    return pattern_id


def learned(index: RedisIndex) -> list[str]:
    """Three patterns: resolved with an alias, quarantined, deprecated."""
    ids = [known(index, f"1:{name * 4}", build=str(n)) for n, name in enumerate("abc")]
    resolve(index, ids[0])
    merge(index, ids[0], "1:dddd")
    assert index.set_status(T, the(index.pattern(T, ids[1])), "quarantined", reason="flaky", now_ms=NOW, until_ms=NOW + 10**6)
    return ids


def all_of(index: RedisIndex, tenant: str = T) -> list[Pattern]:
    return [the(index.pattern(tenant, pattern_id)) for pattern_id in index.pattern_ids(tenant, 1_000)]
