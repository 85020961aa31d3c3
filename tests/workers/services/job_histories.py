"""Small histories of one job on a branch, made up by hypothesis, and all that is known once they were read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fakes import HOUR_MS, NOW, RecordingBell, T, archive_of, failed, passed, the, watch_of
from hypothesis import strategies as st
from line_runs import MINUTE_MS, run_of
from redis import Redis

from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.services.learning import Learner
from ci_memory_workers.services.ports import Dated, Reading

Event = Reading | Dated
READ_FROM = NOW + 1_000 * HOUR_MS
OWN_FILE = ""
"""Stands for a file that no other commit changes."""
FILES = ("src/cart.py", "conf/shop.toml", OWN_FILE, OWN_FILE)
AUTHORS = ("dev@example.com", "ops@example.com")
ENDINGS = ("pass", "a", "b", "ab")
CAST_BY_READING = ("matched", "fix didn't stick: failed again in build ")
"""How the context begins of votes that are cast when a failure is read, not when something is learned."""
BY_WHAT_IT_IS_RESOLVED = ("fix_repo", "resolved_fix", "resolved_kind", "resolved_ms")


@dataclass(frozen=True)
class Commit:
    """Whether a run is of a new commit, and of which author and file that is."""

    new: bool
    author: str
    path: str


COMMITS = st.builds(Commit, st.sampled_from((True, True, False)), st.sampled_from(AUTHORS), st.sampled_from(FILES))
RUNS = st.lists(st.tuples(COMMITS, st.lists(st.sampled_from(ENDINGS), min_size=1, max_size=2)), min_size=2, max_size=10)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """The events of a few runs, in their order: each of the one before's commit or of a new one, once or twice attempted."""
    with_parents, minute, number, commit = draw(st.booleans()), 0, 0, 0
    events: list[Event] = []
    fields: dict[str, Any] = {}
    for run, (made, endings) in enumerate(draw(RUNS), start=1):
        if made.new or not fields:
            parent = {"parent_sha": f"c{commit}"} if with_parents and commit else {}
            commit += 1
            fields = {
                "author": made.author,
                "changed_files": (made.path or f"src/{commit}.py",),
                "commit_message": f"Change {commit}",
                **parent,
            }
        for attempt, ending in enumerate(endings, start=1):
            minute, number = minute + 1, number + 1
            place = run_of(run, commit=f"c{commit}", attempt=attempt, ms=NOW + minute * MINUTE_MS, **fields)
            events += [passed(**place)] if ending == "pass" else [failed(f"1:{text}", **place) for text in ending]
            if ending == "pass":
                break
    return events


@st.composite
def readings(draw: st.DrawFn, events: Sequence[Event]) -> list[tuple[Event, bool]]:
    """``events`` in any order, some of them again, and after which of them something is learned."""
    order = draw(st.permutations([*events, *draw(st.lists(st.sampled_from(events), max_size=2))]))
    return [(event, draw(st.booleans())) for event in order]


def read(index: RedisIndex, order: Sequence[tuple[Event, bool]], learner: Learner | None = None) -> None:
    """Apply events one by one, learning after those that say so, and at last."""
    learner, now = learner or learner_of(index), READ_FROM
    for event, learns in (*order, (None, True), (None, True)):
        now += 10_000
        if event is not None:
            index.apply(T, [event], now)
        for line in index.overdue("transitions", T, now, 10) if learns else ():
            learner.learn(T, line, now)


def learner_of(index: RedisIndex) -> Learner:
    return Learner(index, watch_of(index), RecordingBell())


def known(index: RedisIndex, client: Redis) -> dict[str, object]:
    """What was counted, tried, voted and decided, by the fingerprint of each pattern; the votes are those that wait for Aegis."""
    found: dict[str, object] = {}
    for pattern_id in index.pattern_ids(T, 10):
        state, pattern = the(archive_of(index).state(T, pattern_id)), the(index.pattern(T, pattern_id))
        resolved = {name: state.fields.get(name) for name in BY_WHAT_IT_IS_RESOLVED} if pattern.status == "resolved" else {}
        counts = (pattern.occurrences, pattern.episodes, pattern.flaky_episodes, pattern.match_votes)
        trials = sorted((one.fix, one.verdict, one.ms, one.persisted) for one in state.trials)
        fixes = {
            fix.fix_id: (fix.learned_worked, fix.learned_failed, fix.pending, fix.repositories, fix.last_worked_ms)
            for fix in pattern.fixes
        }
        said = (pattern.status, pattern.broken, pattern.repeated, resolved)
        found[pattern.fingerprint] = (said, counts, trials, fixes, _votes(client, pattern_id))
    totals = index.totals(T, READ_FROM)
    return {**found, "totals": (totals.fixes_worked, totals.fixes_failed)}


def _votes(client: Redis, pattern_id: str) -> Counter[tuple[str, str, str]]:
    """Votes but those that reading casts, by what was known at that time: for having matched in the builds that were read first,
    and against a fix that was still taken for one while further builds failed.
    """
    waiting: Any = client.lrange(f"ci-memory:{{{T}}}:votes:{pattern_id}", 0, -1)
    votes = [json.loads(one) for one in waiting]
    return Counter((one["vote"], one["target"], one["fix_id"]) for one in votes if not one["context"].startswith(CAST_BY_READING))
