"""One repository's story: pushes to its branches, the runs of its jobs, what fails in them, and what people do about it."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random

from fleet_plan import OUTBREAK_MS, Breakage, Flake, Outage, Plan, Step, job_of
from fleet_run import Failed, Producer, Run
from fleet_world import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, Arrival, Commit, Report, Size, Truth
from fleet_writing import Author

PUSHES_A_DAY, BRANCHES_A_DAY = 0.4, 0.06
RERUN_FLAKY, RERUN_BROKEN = 0.60, 0.15
"""How often somebody runs a job again that failed by chance, and one that is truly broken."""
SKIPPED = 0.05
"""How often a job does not run for the commit that fixes it, so that the next commit is the first that passes."""
MOST_ATTEMPTS = 3
RERUN_REPAIRED, REPAIR_REPORTED = 0.50, 0.50
"""How often the job is run again once something outside was repaired, and how often somebody tells what that was."""
INHERITS = 0.7
"""How often a branch's build contains what is broken on the default branch."""
DEPLOYS = 0.20
"""The share of repositories that deploy although nothing of theirs fails there."""
NIGHTLY = 0.10
"""The share of repositories that build the same commit again each night."""
MAIN = "main"


@dataclass(slots=True)
class Branch:
    """A branch as it stands: its newest commit, and what is broken on it, a job each."""

    name: str
    head: Commit
    broken: dict[str, Breakage] = field(default_factory=dict)
    was_failing: bool = False
    fix_unseen: bool = False

    def says(self) -> str:
        """What any commit on top of it is, as far as failures go."""
        if self.fix_unseen:
            return "commit after a fix that no run showed"
        return "commit on a branch while the default branch is broken" if self.was_failing and self.name != MAIN else "any commit"


class Repository:
    """Plays one repository; `play` returns all that reaches the memory, each with its time of arrival."""

    def __init__(self, name: str, size: Size, plan: Plan, truth: Truth, rng: Random, build_ids: count[int]) -> None:
        self.name, self.size, self.truth, self.rng, self.build_ids = name, size, truth, rng, build_ids
        self.author = Author(name, rng, truth)
        self.producer = Producer(name, rng, truth, style=rng.randrange(4), names_tests=rng.random() < 0.5)
        self.branches = {MAIN: Branch(MAIN, self.author.first())}
        self.waiting = [one for one in plan.breakages if one.repo == name]
        self.outages = [one for one in plan.outages if one.repo == name]
        self.flakes = [one for one in plan.flakes if one.repo == name]
        causes = [*(b.cause for b in self.waiting), *(o.cause for o in self.outages), *(f.cause for f in self.flakes)]
        self.deploys = any(cause.stage in ("deploy", "verify") for cause in causes) or rng.random() < DEPLOYS
        self.run_number = rng.randrange(1, 4_000)
        self._todo: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = count()
        self._failed_runs: dict[int, list[tuple[Run, int]]] = defaultdict(list)

    def at(self, ms: int, act: Callable[[int], None]) -> None:
        """Do something at a time, unless the story is over by then."""
        if ms < START_MS + self.size.days * DAY_MS:
            heapq.heappush(self._todo, (ms, next(self._order), act))

    def play(self) -> list[Arrival]:
        """The whole story."""
        self._plan_pushes()
        for breakage in self.waiting:
            self.at(breakage.start_ms, partial(self._break, breakage=breakage))
        for outage in self.outages:
            self.at(outage.end_ms, partial(self._repaired, outage=outage))
            # Somebody pushes while it lasts: outages hit those who work.
            during = self.rng.randrange(outage.start_ms, outage.start_ms + OUTBREAK_MS)
            self.at(during, partial(self.push, name=MAIN))
        while self._todo:
            ms, _, act = heapq.heappop(self._todo)
            act(ms)
        return self.producer.arrivals

    def _plan_pushes(self) -> None:
        nightly = self.rng.random() < NIGHTLY
        for day in range(self.size.days):
            if nightly:
                self.at(START_MS + day * DAY_MS + 2 * HOUR_MS, self._night)
            if day % 7 > 4:
                continue
            for _ in range(_poisson(PUSHES_A_DAY, self.rng)):
                self.at(self._working_time(day), partial(self.push, name=MAIN))
            for _ in range(_poisson(BRANCHES_A_DAY, self.rng)):
                self.at(self._working_time(day), self._open_branch)

    def _working_time(self, day: int) -> int:
        return START_MS + day * DAY_MS + int(self.rng.uniform(7, 19) * HOUR_MS)

    # -- branches -------------------------------------------------------------------------------------------------------

    def _open_branch(self, ms: int, breakage: Breakage | None = None) -> None:
        name = self.author.branch_name()
        branch = self.branches[name] = Branch(name, self.branches[MAIN].head)
        if breakage is not None:
            branch.broken[job_of(breakage.cause.stage)] = breakage
        self.push(ms, name)
        for i in range(self.rng.randint(0, 2)):
            self.at(ms + int((i + self.rng.uniform(0.5, 1)) * 3 * HOUR_MS), partial(self.push, name=name))

    def _night(self, ms: int) -> None:
        branch = self.branches[MAIN]
        self._run(ms, branch, branch.head)

    def _break(self, ms: int, breakage: Breakage) -> None:
        job = job_of(breakage.cause.stage)
        if breakage.on_branch and job in ("build", "unit"):
            self._open_branch(ms, breakage)
            return
        if job in self.branches[MAIN].broken:
            # One thing at a time: it breaks once the job has been repaired.
            self.at(ms + 5 * HOUR_MS, partial(self._break, breakage=breakage))
            return
        self.branches[MAIN].broken[job] = breakage
        self.push(ms, MAIN)

    # -- pushes ---------------------------------------------------------------------------------------------------------

    def push(self, ms: int, name: str, breakage: Breakage | None = None, step: Step | None = None) -> None:
        """A commit is pushed: any commit, or a ``step`` in the story of a breakage."""
        branch = self.branches[name]
        skipped = ""
        if breakage is not None and step is not None:
            branch.head = self.author.step(branch.head, breakage, step)
            skipped = self._advance(ms, branch, breakage, step)
        else:
            branch.head = self.author.any_commit(branch.head, role=branch.says(), merges=branch.was_failing and name != MAIN)
            self._return_of_slips(branch)
        self.truth.done[step or "commit"] += 1
        branch.fix_unseen = bool(skipped)
        self._run(ms, branch, branch.head, skipped)
        self._plan_next(ms, branch)

    def _advance(self, ms: int, branch: Branch, breakage: Breakage, step: Step) -> str:
        """What a step does to its breakage. Returns the job that does not run for its commit, or ''."""
        job = job_of(breakage.cause.stage)
        breakage.next_planned = False
        if step == "slip":
            breakage.failing, breakage.quiet_runs = False, self.rng.randint(1, 3)
        elif step == "shift":
            breakage.shown = breakage.shifted
        elif step == "revert":
            breakage.failing = True
        elif step in ("fix", "refix"):
            breakage.failing, breakage.quiet_runs = False, 0
            breakage.fix_message, breakage.fix_sha = branch.head.message, branch.head.sha
            if breakage.steps:
                self._plan_step(ms, branch, breakage, self.rng.uniform(3, 30) * HOUR_MS)
            else:
                branch.broken.pop(job, None)
            if report := self.author.report(breakage, branch.head):
                self._say(ms + self.rng.randint(20, 150) * MINUTE_MS, report, breakage.cause.cause_id)
            return job if self.rng.random() < SKIPPED else ""
        return ""

    def _return_of_slips(self, branch: Branch) -> None:
        for breakage in branch.broken.values():
            if not breakage.failing and breakage.quiet_runs:
                breakage.quiet_runs -= 1
                breakage.failing = breakage.quiet_runs == 0

    def _plan_next(self, ms: int, branch: Branch) -> None:
        for breakage in branch.broken.values():
            if breakage.failing and breakage.steps and not breakage.next_planned:
                self._plan_step(ms, branch, breakage, self.rng.lognormvariate(0, 0.8) * 90 * MINUTE_MS + 15 * MINUTE_MS)
            elif breakage.quiet_runs and not breakage.next_planned:
                breakage.next_planned = True
                self.at(ms + int(self.rng.uniform(2, 9) * HOUR_MS), partial(self._go_on, branch=branch, breakage=breakage))

    def _go_on(self, ms: int, branch: Branch, breakage: Breakage) -> None:
        """Work goes on after a fix that seemed to help, until the failure is back."""
        breakage.next_planned = False
        self.push(ms, branch.name)

    def _plan_step(self, ms: int, branch: Branch, breakage: Breakage, delay_ms: float) -> None:
        breakage.next_planned = True

        self.at(ms + int(delay_ms), partial(self.push, name=branch.name, breakage=breakage, step=breakage.steps.pop(0)))

    # -- runs -----------------------------------------------------------------------------------------------------------

    def _run(self, ms: int, branch: Branch, commit: Commit, skipped: str = "") -> None:
        self.run_number += 1
        build_id = str(next(self.build_ids))
        inherits = branch.name == MAIN or self.rng.random() < INHERITS
        branch.was_failing = False
        for job in ("build", "unit", *(("deploy", "smoke") if self.deploys and branch.name == MAIN else ())):
            if job != skipped:
                run = Run(branch.name, commit, self.run_number, build_id, job, self._broken(branch, job, inherits))
                branch.was_failing |= run.broken is not None
                self._attempt(ms + self.rng.randint(2, 12) * MINUTE_MS, run, 1)

    def _broken(self, branch: Branch, job: str, inherits: bool) -> Failed | None:
        for one in (branch, self.branches[MAIN]) if inherits else (branch,):
            breakage = one.broken.get(job)
            if breakage is not None and breakage.failing:
                return Failed(breakage.shown or breakage.cause, breakage=breakage)
        return None

    def _attempt(self, ms: int, run: Run, attempt: int) -> None:
        failing = self._failing(ms, run)
        self.producer.report(ms, run, attempt, failing)
        for failed in failing:
            if failed.outage is not None:
                self._failed_runs[id(failed.outage)].append((run, attempt))
        broken = any(one.breakage for one in failing)
        if failing and attempt < MOST_ATTEMPTS and self.rng.random() < (RERUN_BROKEN if broken else RERUN_FLAKY):
            self.truth.done["rerun"] += 1
            self.at(ms + self.rng.randint(3, 40) * MINUTE_MS, partial(self._attempt, run=run, attempt=attempt + 1))

    def _failing(self, ms: int, run: Run) -> list[Failed]:
        """What fails in an attempt: an outage before all else, then what is broken, and beside it in tests, what is flaky."""
        for outage in self.outages:
            if job_of(outage.cause.stage) == run.job and outage.start_ms <= ms < outage.end_ms:
                return [Failed(outage.cause, outage=outage)]
        found = [run.broken] if run.broken else []
        if not found or run.job == "unit":
            found += [Failed(flake.cause) for flake in self._flaky(ms, run.job) if self.rng.random() < flake.cause.rate]
        return found

    def _flaky(self, ms: int, job: str) -> list[Flake]:
        return [one for one in self.flakes if job_of(one.cause.stage) == job and one.start_ms <= ms < one.end_ms]

    def _repaired(self, ms: int, outage: Outage) -> None:
        """What was broken outside is repaired: perhaps the job is run again, and perhaps somebody says what it was."""
        failed = self._failed_runs.pop(id(outage), [])
        if failed and self.rng.random() < RERUN_REPAIRED:
            run, attempt = failed[-1]
            self.at(ms + self.rng.randint(2, 50) * MINUTE_MS, partial(self._attempt, run=run, attempt=attempt + MOST_ATTEMPTS))
        if failed and outage.cause.kind == "external" and self.rng.random() < REPAIR_REPORTED:
            self._say(ms + self.rng.randint(5, 90) * MINUTE_MS, self.author.repair_report(outage), outage.cause.cause_id)

    def _say(self, ms: int, report: Report, cause_id: str) -> None:
        self.producer.arrivals.append(Arrival(ms, report, cause_id))
        self.truth.done["reported"] += 1
        if self.truth.right(report.description, cause_id):
            self.truth.fixed(cause_id, ms)


def _poisson(mean: float, rng: Random) -> int:
    """Knuth's way: how many exponential gaps fit."""
    total, number = rng.expovariate(1.0), 0
    while total < mean:
        total, number = total + rng.expovariate(1.0), number + 1
    return number
