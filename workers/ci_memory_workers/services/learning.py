"""The story of a fix that nobody reports: the job passed again, and the runs say whether a commit did it or a rerun.

`learn` looks at all runs of one job on one branch, anew each time, so that it does not matter in which order they arrived. What
it finds has an identity of its own (the streak of failures that ended): learning it again changes nothing, and learning more of
it (the fix stuck, or did not) takes the place of what was known. What was learned of a line is remembered, so that a further run
costs what it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..domain.flaky import goes_with_any_commit
from ..domain.learned_fix import describe, fix_type_of, shape, telling_files
from ..domain.lessons import Lesson, Mistake, plan
from ..domain.pattern import Fix, Status, fix_identity
from ..domain.transitions import Transition, broken_patterns, open_failures, transitions
from .ports import Bell, Index, Line
from .ports.watch import FixWatch

LEASE_MS = 60_000
AGAIN_MS = 1_000
WENT_AWAY = "went away"
"""How the reason of a status begins that `goes_with_any_commit` gave."""
BROKEN = "broken|"
"""Before a pattern's id: whether its line says that it is broken."""


@dataclass(frozen=True, slots=True)
class Learner:
    """What learning from runs needs, and how long it may take."""

    index: Index
    watch: FixWatch
    bell: Bell
    lease_ms: int = LEASE_MS

    def learn(self, tenant: str, line_id: str, now_ms: int) -> str:
        """Learn from the runs of one job on one branch, if that is due. Returns what came of it, in a word."""
        lease = self.index.take("transitions", tenant, line_id, now_ms=now_ms, lease_ms=self.lease_ms)
        if lease is None:
            return "not_due"
        line = self._as_it_stands(tenant, self.index.line(tenant, line_id))
        found = transitions(line.attempts)
        before, outbreaks = self.index.learned(tenant, line_id), self.index.outbreaks(tenant, sorted(line.patterns))
        covered = [(one, any(span.covers(end.ms) for span in outbreaks[one.pattern_id] for end in one.ends)) for one in found]
        told = {key: said for key, said in before.items() if not key.startswith(BROKEN)}
        now, learned = self._learn_anew(tenant, line, covered, told, before, now_ms)
        broken = self._mark_broken(tenant, line, before, now_ms) if line.default else {}
        turned = [key.removeprefix(BROKEN) for key, said in broken.items() if before.get(key, str(False)) != said]
        for pattern_id in dict.fromkeys(learned + turned):
            self._call_flaky(tenant, pattern_id, now_ms)
        for pattern_id in dict.fromkeys(learned):
            self.bell.ring("memory", tenant, pattern_id)
        now |= broken
        if now != before:
            self.index.keep_learned(tenant, line_id, now)
        held = self._in_quarantine(tenant, line)
        self.index.quarantine_judgement_due(tenant, held, now_ms)
        if not held and not open_failures(line.attempts) and all(one.verdict != "pending" for one in found):
            self.index.line_is_quiet(tenant, line)
        self.index.finish(lease, revision=line.revision, later_ms=now_ms + AGAIN_MS)
        return f"learned {len(learned)}" if learned else "nothing_new"

    def _learn_anew(
        self,
        tenant: str,
        line: Line,
        found: list[tuple[Transition, bool]],
        told: Mapping[str, str],
        before: Mapping[str, str],
        now_ms: int,
    ) -> tuple[dict[str, str], list[str]]:
        """Record what the runs say that was not told before; what is known then, and of which patterns it is new."""
        planned = plan(line.line_id, line.attempts, found, told)
        if intended := planned.intended(told):
            self.index.keep_learned(tenant, line.line_id, {**before, **intended})
        changed = [one.pattern_id for one in planned.mistakes if self._take_back(tenant, line, one, now_ms)]
        fixed = [one.transition.pattern_id for one in planned.lessons if self._record(tenant, line, one, now_ms)]
        self.index.forget_streaks(tenant, planned.forgotten)
        return planned.known, changed + fixed

    def _as_it_stands(self, tenant: str, line: Line) -> Line:
        """The runs with merged patterns under the one that stands for them: two aliases that failed together are one failure."""
        standing = {pattern_id: self.index.surviving(tenant, pattern_id) for pattern_id in line.patterns}
        attempts = (
            replace(one, patterns=frozenset(standing[pattern_id] for pattern_id in one.patterns)) for one in line.attempts
        )
        return replace(line, attempts=tuple(attempts))

    def _mark_broken(self, tenant: str, line: Line, before: Mapping[str, str], now_ms: int) -> dict[str, str]:
        """What fails on a default branch, commit after commit, is broken: that outranks flaky."""
        broken = broken_patterns(line.attempts)
        now = {f"{BROKEN}{pattern_id}": str(pattern_id in broken) for pattern_id in sorted(line.patterns)}
        for key, said in now.items():
            if before.get(key) != said:
                self.index.set_broken(tenant, key.removeprefix(BROKEN), line.line_id, said == str(True), now_ms)
        return now

    def _in_quarantine(self, tenant: str, line: Line) -> list[str]:
        """Patterns in quarantine that failed in these runs: a run that passes may be the last one that their release takes."""
        return sorted(line.patterns.intersection(self.index.quarantined(tenant)))

    def _take_back(self, tenant: str, line: Line, mistake: Mistake, now_ms: int) -> bool:
        return self.index.withdraw_learned(
            tenant, mistake.pattern_id, mistake.transition_id, repo=line.repo, commit=mistake.commit, now_ms=now_ms
        )

    def _record(self, tenant: str, line: Line, lesson: Lesson, now_ms: int) -> bool:
        transition, outbreak, former = lesson.transition, lesson.outbreak, lesson.formers
        if lesson.kind == "attempt":
            return False
        if lesson.kind == "rerun":
            return self.index.record_rerun(
                tenant, transition, lesson.transition_id, repo=line.repo, now_ms=now_ms, outbreak=outbreak, superseded=former
            )
        fix = learned_fix(line, transition)
        self.watch.watch(tenant, transition.pattern_id, fix)
        return self.index.record_trial(
            tenant,
            transition,
            lesson.transition_id,
            fix,
            now_ms=now_ms,
            outbreak=outbreak,
            superseded=former,
            no_longer_sure=lesson.no_longer_sure,
        )

    def _call_flaky(self, tenant: str, pattern_id: str, now_ms: int) -> None:
        """What goes away with any commit is flaky, though nobody ran it again; until it does no more."""
        pattern = self.index.pattern(tenant, pattern_id)
        if pattern is None:
            return
        goes = goes_with_any_commit(pattern)
        if goes and pattern.status in ("unresolved", "resolved"):
            reason = f"{WENT_AWAY} {len(pattern.fixes)} times with commits that have nothing in common"
            self.index.set_status(tenant, pattern, "flaky", reason=reason, now_ms=now_ms)
        called = pattern.status == "flaky" and not pattern.flaky_episodes and pattern.status_reason.startswith(WENT_AWAY)
        if called and not goes:
            status: Status = "resolved" if any(fix.all_worked or fix.pending for fix in pattern.fixes) else "unresolved"
            self.index.set_status(tenant, pattern, status, reason="no longer goes away with any commit", now_ms=now_ms)


def learned_fix(line: Line, transition: Transition) -> Fix:
    """The fix that a transition shows: the commit after which the job passed, in its own words."""
    passing = transition.passing
    fix_type = fix_type_of(passing.files)
    subject = passing.message.partition("\n")[0]
    return Fix(
        fix_id=fix_identity(fix_type, shape(fix_type, passing.files, subject), ""),
        fix_type=fix_type,
        description=describe(passing),
        commit=passing.commit,
        fixed_by=passing.author,
        repo=line.repo,
        resolved_ms=passing.ms,
        learned=True,
        files=telling_files(passing.files),
    )
