"""Scores what a memory told and learned against the truth of its world."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from fleet_played import Learned, Played, Told
from fleet_world import HOUR_MS, Arrival, World

BUCKETS = 10


@dataclass(frozen=True, slots=True)
class Score:
    """A number, what it was counted over, and, for people, what it missed by kind."""

    value: float | None
    n: int
    missed: Counter[str]


def scores(world: World, played: Played) -> dict[str, Score]:
    """All scores of a memory, by the names of the table's rows."""
    suggested = [(arrival, told) for arrival, told in played.told if told.known and told.fix]
    return {
        "right fix": right_fix(world, played),
        "right fix, each event": right_fix(world, played, once_a_build=False),
        "learned right": learned_right(world, played),
        "learned right, all": learned_right(world, played, proven=False),
        "calibration": calibration(world, suggested),
        "calibration, tried": calibration(world, [(a, t) for a, t in suggested if t.tried]),
        "flaky precision": flaky_precision(world, played.flaky),
        "flaky recall": flaky_recall(world, played, played.flaky),
        "flaky precision, evidence too": flaky_precision(world, played.perhaps_flaky),
        "flaky recall, evidence too": flaky_recall(world, played, played.perhaps_flaky),
        "hidden": hidden(world, played, throughout=False),
        "hidden throughout": hidden(world, played, throughout=True),
        "outbreaks": outbreaks(world, played),
        "llm calls": llm_calls(world, played),
    }


def right_fix(world: World, played: Played, *, once_a_build: bool = True) -> Score:
    """The share of repeats that are answered with a fix that truly works, once one has been seen to work.

    Flaky causes and outages have no fix, and are left out. A build counts once for a cause, however many of its tests failed.
    """
    good, n, missed, seen = 0, 0, Counter[str](), set[tuple[str, str]]()
    for arrival, told in played.told:
        fixed_ms = world.truth.first_fixed_ms.get(arrival.cause)
        if fixed_ms is None or arrival.ms <= fixed_ms or (once_a_build and (_build(arrival), arrival.cause) in seen):
            continue
        seen.add((_build(arrival), arrival.cause))
        n += 1
        if told.fix and told.known and world.truth.right(told.fix, arrival.cause):
            good += 1
        else:
            missed[f"{_kind(world, arrival.cause)}: {_why_not(world, told)}"] += 1
    return Score(_ratio(good, n), n, missed)


def _why_not(world: World, told: Told) -> str:
    if not told.known:
        return "not recognised"
    if not told.fix:
        return "recognised, no fix"
    role = world.truth.role(told.fix)
    what = "fix of another cause" if role == "fix" else role
    return f"{what}{'' if told.tried else ', untried'}{', though a right one was known' if told.knew_better else ''}"


def _kind(world: World, cause: str) -> str:
    """The cause's kind; what an outbreak brought and a commit fixes is a release."""
    kind = world.causes[cause].kind
    return "release" if kind == "regression" and any(one.cause_id == cause for one in world.outbreaks) else kind


def learned_right(world: World, played: Played, *, proven: bool = True) -> Score:
    """The share of fixes that nobody reported which truly fix a cause of their pattern; ``proven``: that mostly worked."""
    rows = [one for one in played.learned if not proven or one.worked > one.failed]
    wrong = [one for one in rows if not any(world.truth.right(one.fix, cause) for cause in one.causes)]
    missed = Counter(_wrongly_learned(world, one) for one in wrong)
    return Score(_ratio(len(rows) - len(wrong), len(rows)), len(rows), missed)


def _wrongly_learned(world: World, learned: Learned) -> str:
    kinds = {_kind(world, cause) for cause in learned.causes if cause}
    role = world.truth.role(learned.fix)
    return f"{'+'.join(sorted(kinds))}: {'fix of another cause' if role == 'fix' else role}"


def calibration(world: World, suggested: Iterable[tuple[Arrival, Told]]) -> Score:
    """Expected calibration error (Naeini et al. 2015): |confidence - share that works|, over ten buckets, by their sizes.

    A suggestion works when its fix is one that truly fixes the cause: the developer of this world applies it as it is told.
    """
    rows = reliability((told.confidence, world.truth.right(told.fix, arrival.cause)) for arrival, told in suggested)
    n = sum(row.n for row in rows)
    error = sum(abs(row.said - row.worked) * row.n for row in rows)
    return Score(error / n if n else None, n, Counter())


@dataclass(frozen=True, slots=True)
class Bucket:
    """Suggestions of a tenth of the scale: how many, their mean confidence, and the share of them that works."""

    n: int
    said: float
    worked: float


def reliability(pairs: Iterable[tuple[float, bool]]) -> list[Bucket]:
    """What confidences say and what comes of it, by tenths of the scale."""
    buckets: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, works in pairs:
        buckets[min(BUCKETS - 1, int(confidence * BUCKETS))].append((confidence, works))
    return [
        Bucket(len(rows), sum(c for c, _ in rows) / len(rows), sum(w for _, w in rows) / len(rows))
        for _, rows in sorted(buckets.items())
    ]


def flaky_precision(world: World, taken: set[str]) -> Score:
    """The share of causes taken for flaky that are. A regression in a flaky test looks the same; `hidden` judges that."""
    causes = [world.causes[cause] for cause in taken if world.causes[cause].kind != "twin"]
    wrong = Counter[str](one.kind for one in causes if one.kind != "flaky")
    return Score(_ratio(len(causes) - wrong.total(), len(causes)), len(causes), wrong)


def flaky_recall(world: World, played: Played, taken: set[str]) -> Score:
    """The share of flaky causes that are taken for it, of those that failed in at least two builds."""
    builds: dict[str, set[str]] = defaultdict(set)
    for arrival, _ in played.told:
        builds[arrival.cause].add(_build(arrival))
    flaky = [one for one in world.causes.values() if one.kind == "flaky" and len(builds[one.cause_id]) > 1]
    missed = Counter(f"failed in {min(9, len(builds[one.cause_id]))} builds" for one in flaky if one.cause_id not in taken)
    return Score(_ratio(len(flaky) - missed.total(), len(flaky)), len(flaky), missed)


def hidden(world: World, played: Played, *, throughout: bool) -> Score:
    """How many regressions (a cause in a repository) have a failure that is answered as quarantined.

    ``throughout`` counts those that fail in two builds or more, and are answered as quarantined in each of them.
    """
    answers: dict[tuple[str, str], list[tuple[str, bool]]] = defaultdict(list)
    for arrival, told in played.told:
        if world.causes[arrival.cause].fixed_by_commit:
            answers[arrival.cause, arrival.event.repo].append((_build(arrival), told.quarantined))
    if throughout:
        answers = {key: rows for key, rows in answers.items() if len({build for build, _ in rows}) > 1}
    found = [
        cause for (cause, _), rows in answers.items() if (all if throughout else any)(quarantined for _, quarantined in rows)
    ]
    return Score(float(len(found)), len(answers), Counter(world.causes[cause].kind for cause in found))


def outbreaks(world: World, played: Played) -> Score:
    """The share of outbreaks that an answer names while they last, or within an hour; None where answers have no word for it."""
    if all(told.outbreak is None for _, told in played.told):
        return Score(None, len(world.outbreaks), Counter())
    found, missed = 0, Counter[str]()
    for outbreak in world.outbreaks:
        named = any(
            told.outbreak and arrival.cause == outbreak.cause_id and outbreak.start_ms <= arrival.ms <= outbreak.end_ms + HOUR_MS
            for arrival, told in played.told
        )
        found += named
        if not named:
            missed[f"{world.causes[outbreak.cause_id].kind}, {len(outbreak.repos)} repositories"] += 1
    return Score(_ratio(found, len(world.outbreaks)), len(world.outbreaks), missed)


def llm_calls(world: World, played: Played) -> Score:
    """Calls of a language model for each cause that failed; what is counted by kind are the calls beyond one a cause."""
    seen = {arrival.cause for arrival, _ in played.told}
    beyond = Counter[str]()
    for cause, calls in played.calls.items():
        if calls > 1:
            beyond[world.causes[cause].kind] += calls - 1
    return Score(_ratio(played.calls.total(), len(seen)), len(seen), beyond)


@dataclass(slots=True)
class Worth:
    """How often a fix with some evidence was suggested and was right; and how often for a failure that a commit can end."""

    n: int = 0
    right: int = 0
    n_fixable: int = 0
    right_fixable: int = 0


def evidence(world: World, played: Played, into: dict[str, Worth]) -> None:
    """Counts into ``into`` what the evidence of suggested fixes is worth, by who says it and its trials."""
    for arrival, told in played.told:
        if told.known and told.fix:
            worked, failed, pending = (min(5, trials) for trials in told.trials)
            name = f"{'learned' if told.learned else 'reported'}, worked {worked}, failed {failed}, pending {pending}"
            row = into.setdefault(name, Worth())
            right, fixable = world.truth.right(told.fix, arrival.cause), world.causes[arrival.cause].fixed_by_commit
            row.n, row.right = row.n + 1, row.right + right
            row.n_fixable, row.right_fixable = row.n_fixable + fixable, row.right_fixable + (right and fixable)


def _build(arrival: Arrival) -> str:
    return getattr(arrival.event, "build_id", "")


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
