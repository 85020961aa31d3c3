"""Plays a history through a policy, without effects: sweeps at its interval judge what was known by then."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from heapq import heappop, heappush

from ..aging import DAY_MS, too_old
from ..flaky import QuarantinePolicy, judge
from ..pattern import Status
from .history import Happening, History
from .live_line import LiveLine
from .outcome import Deprecated, HiddenBuild, Outcome, Spell
from .pattern_life import PatternLife
from .records import Build

MOST_LINES = 20
"""Lines of a pattern that are looked at for clean runs."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What is played: when a pattern is quarantined, after how many days it is deprecated, and how often sweeps look (ms)."""

    quarantine: QuarantinePolicy
    aging_days: int = 90
    sweep_ms: int = 300_000


def play(history: History, policy: Policy, until_ms: int) -> Outcome:
    """What ``policy`` would have done, from the first record to ``until_ms``. Counts begin at zero with the first record."""
    return _Play(history, policy).run(until_ms)


class _Play:
    def __init__(self, history: History, policy: Policy) -> None:
        self._history, self._policy = history, policy
        self._lives: dict[str, PatternLife] = {}
        self._lines: dict[str, LiveLine] = defaultdict(LiveLine)
        self._lines_of: dict[str, dict[str, None]] = defaultdict(dict)
        self._patterns_of: dict[str, set[str]] = defaultdict(set)
        self._broken: dict[str, frozenset[str]] = {}
        self._changed: list[tuple[int, str]] = []
        self._due: list[tuple[int, str]] = []
        self._aging: list[tuple[int, str]] = []
        self._spells: list[Spell] = []
        self._open: dict[str, Spell] = {}
        self._hidden: dict[Build, HiddenBuild] = {}
        self._deprecated: list[Deprecated] = []

    def run(self, until_ms: int) -> Outcome:
        for happening in self._history.happenings:
            self._sweep_before(happening.ms)
            self._happen(happening)
        self._sweep_before(until_ms + 1)
        spells = sorted((*self._spells, *self._open.values()), key=lambda spell: (spell.since_ms, spell.pattern_id))
        return Outcome(tuple(spells), tuple(self._hidden.values()), tuple(self._deprecated))

    # -- what happened ------------------------------------------------------------------------------------------------------

    def _happen(self, happening: Happening) -> None:
        ms, pattern_id, record = happening.ms, happening.pattern_id, happening.record
        if happening.kind == "failed":
            self._failed(happening)
        elif happening.kind == "flaky":
            self._lives[pattern_id].turned_flaky()
            self._look_at(pattern_id, ms)
        elif happening.kind == "fixed":
            self._lives[pattern_id].was_fixed()
        if happening.kind in ("failed", "passed") and record.of_a_run:
            self._ran(happening)

    def _failed(self, happening: Happening) -> None:
        ms, pattern_id, record = happening.ms, happening.pattern_id, happening.record
        life = self._lives.get(pattern_id)
        if life is None:
            life = self._lives[pattern_id] = PatternLife(pattern_id)
            heappush(self._aging, (ms + self._policy.aging_days * DAY_MS, pattern_id))
        elif life.status == "quarantined":
            regression = self._history.regressions.get(record.build)
            self._hidden.setdefault(record.build, HiddenBuild(pattern_id, record.place, record.job, ms, regression))
            self._look_at(pattern_id, ms)
        if life.failed(ms, counts=happening.counts):
            self._came_back(life, pattern_id, ms)

    def _came_back(self, life: PatternLife, pattern_id: str, ms: int) -> None:
        """A deprecated pattern failed again, and is what it was before."""
        heappush(self._aging, (ms + self._policy.aging_days * DAY_MS, pattern_id))
        if life.status == "quarantined":
            self._open[pattern_id] = Spell(pattern_id, ms, "as before it was deprecated")
            self._look_at(pattern_id, ms)

    def _ran(self, happening: Happening) -> None:
        record = happening.record
        self._lines[record.line].add(record)
        if record.default and (not record.passed or record.line in self._broken):
            heappush(self._changed, (happening.ms, record.line))
        if not record.passed:
            self._patterns_of[record.line].add(record.pattern_id)
            if len(self._lines_of[record.pattern_id]) < MOST_LINES:
                self._lines_of[record.pattern_id][record.line] = None
        for pattern_id in sorted(self._open.keys() & self._patterns_of.get(record.line, ())):
            self._look_at(pattern_id, happening.ms)

    def _look_at(self, pattern_id: str, ms: int) -> None:
        heappush(self._due, (ms, pattern_id))

    # -- sweeps -------------------------------------------------------------------------------------------------------------

    def _sweep_before(self, ms: int) -> None:
        """The sweeps that beat would have rung before ``ms``; those that find nothing due are left out."""
        while (now := self._next_sweep()) is not None and now < ms:
            for line in self._taken(self._changed, now):
                self._mark_broken(line, now)
            for pattern_id in self._taken(self._aging, now):
                self._age(pattern_id, now)
            for pattern_id in self._taken(self._due, now):
                self._judge(pattern_id, now)

    def _next_sweep(self) -> int | None:
        due = [heap[0][0] for heap in (self._changed, self._aging, self._due) if heap]
        return -(-min(due) // self._policy.sweep_ms) * self._policy.sweep_ms if due else None

    @staticmethod
    def _taken(heap: list[tuple[int, str]], now: int) -> list[str]:
        taken: dict[str, None] = {}
        while heap and heap[0][0] <= now:
            taken[heappop(heap)[1]] = None
        return list(taken)

    def _mark_broken(self, line: str, now: int) -> None:
        broken = self._lines[line].broken()
        for pattern_id in sorted(broken ^ self._broken.get(line, frozenset())):
            self._lives[pattern_id].broke(line, pattern_id in broken)
            self._look_at(pattern_id, now)
        self._broken[line] = broken

    def _age(self, pattern_id: str, now: int) -> None:
        life, days = self._lives[pattern_id], self._policy.aging_days
        if too_old(life.pattern(), now_ms=now, days=days):
            self._end_spell(pattern_id, now, "deprecated")
            life.enters("deprecated", now)
            self._deprecated.append(Deprecated(pattern_id, now))
        elif life.status != "deprecated":
            heappush(self._aging, (life.last_ms + days * DAY_MS, pattern_id))

    def _judge(self, pattern_id: str, now: int) -> None:
        life, policy = self._lives[pattern_id], self._policy.quarantine
        lines = self._lines_of[pattern_id] if life.status == "quarantined" else ()
        clean = sum(self._lines[line].clean_runs(life.last_ms) for line in lines)
        made = judge(life.pattern(), policy, now_ms=now, clean_runs=clean, quarantined=len(self._open))
        if made is None:
            return
        self._enter(pattern_id, made.status, made.reason, now)

    def _enter(self, pattern_id: str, status: Status, reason: str, now: int) -> None:
        life = self._lives[pattern_id]
        if status != "quarantined":
            self._end_spell(pattern_id, now, reason)
        elif pattern_id not in self._open:
            self._open[pattern_id] = Spell(pattern_id, now, reason)
        until_ms = now + self._policy.quarantine.days * DAY_MS
        life.enters(status, now, until_ms=until_ms)
        if status == "quarantined":
            self._look_at(pattern_id, until_ms)

    def _end_spell(self, pattern_id: str, now: int, reason: str) -> None:
        spell = self._open.pop(pattern_id, None)
        if spell is not None:
            self._spells.append(spell.ended(now, reason))
