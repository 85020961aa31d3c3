"""What happens by the clock: ringing for overdue work, aging, quarantine. Each reads only what is due, a bounded piece at a time."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.aging import DAY_MS, aging_reason, too_old
from ..domain.flaky import QuarantinePolicy, flaky_ratio, should_quarantine
from ..domain.pattern import Pattern
from ..names import LANES
from .ports import Bell, Index

PIECE = 500
MOST_RINGS = 100
"""Rings that may wait in a queue: overdue work behind them is rung for later."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What a sweep decided about a pattern, or, in a dry run, would have."""

    tenant: str
    pattern_id: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sweeper:
    """What sweeps need."""

    index: Index
    bell: Bell
    aging_days: int
    quarantine: QuarantinePolicy

    def ring(self, now_ms: int) -> int:
        """Ring for work that is overdue: a ring was lost, or whoever held it has died. Returns how often it rang."""
        rung = 0
        for lane in LANES:
            room = MOST_RINGS - self.bell.backlog(lane)
            for tenant in self.index.tenants():
                if room <= 0:
                    break
                for work_id in self.index.overdue(lane, tenant, now_ms, room):
                    self.bell.ring(lane, tenant, work_id)
                    rung, room = rung + 1, room - 1
        return rung

    def age(self, now_ms: int, *, dry_run: bool = False) -> list[Decision]:
        """Deprecate what was not seen for ``aging_days`` days."""
        decisions = []
        for tenant in self.index.tenants():
            horizon_ms = now_ms - self.aging_days * DAY_MS
            due = self.index.unseen_since(tenant, horizon_ms, PIECE)
            for pattern in self._patterns(tenant, due):
                if not too_old(pattern, now_ms=now_ms, days=self.aging_days):
                    continue
                reason = aging_reason(pattern, now_ms=now_ms)
                if dry_run or self.index.set_status(
                    tenant, pattern, "deprecated", reason=reason, now_ms=now_ms, only_if_unseen=True
                ):
                    decisions.append(Decision(tenant, pattern.pattern_id, "deprecated", reason))
            if not dry_run:
                self.index.settled(tenant, due, horizon_ms)
        return decisions

    def judge_flaky(self, now_ms: int, *, dry_run: bool = False) -> list[Decision]:
        """Quarantine what is flaky too often, and release what no longer is."""
        decisions = []
        for tenant in self.index.tenants():
            due = self.index.quarantine_due(tenant, PIECE)
            for pattern in self._patterns(tenant, due):
                decision = self._judge(tenant, pattern)
                if decision is None:
                    continue
                if dry_run or self.index.set_status(
                    tenant,
                    pattern,
                    "quarantined" if decision.status == "quarantined" else "flaky",
                    reason=decision.reason,
                    now_ms=now_ms,
                ):
                    decisions.append(decision)
            if not dry_run:
                self.index.quarantine_looked_at(tenant, due)
        return decisions

    def _judge(self, tenant: str, pattern: Pattern) -> Decision | None:
        flaky = should_quarantine(pattern, self.quarantine)
        if flaky == (pattern.status == "quarantined"):
            return None
        share = f"flaky in {pattern.flaky_episodes} of {pattern.episodes} builds ({flaky_ratio(pattern):.0%})"
        if flaky:
            return Decision(tenant, pattern.pattern_id, "quarantined", share)
        return Decision(tenant, pattern.pattern_id, "flaky", f"released: {share}") if pattern.status == "quarantined" else None

    def _patterns(self, tenant: str, ids: list[str]) -> list[Pattern]:
        found = (self.index.pattern(tenant, pattern_id) for pattern_id in ids)
        return [pattern for pattern in found if pattern is not None and not pattern.merged_into]
