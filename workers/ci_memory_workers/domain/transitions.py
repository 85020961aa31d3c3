"""What the runs of one job on one branch say by themselves: which failures went away, and whether by a rerun or by a commit.

Everything is derived from (run number, attempt), never from the order of arrival: parallel readers of the event log reorder
events, and the result must not depend on that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["pending", "worked", "failed"]

COMMITS_TO_BREAK = 2
"""On how many commits in a row a failure must be there until it is broken rather than flaky."""
PASSES_TO_WORK = 2
"""On how many further commits the job must pass, with the failure staying away, until a fix has worked."""
STICKS_MS = 3 * 86_400_000
"""Within which time after its pass a failure that is back says that the fix did not stick; later, it was broken anew."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of the job: it passed, or failed with ``patterns``. ``ms`` is when the log took it, since the epoch."""

    run: int
    attempt: int
    commit: str
    ms: int
    passed: bool
    patterns: frozenset[str] = frozenset()
    message: str = ""
    author: str = ""
    files: tuple[str, ...] = ()
    parent: str = ""

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands among the runs of its job."""
        return self.run, self.attempt


@dataclass(frozen=True, slots=True)
class Transition:
    """A failure that went away: from the streak that ``first`` began and ``last`` ended, to ``passing``.

    ``kind`` is ``rerun`` where the code is the same (nothing was fixed), else ``fix``. ``error_changed`` says that the job failed
    in other ways in between, ``skipped`` that no run showed the commit before the one that passed: either way, another commit may
    be the one that helped. ``commits`` and ``failures`` count commits and attempts that failed in the streak, ``later`` are those
    after its first. ``verdict`` is of a fix alone.
    """

    pattern_id: str
    kind: Literal["rerun", "fix"]
    first: Attempt
    last: Attempt
    passing: Attempt
    error_changed: bool
    verdict: Verdict
    skipped: bool = False
    commits: int = 1
    failures: int = 1
    later: tuple[Attempt, ...] = ()

    @property
    def ends(self) -> tuple[Attempt, Attempt]:
        """The first and the last failure of the streak."""
        return self.first, self.last

    @property
    def unsure(self) -> bool:
        """Whether another commit than the one that passed may have helped."""
        return self.error_changed or self.skipped

    @property
    def persisted(self) -> bool:
        """Whether it failed commit after commit: what is flaky rarely does."""
        return self.commits >= COMMITS_TO_BREAK


def transitions(attempts: Iterable[Attempt]) -> list[Transition]:
    """All transitions in the runs of one job on one branch, in the order of their passes; several failures of a run each."""
    ordered = merge(attempts)
    patterns = sorted(set().union(*(one.patterns for one in ordered))) if ordered else []
    found = [transition for pattern_id in patterns for transition in _of_pattern(pattern_id, ordered)]
    return sorted(found, key=lambda one: (one.passing.order, one.pattern_id))


def open_failures(attempts: Iterable[Attempt]) -> frozenset[str]:
    """Patterns that failed since the job's last pass."""
    still: frozenset[str] = frozenset()
    for one in merge(attempts):
        still = frozenset() if one.passed else still | one.patterns
    return still


def clean_runs(lines: Iterable[Iterable[Attempt]], last_ms: int) -> int:
    """How many runs of all ``lines`` together passed and came in after ``last_ms``: when a pattern failed last, anywhere.

    By the log's clock: run numbers of several lines can't be compared.
    """
    return sum(one.passed and one.ms > last_ms for attempts in lines for one in merge(attempts))


def broken_patterns(attempts: Iterable[Attempt]) -> frozenset[str]:
    """Patterns that fail now, and did on `COMMITS_TO_BREAK` commits or more since the job last passed."""
    commits: dict[str, set[str]] = {}
    last: frozenset[str] = frozenset()
    for one in merge(attempts):
        if one.passed:
            commits.clear()
        for pattern_id in one.patterns:
            commits.setdefault(pattern_id, set()).add(one.commit)
        last = one.patterns
    return frozenset(pattern_id for pattern_id in last if len(commits[pattern_id]) >= COMMITS_TO_BREAK)


def merge(attempts: Iterable[Attempt]) -> list[Attempt]:
    """Attempts in their order, one entry each: the failures of one attempt put together. A failure outweighs a pass."""
    by_order: dict[tuple[int, int], Attempt] = {}
    for one in sorted(attempts, key=lambda a: (a.order, a.passed, a.ms)):
        seen = by_order.get(one.order)
        if seen is None:
            by_order[one.order] = one
        elif not one.passed:
            by_order[one.order] = Attempt(
                run=one.run,
                attempt=one.attempt,
                commit=seen.commit or one.commit,
                ms=min(seen.ms, one.ms),
                passed=False,
                patterns=seen.patterns | one.patterns,
                message=seen.message or one.message,
                author=seen.author or one.author,
                files=seen.files or one.files,
                parent=seen.parent or one.parent,
            )
    return list(by_order.values())


def _of_pattern(pattern_id: str, ordered: Sequence[Attempt]) -> Iterable[Transition]:
    first: Attempt | None = None
    last: Attempt | None = None
    changed = False
    streak: list[Attempt] = []
    since: set[str] = set()
    for position, one in enumerate(ordered):
        if pattern_id in one.patterns:
            first, last, changed, since = first or one, one, False, {one.commit}
            streak.append(one)
        elif first is None or last is None:
            continue
        elif not one.passed:
            changed = changed or one.commit != last.commit
            since.add(one.commit)
        else:
            rerun = one.run == last.run or (one.commit == last.commit and one.commit != "")
            kind: Literal["rerun", "fix"] = "rerun" if rerun else "fix"
            skipped = bool(one.parent and last.commit) and one.parent not in since
            verdict = _verdict(pattern_id, one, last, ordered[position + 1 :])
            if verdict == "worked" and (changed or skipped):
                verdict = "pending"
            counts, later = (len({each.commit for each in streak}), len(streak)), tuple(streak[1:])
            yield Transition(pattern_id, kind, first, last, one, changed, verdict, skipped, *counts, later)
            first = last = None
            streak.clear()


def _verdict(pattern_id: str, passing: Attempt, last: Attempt, later: Sequence[Attempt]) -> Verdict:
    """Whether the failure stayed away. A commit that was built before the fix, or that takes the fix back, says nothing of it;
    nor does a failure that is back long after the fix had proved itself.
    """
    passed_commits: set[str] = set()
    for one in later:
        if pattern_id in one.patterns and not (one.commit and one.commit == last.commit):
            soon = len(passed_commits) < PASSES_TO_WORK or one.ms - passing.ms < STICKS_MS
            if soon and not reverts(one.message, passing):
                return "failed"
            break
        if one.passed and one.commit != passing.commit:
            passed_commits.add(one.commit)
    return "worked" if len(passed_commits) >= PASSES_TO_WORK else "pending"


def reverts(message: str, fix: Attempt) -> bool:
    """Whether a commit's message says that it takes ``fix`` back, as `git revert` writes it."""
    subject = fix.message.partition("\n")[0].strip()
    return bool(fix.commit and f"This reverts commit {fix.commit[:7]}" in message) or bool(
        subject and message.startswith(f'Revert "{subject}"')
    )


def transition_id(line: str, transition: Transition) -> str:
    """The same for the same streak of the same job, whatever is learned of it later; unique within a pattern.

    Made of the job's line and the first failing run, not of the pattern: a merged one keeps no second trial of a streak.
    """
    return streak_id(line, transition.first)


def superseded_ids(line: str, transition: Transition) -> list[str]:
    """What the streak of ``transition`` was known by while its first failures were not read yet."""
    return [streak_id(line, one) for one in transition.later]


def streak_id(line: str, first: Attempt) -> str:
    """What a streak of failures is known by that begins with ``first``."""
    key = f"{line}\x1f{first.run}\x1f{first.attempt}"
    return hashlib.blake2b(key.encode(), digest_size=8).hexdigest()
