"""Who breaks where and when: causes with their kinds, the places that they will break, and outbreaks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from ci_memory_producers.events import Stage
from fleet_noise import drifted
from fleet_texts import Base, bases
from fleet_world import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, Cause, FailureText, Kind, Outbreak, Size, Words

Step = Literal["useless", "slip", "shift", "fix", "revert", "refix"]
"""What a commit does to a breakage: nothing; makes it pass for a while; changes the error alone; fixes it; takes the fix back;
fixes it again.
"""

SHARES: dict[Kind, float] = {"flaky": 0.30, "twin": 0.05, "mass": 0.02, "external": 0.08, "outage": 0.02}
"""How many of a world's causes are of which kind; the others are regressions."""
DRIFTS = 0.25
"""The share of causes that print another text from some day on."""
USELESS, SLIP, SHIFT, REVERT = 0.20, 0.10, 0.05, 0.05
"""How often an attempt does nothing, passes for a while only, changes the error alone; how often a fix is taken back."""
ON_BRANCH = 0.15
"""The share of breakages that happen on a feature branch."""
OUTBREAK_MS = 8 * MINUTE_MS
"""Within which time an outbreak reaches all that it hits."""
RELEASES = 0.02
"""The share of causes that break many repositories at once, each of which then needs the fix."""


@dataclass(slots=True)
class Breakage:
    """One time that a cause breaks a job of a repository, until its fix. ``shown`` is the cause whose text it prints now."""

    cause: Cause
    repo: str
    start_ms: int
    steps: list[Step]
    shifted: Cause | None = None
    on_branch: bool = False
    shown: Cause | None = None
    failing: bool = True
    quiet_runs: int = 0
    next_planned: bool = False
    failure_id: str = ""
    fix_message: str = ""
    fix_sha: str = ""


@dataclass(slots=True)
class Outage:
    """A time in which a repository's job fails whatever the code is. ``failure_id`` is the newest failure of it."""

    cause: Cause
    repo: str
    start_ms: int
    end_ms: int
    failure_id: str = ""


@dataclass(frozen=True, slots=True)
class Flake:
    """A flaky cause in a repository, while it lasts."""

    cause: Cause
    repo: str
    start_ms: int
    end_ms: int


@dataclass(slots=True)
class Plan:
    """All that will go wrong."""

    causes: dict[str, Cause] = field(default_factory=dict)
    breakages: list[Breakage] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    flakes: list[Flake] = field(default_factory=list)
    outbreaks: list[Outbreak] = field(default_factory=list)


def plan(size: Size, repos: list[str], rng: Random, data: Path | None) -> Plan:
    """What will go wrong in ``repos``."""
    made = Plan()
    spare = iter(bases(rng, size.causes + size.causes // 4, data))
    numbers = iter(range(10_000))

    def cause(kind: Kind, base: Base, twin: Cause | None = None) -> Cause:
        one = _cause(f"c{next(numbers):03}", kind, base, size, rng, twin)
        made.causes[one.cause_id] = one
        return one

    kinds = [kind for kind, share in SHARES.items() for _ in range(round(share * size.causes))]
    kinds += ["regression"] * (size.causes - len(kinds))
    for kind in kinds:
        if kind == "twin":
            continue
        one = cause(kind, next(spare))
        if kind == "flaky":
            made.flakes += _flakes(one, repos, size, rng)
        elif kind == "external":
            made.outages += _externals(one, repos, size, rng)
        elif kind == "outage":
            _outbreak(made, one, repos, size, rng)
        else:
            release = kind == "regression" and rng.random() < RELEASES / (1 - sum(SHARES.values()))
            for where, start_ms in _release(made, one, repos, size, rng) if release else _places(repos, size, rng):
                steps = _steps(rng)
                # An error that a commit merely changes is a cause of its own, and the same fix ends both.
                shifted = cause("regression", next(spare)) if "shift" in steps and not release else None
                steps = [step for step in steps if step != "shift" or shifted]
                made.breakages.append(Breakage(one, where, start_ms, steps, shifted, rng.random() < ON_BRANCH and not release))
    for flake in rng.sample(made.flakes, min(len(made.flakes), kinds.count("twin"))):
        one = cause("twin", next(spare), flake.cause)
        start_ms = flake.start_ms + int((flake.end_ms - flake.start_ms) * rng.uniform(0.4, 0.9))
        tries: list[Step] = ["useless"] * rng.randint(0, 2)
        made.breakages.append(Breakage(one, flake.repo, start_ms, [*tries, "fix"]))
    made.breakages.sort(key=lambda breakage: breakage.start_ms)
    return made


def _cause(cause_id: str, kind: Kind, base: Base, size: Size, rng: Random, twin: Cause | None) -> Cause:
    text, stage, test = base.text, base.stage, base.test
    later = drifted(text, rng) if rng.random() < DRIFTS else text
    shown = FailureText(text, later, rng.uniform(0.25, 0.75) * size.days, test)
    if twin is not None:
        shown, stage = twin.text, twin.stage
    if kind == "mass":
        stage = "test"
    words = Words(base.fixes, base.decoys, base.files, base.fix_type)
    rate = rng.uniform(0.04, 0.20) if kind == "flaky" else 0.0
    return Cause(cause_id, kind, stage, shown, words, base.source, rate, twin.cause_id if twin else "")


def _steps(rng: Random) -> list[Step]:
    steps: list[Step] = []
    while len(steps) < 3 and rng.random() < USELESS:
        steps.append("useless")
    if rng.random() < SLIP:
        steps.append("slip")
    if rng.random() < SHIFT:
        steps.append("shift")
    steps.append("fix")
    if rng.random() < REVERT:
        steps += ["revert", "refix"]
    return steps


def _places(repos: list[str], size: Size, rng: Random) -> Iterator[tuple[str, int]]:
    """Where and when a regression breaks: once, some times in one repository, or in several repositories over weeks."""
    kind = rng.choices(("once", "again", "shared"), (0.2, 0.3, 0.5))[0]
    count = {"once": 1, "again": rng.randint(2, 4), "shared": rng.randint(3, 10)}[kind]
    home = rng.choice(repos)
    for _ in range(count):
        yield home if kind != "shared" else rng.choice(repos), _some_time(size, rng)


def _flakes(cause: Cause, repos: list[str], size: Size, rng: Random) -> Iterator[Flake]:
    for repo in rng.sample(repos, rng.choice((1, 1, 1, 2, 3))):
        start_ms = START_MS + int(rng.uniform(0, 0.4) * size.days * DAY_MS)
        yield Flake(cause, repo, start_ms, start_ms + int(rng.uniform(0.4, 1.0) * size.days * DAY_MS))


def _externals(cause: Cause, repos: list[str], size: Size, rng: Random) -> Iterator[Outage]:
    for _ in range(rng.randint(1, 4)):
        start_ms = _some_time(size, rng)
        end_ms = start_ms + int(rng.uniform(2, 20) * HOUR_MS)
        for repo in rng.sample(repos, rng.choice((1, 1, 2, 3))):
            yield Outage(cause, repo, start_ms, end_ms)


def _outbreak(made: Plan, cause: Cause, repos: list[str], size: Size, rng: Random) -> None:
    for _ in range(rng.choice((1, 1, 2))):
        start_ms, end_ms, hit = _many(repos, size, rng)
        made.outbreaks.append(Outbreak(cause.cause_id, start_ms, end_ms, tuple(hit)))
        made.outages += [Outage(cause, repo, start_ms, end_ms) for repo in hit]


def _release(made: Plan, cause: Cause, repos: list[str], size: Size, rng: Random) -> Iterator[tuple[str, int]]:
    """A dependency's new release breaks many repositories at once, and each has to be fixed."""
    start_ms, _, hit = _many(repos, size, rng)
    end_ms = start_ms + 30 * MINUTE_MS
    made.outbreaks.append(Outbreak(cause.cause_id, start_ms, end_ms, tuple(hit)))
    for repo in hit:
        yield repo, start_ms + rng.randrange(OUTBREAK_MS)


def _many(repos: list[str], size: Size, rng: Random) -> tuple[int, int, list[str]]:
    start_ms = _some_time(size, rng)
    hit = rng.sample(repos, min(len(repos), rng.randint(10, max(12, len(repos) // 5))))
    return start_ms, start_ms + rng.randint(40, 150) * MINUTE_MS, hit


def _some_time(size: Size, rng: Random) -> int:
    """A moment of a working day, but not of the first or the last."""
    day = rng.randint(1, max(1, size.days - 3))
    while day % 7 > 4:
        day -= 1
    return START_MS + day * DAY_MS + int(rng.uniform(8, 17) * HOUR_MS)


def job_of(stage: Stage) -> str:
    """The name of the job that does a stage."""
    return {"build": "build", "test": "unit", "deploy": "deploy", "verify": "smoke"}[stage]
