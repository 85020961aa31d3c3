"""Makes the plan of a chaos run. All of it comes from a seed."""

from __future__ import annotations

from random import Random

from chaos_lines import Lines
from chaos_plan import TENANTS, WRITTEN, Act, Family, Fix, Plan
from chaos_rejected import no_event
from chaos_stories import FLAKY_BUILDS, TOUCHES, broken_suite, suites_of, touching, watched_file
from chaos_strikes import strikes
from chaos_texts import causes, disguised, suite
from ci_memory_producers.events import FailureEvent, FixType, PassEvent

REPOSITORIES = 3
"""Of a cause: a failure in four repositories and eight builds at once is an outbreak, and those have causes of their own."""
OUTBREAK_BUILDS = 12
REPEATED, INVALID, UNKNOWN = 0.07, 0.01, 0.004
"""Shares of events that are pushed twice, that are no events, and that resolve what nobody knows."""


def make_plan(seed: int, events: int, kills: int, *, acts: int = 6, longest_hang: float = 4.0) -> Plan:
    """A plan of ``events`` events in ``acts`` acts with ``kills`` strikes."""
    return _Planner(Random(f"{seed}|plan"), seed, events, acts).plan(kills, longest_hang)


class _Planner:
    def __init__(self, rng: Random, seed: int, events: int, acts: int) -> None:
        self.rng, self.events, self.acts = rng, events, acts
        count = max(36, events // 100)
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
        self.suites: list[range] = []
        suites, tests = suites_of(events)
        for number in range(suites):
            first = len(self.made.causes)
            self.made.causes += suite(seed, number, tests)
            self.made.families += ["suite"] * tests
            self.made.tenants += [TENANTS[number % 2]] * tests
            self.suites.append(range(first, first + tests))
        self.made.failures = [{} for _ in self.made.causes]
        self.builds = self.returned = 0
        self.pushed: list[list[bytes]] = [[] for _ in range(acts)]
        self.fixes: list[list[Fix]] = [[] for _ in range(acts)]

    def plan(self, kills: int, longest_hang: float) -> Plan:
        for cause, family in enumerate(self.made.families):
            self._open(cause, family)
        for number, members in enumerate(self.suites):
            self._break(number, members)
        self._add_what_is_rejected()
        wanted = self.events - int(self.events * REPEATED) - sum(len(fixes) for fixes in self.fixes)
        often = [cause for cause, family in enumerate(self.made.families) if family in ("plain", "resolved", "alias")]
        while (room := wanted - sum(map(len, self.pushed)) - len(self.made.long_ago)) > 0:
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
        if family == "suite":
            return
        if family == "quarantine":
            for _ in range(self.rng.randint(4, FLAKY_BUILDS)):
                self._flaky_build(cause, self.rng.randrange(first, self.acts))
            return
        if family == "aged":
            self._grow_old(cause)
            return
        self._build(cause, first, jobs=self.rng.randint(1, 4))
        if family == "flaky":
            # After the builds that were not, so that a sweep that comes early judges as one that comes late.
            for _ in range(self.rng.randint(1, FLAKY_BUILDS)):
                self._flaky_build(cause, self.rng.randrange(first + 1, self.acts))
        if family == "watched":
            self._watch(cause, first)
        if family == "resolved":
            self._fix(cause, first)

    def _break(self, number: int, members: range) -> None:
        """A suite breaks as a whole, twice; then some of its tests fail alone."""
        first = self.rng.randrange(max(1, self.acts - 1))
        tests = [self.made.causes[cause] for cause in members]
        for act in (first, self.rng.randrange(first + 1, self.acts)):
            self.builds += 1
            for place, event in broken_suite(tests, self.made.tenants[members[0]], str(self.builds), self.rng):
                self._push(act, event, members[place])
        for cause in self.rng.sample(members, len(members) // 4):
            self._build(cause, self.rng.randrange(first, self.acts), jobs=1)

    def _grow_old(self, cause: int) -> None:
        """Failures of the day before yesterday; every other cause is back later."""
        for job in range(self.rng.randint(1, 3)):
            self.builds += 1
            event = self._failure(cause, self._repo(cause), job=f"leg-{job}", commit_sha=f"b{self.builds:07x}")
            self.made.failures[cause][event.event_id] = event
            self.made.long_ago.append(event.model_dump_json(exclude_none=True).encode())
        if len(self.made.over) <= self.returned:
            self.made.over.add(cause)
        else:
            self.returned += 1
            self._build(cause, self.rng.randrange(self.acts), jobs=2)

    def _watch(self, cause: int, first: int) -> None:
        """A fix, and commits that change its file: one from before it, whose run is pushed again later, and one of `TOUCHES`."""
        what, commit = self.made.causes[cause], f"{cause:05x}f0c0de"
        touch = TOUCHES[len(self.made.changed) % len(TOUCHES)]
        files = (watched_file(what),)
        fix = Fix(f"fix-{cause:05}-0", cause, self._repo(cause), "config_change", f"set {what.words[1]} to 1", commit, files)
        self.fixes[first].append(fix)
        self.made.changed[cause] = files[0] if touch == "after" else ""
        later = self.rng.randrange(first + 1, self.acts)
        for kind in dict.fromkeys(("before", touch)):
            event = touching(what, cause, self.made.tenants[cause], kind, commit)
            self._push(first if kind == "before" else later, event, cause)
            if kind == "before":
                self.pushed[later].append(event.model_dump_json(exclude_none=True).encode())

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
            self.pushed[self.rng.randrange(self.acts)].append(no_event(number, marker))
        for number in range(max(2, int(self.events * UNKNOWN))):
            marker = f"unknown{number}x"
            self.made.rejected.add(marker)
            unknown = Fix(f"fix-{marker}", 0, "acme/nobody", "code_change", marker, "")
            event = unknown.event(TENANTS[number % 2], f"pat_nobody{number:06}")
            self.pushed[self.rng.randrange(self.acts)].append(event.model_dump_json().encode())

    def _push_some_twice(self) -> None:
        room = self.events - sum(map(len, self.pushed)) - sum(map(len, self.fixes)) - len(self.made.long_ago)
        once = [list(payloads) for payloads in self.pushed]
        for _ in range(max(0, room)):
            act = self.rng.randrange(self.acts)
            self.pushed[self.rng.randrange(act, self.acts)].append(self.rng.choice(once[act]))


def _families(count: int, rng: Random) -> list[Family]:
    shares: dict[Family, float] = {"outbreak": 0.03, "alias": 0.06, "resolved": 0.18, "line": 0.22, "flaky": 0.14}
    shares |= {"quarantine": 0.04, "aged": 0.04, "watched": 0.05}
    least = {"watched": len(TOUCHES), "aged": 4}
    families = [family for family, share in shares.items() for _ in range(max(least.get(family, 2), int(count * share)))]
    families += ["plain"] * (count - len(families))
    rng.shuffle(families)
    return families
