"""What happens by the clock: ringing for overdue work, aging, quarantine. Each reads only what is due, a piece at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..domain.aging import DAY_MS, aging_reason, too_old
from ..domain.flaky import QuarantinePolicy, judge
from ..domain.pattern import Pattern
from ..domain.transitions import streak_id
from ..names import LANES
from .ports import Bell, Index
from .ports.quarantine_list import QuarantineLists
from .quarantine_list import publish_quarantine

PIECE = 500
MOST_PIECES = 100
"""A sweep ends after so many pieces of a tenant; the next goes on where it ended."""
MOST_LINE_PIECES = 40
"""Of a tenant in a sweep: so a million lines are each looked at within the week that an idle one is kept."""
MOST_RINGS = 1_000
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
    lists: QuarantineLists
    aging_days: int
    quarantine: QuarantinePolicy
    quarantine_owner: str = ""

    def ring(self, now_ms: int) -> int:
        """Ring for work that is overdue: a ring was lost, or whoever held it has died. Returns how often it rang."""
        rung = 0
        for lane in LANES:
            tenants = self.index.tenants()
            room = MOST_RINGS - self.bell.backlog(lane)
            if room <= 0 or not tenants:
                continue
            # A share for each tenant: one with a lot to do must not keep the others waiting.
            share = max(1, room // len(tenants))
            for tenant in tenants:
                for work_id in self.index.overdue(lane, tenant, now_ms, share):
                    self.bell.ring(lane, tenant, work_id)
                    rung += 1
        return rung

    def age(self, now_ms: int, *, dry_run: bool = False, go_on: Callable[[], bool] = lambda: True) -> list[Decision]:
        """Deprecate what was not seen for ``aging_days`` days. A dry run looks at the first `PIECE` of each tenant.

        Stops between two pieces when ``go_on`` says so: what is done is done, and the next sweep does the rest.
        """
        horizon_ms = now_ms - self.aging_days * DAY_MS
        decisions = []
        for tenant in self.index.tenants():
            for _ in range(MOST_PIECES):
                if not go_on() or not (due := self.index.unseen_since(tenant, horizon_ms, PIECE)):
                    break
                decisions += [
                    made for pattern in self._patterns(tenant, due) if (made := self._age(tenant, pattern, now_ms, dry_run))
                ]
                if dry_run:
                    break
                self.index.settled(tenant, due, horizon_ms)
        return decisions

    def _age(self, tenant: str, pattern: Pattern, now_ms: int, dry_run: bool) -> Decision | None:
        if not too_old(pattern, now_ms=now_ms, days=self.aging_days):
            return None
        reason = aging_reason(pattern, now_ms=now_ms)
        if not dry_run and not self.index.set_status(
            tenant, pattern, "deprecated", reason=reason, now_ms=now_ms, only_if_unseen=True
        ):
            return None
        return Decision(tenant, pattern.pattern_id, "deprecated", reason)

    def forget_idle_lines(self, now_ms: int, *, go_on: Callable[[], bool] = lambda: True) -> int:
        """Forget the runs of jobs on branches that have not run for long; stops between pieces as `age` does.

        Returns of how many lines.
        """
        forgotten = 0
        for tenant in self.index.tenants():
            for _ in range(MOST_LINE_PIECES):
                if not go_on():
                    break
                idle, were_last = self.index.idle_lines(tenant, PIECE)
                forgotten += sum(self._forget(tenant, line_id, now_ms) for line_id in idle)
                if were_last:
                    break
        return forgotten

    def _forget(self, tenant: str, line_id: str, now_ms: int) -> bool:
        line = self.index.line(tenant, line_id)
        if not self.index.forget_line(tenant, line, now_ms):
            return False
        streaks = [(pattern_id, streak_id(line_id, one)) for one in line.attempts for pattern_id in sorted(one.patterns)]
        self.index.forget_streaks(tenant, streaks)
        return True

    def judge_flaky(self, now_ms: int, *, dry_run: bool = False, go_on: Callable[[], bool] = lambda: True) -> list[Decision]:
        """Quarantine what is flaky too often, release what no longer is, and publish what is in quarantine then.

        A dry run looks at the first `PIECE` of each tenant, and publishes nothing. Stops between two pieces as `age` does.
        """
        decisions = []
        for tenant in self.index.tenants():
            for _ in range(MOST_PIECES):
                if not go_on() or not (due := self.index.quarantine_due(tenant, now_ms, PIECE)):
                    break
                if not dry_run:
                    self.index.quarantine_looks_at(tenant, due, now_ms)
                decisions += [
                    made for pattern in self._patterns(tenant, due) if (made := self._judge(tenant, pattern, now_ms, dry_run))
                ]
                if dry_run:
                    break
                self.index.quarantine_looked_at(tenant, due, now_ms)
            if not dry_run:
                publish_quarantine(tenant, self.index, self.lists, now_ms, owner=self.quarantine_owner)
        return decisions

    def _judge(self, tenant: str, pattern: Pattern, now_ms: int, dry_run: bool) -> Decision | None:
        clean = self.index.clean_runs(tenant, pattern.pattern_id) if pattern.status == "quarantined" else 0
        quarantined = len(self.index.quarantined(tenant))
        made = judge(pattern, self.quarantine, now_ms=now_ms, clean_runs=clean, quarantined=quarantined)
        if made is None:
            return None
        until_ms = now_ms + self.quarantine.days * DAY_MS
        if not dry_run and not self.index.set_status(
            tenant, pattern, made.status, reason=made.reason, now_ms=now_ms, until_ms=until_ms
        ):
            return None
        return Decision(tenant, pattern.pattern_id, made.status, made.reason)

    def _patterns(self, tenant: str, ids: list[str]) -> list[Pattern]:
        found = (self.index.pattern(tenant, pattern_id) for pattern_id in ids)
        return [pattern for pattern in found if pattern is not None and not pattern.merged_into]
