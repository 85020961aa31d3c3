"""What the chaos benchmark plays: events of all kinds in acts, and when who is killed or hangs. All of it comes from a seed.

Acts are parted by a moment of rest, when the log is read and what it owes to the index is done: a fix is reported by somebody who
has read the answer, and what a failure says after a fix depends on the fix being known. Within an act the order is free, and the
result must not depend on it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Literal

from chaos_lines import Lines
from chaos_texts import Cause, causes, disguised
from ci_memory_producers.events import MAX_EVENT_BYTES, FailureEvent, FixType, PassEvent, ResolutionEvent

Family = Literal["plain", "flaky", "line", "resolved", "outbreak", "alias"]
Victim = Literal["child", "tree", "beat", "redis", "llm", "aegis"]
Way = Literal["kill", "hang", "hang, kill"]

TENANTS = ("chaos-one", "chaos-two")
WAYS: tuple[Way, ...] = ("kill", "hang", "hang, kill")
VICTIMS: tuple[Victim, ...] = ("child", "tree", "beat", "redis", "llm", "aegis")
REPOSITORIES = 3
"""Of a cause: a failure in four repositories and eight builds at once is an outbreak, and those have causes of their own."""
OUTBREAK_BUILDS = 12
REPEATED, INVALID, UNKNOWN = 0.07, 0.01, 0.004
"""Shares of events that are pushed twice, that are no events, and that resolve what nobody knows."""
MARKER_OF_NO_EVENT = re.compile(r"(?:rejected|unknown)\d+x")
"""What is pushed and must be refused carries one, its own."""
WRITTEN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fix:
    """A resolution before its pattern's id is known: that is asked for when it is pushed."""

    event_id: str
    cause: int
    repo: str
    fix_type: FixType
    description: str
    commit: str

    def event(self, tenant: str, pattern_id: str) -> ResolutionEvent:
        """As it is pushed."""
        return ResolutionEvent(
            event_id=self.event_id,
            tenant=tenant,
            repo=self.repo,
            pattern_id=pattern_id,
            fix_type=self.fix_type,
            fix_description=self.description,
            fix_commit=self.commit,
            fixed_by="dev@example.com",
            timestamp=WRITTEN,
        )


@dataclass(frozen=True, slots=True)
class Strike:
    """Who is hit once ``at`` events were pushed, and how. ``seconds`` it hangs or is down; ``choice`` chooses among several."""

    at: int
    victim: Victim
    way: Way
    seconds: float
    choice: int


@dataclass(frozen=True, slots=True)
class Act:
    """What is pushed in any order, and then, after a rest, what was fixed meanwhile. Payloads are JSON, or should be."""

    payloads: list[bytes]
    fixes: list[Fix]


@dataclass(slots=True)
class Plan:
    """A whole run. ``causes`` and ``families`` go together; ``failures`` holds the events that are expected of each cause."""

    seed: int
    causes: list[Cause]
    families: list[Family]
    tenants: list[str]
    acts: list[Act] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    failures: list[dict[str, FailureEvent]] = field(default_factory=list)
    passes: int = 0
    rejected: set[str] = field(default_factory=set)
    """Markers of what must end in the dead letters."""
    shuffled: set[int] = field(default_factory=set)
    """Causes with a job whose runs come in any order: what is learned in between, and voted, depends on that."""
    guests: set[int] = field(default_factory=set)
    """Causes that fail in another's job, each in one: more repositories would make an outbreak of them."""

    @property
    def size(self) -> int:
        """How many events are pushed."""
        return sum(len(act.payloads) + len(act.fixes) for act in self.acts)


def make_plan(seed: int, events: int, kills: int, *, acts: int = 6, longest_hang: float = 4.0) -> Plan:
    """A plan of ``events`` events in ``acts`` acts with ``kills`` strikes."""
    return _Planner(Random(f"{seed}|plan"), seed, events, acts).plan(kills, longest_hang)


class _Planner:
    def __init__(self, rng: Random, seed: int, events: int, acts: int) -> None:
        self.rng, self.events, self.acts = rng, events, acts
        count = max(24, events // 100)
        originals = causes(seed, count)
        families = _families(count, rng)
        # A cause that was disguised stands behind all others; the first of its two patterns is the one that stays.
        self.twins = {
            number: count + place for place, number in enumerate(n for n, family in enumerate(families) if family == "alias")
        }
        twins = [disguised(originals[number], rng) for number in self.twins]
        tenants = [TENANTS[number % 2] for number in range(count)]
        alike: list[Family] = ["alias"] * len(twins)
        self.made = Plan(seed, [*originals, *twins], families + alike, tenants)
        self.made.tenants += [tenants[number] for number in self.twins]
        self.made.failures = [{} for _ in self.made.causes]
        self.builds = 0
        self.pushed: list[list[bytes]] = [[] for _ in range(acts)]
        self.fixes: list[list[Fix]] = [[] for _ in range(acts)]

    def plan(self, kills: int, longest_hang: float) -> Plan:
        for cause, family in enumerate(self.made.families):
            self._open(cause, family)
        self._add_what_is_rejected()
        wanted = self.events - int(self.events * REPEATED) - sum(len(fixes) for fixes in self.fixes)
        often = [cause for cause, family in enumerate(self.made.families) if family in ("plain", "resolved", "alias")]
        while (room := wanted - sum(map(len, self.pushed))) > 0:
            cause = self.rng.choice(often)
            self._build(cause, self.rng.randrange(self._first_act(cause), self.acts), jobs=min(room, self.rng.randint(4, 14)))
        self._push_some_twice()
        for payloads, fixes in zip(self.pushed, self.fixes, strict=True):
            self.rng.shuffle(payloads)
            self.made.acts.append(Act(payloads, fixes))
        self.made.strikes = strikes(self.rng, self.made.size, kills, longest_hang)
        return self.made

    def _first_act(self, cause: int) -> int:
        """New failures come up in every act but the last ones; a disguised cause after the one it is."""
        if cause in self.twins.values():
            return 1 + cause % max(1, self.acts - 2)
        return 0 if cause in self.twins else cause % max(1, self.acts - 1)

    def _open(self, cause: int, family: Family) -> None:
        first = self._first_act(cause)
        if family == "outbreak":
            for number in range(OUTBREAK_BUILDS):
                self._build(cause, first, jobs=1, repo=f"acme/{self.made.causes[cause].words[0]}-{number}")
            return
        if family == "line":
            lines = Lines(self.rng, self.made, self.acts)
            for act, event in lines.of(cause):
                self._push(act, event, lines.causes.get(event.event_id, cause))
            return
        self._build(cause, first, jobs=self.rng.randint(1, 4))
        if family == "flaky":
            for _ in range(self.rng.randint(1, 6)):
                self._flaky_build(cause, self.rng.randrange(first, self.acts))
        if family == "resolved":
            self._fix(cause, first)

    def _fix(self, cause: int, first: int) -> None:
        """One or two reports in different acts, the failure coming back or not in between; some say that a rerun did it."""
        word = self.made.causes[cause].words[1]
        for number, act in enumerate(sorted(self.rng.sample(range(first, self.acts), min(self.acts - first, 1 + cause % 2)))):
            rerun = self.rng.random() < 0.2
            fix_type: FixType = "rerun" if rerun else self.rng.choice(["code_change", "config_change", "environment_fix"])
            said = "" if rerun else f"set {word} to {number + 1}"
            commit = "" if rerun else f"{cause:05x}f{number}c0de"
            self.fixes[act].append(Fix(f"fix-{cause:05}-{number}", cause, self._repo(cause), fix_type, said, commit))
            for _ in range(self.rng.randrange(6) if act + 1 < self.acts else 0):
                self._build(cause, self.rng.randrange(act + 1, self.acts), jobs=2, repo=self._repo(cause))

    def _repo(self, cause: int, number: int = 0) -> str:
        return f"acme/{self.made.causes[cause].words[0]}-{number}"

    def _build(self, cause: int, act: int, *, jobs: int, repo: str = "") -> None:
        """A build that fails in ``jobs`` jobs, with a commit of its own; no branch, so that it stands for itself."""
        self.builds += 1
        place = repo or self._repo(cause, self.rng.randrange(REPOSITORIES))
        for job in range(jobs):
            self._push(act, self._failure(cause, place, job=f"leg-{job}", commit_sha=f"b{self.builds:07x}"), cause)

    def _flaky_build(self, cause: int, act: int) -> None:
        self.builds += 1
        repo = self._repo(cause, self.rng.randrange(REPOSITORIES))
        failure = self._failure(cause, repo, job="once-more", commit_sha=f"b{self.builds:07x}")
        self._push(act, failure, cause)
        again = PassEvent(
            tenant=failure.tenant,
            repo=repo,
            build_id=failure.build_id,
            job=failure.job,
            attempt=2,
            stage=failure.stage,
            commit_sha=failure.commit_sha,
            timestamp=WRITTEN,
        )
        self._push(act, again, cause)

    def _failure(self, cause: int, repo: str, *, job: str, commit_sha: str) -> FailureEvent:
        what = self.made.causes[cause]
        return FailureEvent(
            tenant=self.made.tenants[cause],
            repo=repo,
            build_id=str(self.builds),
            job=job,
            stage=what.stage,
            error_message=what.log(self.rng.randrange(10_000)),
            test_id=what.test_id,
            commit_sha=commit_sha,
            timestamp=WRITTEN,
        )

    def _push(self, act: int, event: FailureEvent | PassEvent, cause: int) -> None:
        self.pushed[act].append(event.model_dump_json(exclude_none=True).encode())
        if isinstance(event, FailureEvent):
            self.made.failures[cause][event.event_id] = event
        else:
            self.made.passes += 1

    def _add_what_is_rejected(self) -> None:
        for number in range(max(5, int(self.events * INVALID))):
            marker = f"rejected{number}x"
            self.made.rejected.add(marker)
            self.pushed[self.rng.randrange(self.acts)].append(_no_event(number, marker))
        for number in range(max(2, int(self.events * UNKNOWN))):
            marker = f"unknown{number}x"
            self.made.rejected.add(marker)
            unknown = Fix(f"fix-{marker}", 0, "acme/nobody", "code_change", marker, "")
            event = unknown.event(TENANTS[number % 2], f"pat_nobody{number:06}")
            self.pushed[self.rng.randrange(self.acts)].append(event.model_dump_json().encode())

    def _push_some_twice(self) -> None:
        room = self.events - sum(map(len, self.pushed)) - sum(map(len, self.fixes))
        once = [list(payloads) for payloads in self.pushed]
        for _ in range(max(0, room)):
            act = self.rng.randrange(self.acts)
            self.pushed[self.rng.randrange(act, self.acts)].append(self.rng.choice(once[act]))


def _no_event(number: int, marker: str) -> bytes:
    match number % 5:
        case 0:
            return f"{marker} is no JSON {{".encode()
        case 1:
            return json.dumps({"kind": "failure", "repo": marker}).encode()
        case 2:
            return json.dumps(
                {"kind": "pass", "tenant": "NOT A TENANT", "repo": marker, "build_id": "1", "stage": "test"}
            ).encode()
        case 3:
            return b"\xff\xfe" + marker.encode()
        case _:
            return json.dumps({"kind": "surprise", "repo": marker, "more": "x" * (MAX_EVENT_BYTES * (number % 3))}).encode()


def _families(count: int, rng: Random) -> list[Family]:
    shares: dict[Family, float] = {"outbreak": 0.03, "alias": 0.06, "resolved": 0.18, "line": 0.22, "flaky": 0.16}
    families = [family for family, share in shares.items() for _ in range(max(2, int(count * share)))]
    families += ["plain"] * (count - len(families))
    rng.shuffle(families)
    return families


def strikes(rng: Random, size: int, kills: int, longest_hang: float) -> list[Strike]:
    """``kills`` strikes, evenly over the kinds of victims and about evenly over the events."""
    victims = [VICTIMS[number % len(VICTIMS)] for number in range(kills)]
    rng.shuffle(victims)
    found = []
    for number, victim in enumerate(victims):
        at = int((number + rng.random()) * size / kills)
        way: Way = rng.choices(WAYS, [3, 1, 1])[0]
        seconds = rng.uniform(0.0, 2.0) if way == "kill" else rng.uniform(0.5, longest_hang)
        found.append(Strike(at, victim, way, seconds, rng.randrange(1_000)))
    return found
