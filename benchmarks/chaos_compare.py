"""What a run lost, what it counted twice, and where it differs from another run of the same plan."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from chaos_outcome import Held, Outcome
from chaos_plan import Plan

Kind = Literal["lost", "doubled", "differing"]
COUNTERS = frozenset(
    {"occurrence_count", "episodes", "flaky_count", "match_votes", "repositories", "recurred", "outbreak_builds"}
)
_NONE = "nothing"
_CAME_BACK = re.compile(r"[ ;]*(?:The failure )?came back in \d+ builds since(?: it was fixed)?\.?")
_BUILD = re.compile(r"in build \S+")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. ``count`` is how many of it; ``where`` and ``detail`` are for people."""

    kind: Kind
    field: str
    count: int
    where: str
    detail: str


def faults(plan: Plan, found: Outcome) -> Iterator[Finding]:
    """What a run lost or doubled, by what the plan says must come of it."""
    for event_id in found.unanswered:
        yield Finding("lost", "answer", 1, event_id, "no answer")
    for fix_id, status in found.receipts.items():
        if status != "recorded":
            yield Finding("lost", "receipt", 1, fix_id, status)
    for marker in sorted(plan.rejected - found.dead.keys()):
        yield Finding("lost", "dead letter", 1, marker, "is not among the dead letters")
    for marker in sorted(found.dead.keys() - plan.rejected):
        yield Finding("lost", "event", 1, marker, f"is among the dead letters: {found.dead[marker]}")
    for entry_id in found.dead_twice:
        yield Finding("doubled", "dead letter", 1, entry_id, "buried twice")
    recorded = sum(value for name, value in found.sums.items() if name.endswith(" records"))
    yield from _count("records", "all", sum(map(len, plan.failures)) + plan.passes, recorded)
    diagnosed = sum(value for name, value in found.sums.items() if name.endswith("diagnosed"))
    by_pattern = defaultdict(list)
    for cause in range(len(plan.causes)):
        if cause not in found.ids:
            yield Finding("lost", "pattern", 1, _name(plan, cause), "no answer names a pattern")
        else:
            by_pattern[found.ids[cause]].append(cause)
    yield from _count("diagnoses", "all", max(len(by_pattern), min(diagnosed, len(plan.causes))), diagnosed)
    for causes in by_pattern.values():
        yield from _faults_of_pattern(plan, found, causes)


def _faults_of_pattern(plan: Plan, found: Outcome, causes: list[int]) -> Iterator[Finding]:
    cause = causes[0]
    where, pattern, held = _name(plan, cause), found.patterns[cause], found.held[cause]
    if len({plan.causes[one].identity for one in causes}) > 1:
        yield Finding("lost", "pattern", 1, where, f"is one with {[plan.causes[one].identity for one in causes]}")
    yield from _count("occurrences", where, sum(len(plan.failures[one]) for one in causes), int(pattern["occurrence_count"]))
    # A failure that its analyst recognised is answered as known.
    yield from _count("answered as new", where, 1, sum(found.new[one] for one in causes))
    if pattern.get("analysed") != "final":
        yield Finding("lost", "analysis", 1, where, str(pattern.get("analysed") or "never analysed"))
    over = cause in plan.over
    if over != (pattern.get("status") == "deprecated"):
        yield Finding("lost", "age", 1, where, f"is {pattern.get('status')}, and was {'' if over else 'not '}over long ago")
    yield from _count("live reflections", where, int(not over), held.reflections)
    if cause in plan.changed:
        wanted = [plan.changed[cause]] if plan.changed[cause] else []
        yield from _count("changes of a fix's file", where, len(wanted), len(pattern.get("changed files", ())))
    for fix, live in held.strategies.items():
        yield from _count("live strategies", f"{where} {fix}", 1, live)
    if held.said.get("occurrence_count") not in (None, int(pattern["occurrence_count"])):
        yield Finding("lost", "counts in Aegis", 1, where, f"{held.said['occurrence_count']} of {pattern['occurrence_count']}")
    yield from _doubled_votes(where, pattern, held)


def _doubled_votes(where: str, pattern: dict[str, Any], held: Held) -> Iterator[Finding]:
    matched = 0
    for (kind, vote, context), count in held.votes.items():
        matched += count * context.startswith("matched")
        if count > 1 and " in build " in context:
            yield Finding("doubled", "votes in Aegis", count - 1, where, f"{kind} {vote}: {context}")
    if matched > int(pattern.get("match_votes", 0)):
        yield Finding(
            "doubled", "votes in Aegis", matched - int(pattern.get("match_votes", 0)), where, "more than the ledger has"
        )


def _count(field: str, where: str, wanted: int, found: int) -> Iterator[Finding]:
    if found < wanted:
        yield Finding("lost", field, wanted - found, where, f"{found} of {wanted}")
    if found > wanted:
        yield Finding("doubled", field, found - wanted, where, f"{found}, not {wanted}")


def differences(plan: Plan, clean: Outcome, chaotic: Outcome) -> Iterator[Finding]:
    """Where two runs of a plan do not agree, field by field. See `chaos_outcome` for what is not compared, and why."""
    for cause in clean.patterns.keys() & chaotic.patterns.keys():
        where = _name(plan, cause)
        yield from _fields("pattern", where, *(_known(plan, cause, one.patterns[cause]) for one in (clean, chaotic)))
        if cause not in plan.shuffled:
            yield from _more_votes(where, clean.held[cause].votes, chaotic.held[cause].votes)
    for event_id in clean.answers.keys() & chaotic.answers.keys():
        # A failure that is answered as new in one run alone has less to say.
        both = clean.answers[event_id].keys() & chaotic.answers[event_id].keys()
        told = [{name: answers[event_id][name] for name in both} for answers in (clean.answers, chaotic.answers)]
        yield from _fields("answer", event_id, *told)
    for cause in clean.census.keys() & chaotic.census.keys():
        yield from _fields("census", _name(plan, cause), *(_known(plan, cause, one.census[cause]) for one in (clean, chaotic)))
    yield from _fields("receipt", "all", clean.receipts, chaotic.receipts)
    yield from _fields("dead letter", "all", clean.dead, chaotic.dead)
    for name, wanted in clean.sums.items():
        # A disguised failure may be diagnosed before its analyst knows better, or not: see `faults`.
        if not name.endswith("diagnosed"):
            yield from _count(name.partition(" ")[2], name, wanted, chaotic.sums[name])


def _known(plan: Plan, cause: int, fields: dict[str, Any]) -> dict[str, Any]:
    """``fields`` without what depends on the order in which the runs of a job are read, where they come in any."""
    if cause not in plan.shuffled:
        return fields
    kept = {name: value for name, value in fields.items() if name != "recurred"}
    return {name: _CAME_BACK.sub("", value) if isinstance(value, str) else value for name, value in kept.items()}


def _more_votes(where: str, clean: Counter[tuple[str, str, str]], chaotic: Counter[tuple[str, str, str]]) -> Iterator[Finding]:
    """Votes that the other run did not cast, whatever build they name: which one was read first, or fourth, is chance."""
    told: list[Counter[tuple[str, str, str]]] = [Counter(), Counter()]
    for votes, sums in zip((clean, chaotic), told, strict=True):
        for (kind, vote, context), count in votes.items():
            sums[kind, vote, _BUILD.sub("in a build", context)] += count
    for (kind, vote, context), count in (told[1] - told[0]).items():
        # Matches are held against the ledger: some were cast on the reflection of a pattern that was merged since.
        if not context.startswith("matched"):
            yield Finding("doubled", "votes in Aegis", count, where, f"{kind} {vote}: {context}")


def _fields(of: str, where: str, clean: dict[str, Any], chaotic: dict[str, Any]) -> Iterator[Finding]:
    for name in sorted(clean.keys() | chaotic.keys()):
        one, other = clean.get(name, _NONE), chaotic.get(name, _NONE)
        if one == other:
            continue
        if name in COUNTERS and str(one).isdigit() and str(other).isdigit():
            yield from _count(name, where, int(one), int(other))
        else:
            yield Finding(
                "differing", f"{of}: {name if of not in ('receipt', 'dead letter') else 'all'}", 1, where, f"{one} / {other}"
            )


def _name(plan: Plan, cause: int) -> str:
    twin = "'" if cause and plan.causes[cause].identity in {one.identity for one in plan.causes[:cause]} else ""
    return f"{plan.causes[cause].identity}{twin} ({cause}, {plan.families[cause]})"


def by_field(findings: list[Finding]) -> dict[tuple[Kind, str], int]:
    """How many of each kind and field."""
    sums: Counter[tuple[Kind, str]] = Counter()
    for one in findings:
        sums[one.kind, one.field] += one.count
    return dict(sorted(sums.items()))
