"""Records, fingerprints and texts on a real server: what replay reads, that it counts alike, and that it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import NOW, RecordingBell, T, failed, open_index, passed, the, watch_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from ci_memory_workers.adapters import redis_records
from ci_memory_workers.adapters.known_texts import KnownTexts
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.adapters.redis_quarantine_list import RedisQuarantineLists
from ci_memory_workers.adapters.redis_records import RedisRecords
from ci_memory_workers.domain.aging import DAY_MS
from ci_memory_workers.domain.fingerprint import fingerprint
from ci_memory_workers.domain.flaky import QuarantinePolicy
from ci_memory_workers.domain.pattern import Ruling
from ci_memory_workers.domain.replay import Policy, history_of
from ci_memory_workers.services.learning import Learner
from ci_memory_workers.services.ports import Dated, Reading
from ci_memory_workers.services.replay import Replayer
from ci_memory_workers.services.sweeps import Sweeper

HOUR = 3_600_000
LAX = Policy(QuarantinePolicy(ratio=0.3, min_episodes=2))
MAIN: dict[str, Any] = {"branch": "main", "default_branch": "main", "job": "unit"}


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def everything(client: Redis) -> dict[bytes, bytes]:
    """Every key of the server, as it would be dumped."""
    return {key: client.dump(key) for key in sorted(client.scan_iter())}  # type: ignore[misc]  # redis-py types both its clients as one


def happen(index: RedisIndex, *events: Reading | Dated) -> list[str]:
    return [index.apply(T, [event], event.ms)[0].pattern_id for event in events]


def flake(index: RedisIndex, builds: range, text: str = "1:aaaa") -> str:
    """Builds, an hour each, that fail and pass in their second attempt."""
    pattern_id = ""
    for build in builds:
        ms = NOW + build * HOUR
        place: dict[str, Any] = {"build": f"b{build}", "run_number": build, "commit_sha": f"c{build}", **MAIN}
        pattern_id, _ = happen(index, failed(text, ms=ms, **place), passed(ms=ms + 60_000, attempt=2, **place))
    return pattern_id


def test_a_record_says_what_happened_where(index: RedisIndex, redis_client: Redis) -> None:
    place: dict[str, Any] = {"build": "b7", "run_number": 7, "commit_sha": "c7", "attempt": 2, **MAIN}
    (pattern_id, _) = happen(
        index, failed(ms=NOW, test_id="test_a", **place), passed(ms=NOW + 5, **(place | {"branch": "feature"}))
    )

    failure, success = RedisRecords(redis_client).records(T, 0)
    assert (failure.pattern_id, failure.ms, failure.place, failure.repo) == (pattern_id, NOW, "acme/shop#b7", "acme/shop")
    assert (failure.run, failure.attempt, failure.commit, failure.default, failure.mixed) == (7, 2, "c7", True, False)
    assert failure.test
    assert (success.passed, success.ms, success.job) == (True, NOW + 5, failure.job)
    assert success.line != failure.line


def test_a_record_names_its_branch_and_says_when_most_tests_of_the_run_failed(index: RedisIndex, redis_client: Redis) -> None:
    place: dict[str, Any] = {"default_branch": "main", "job": "unit", "ms": NOW}
    happen(
        index,
        failed(build="1", branch="feature", run_totals={"tests": 20, "failed": 19}, **place),
        failed(build="2", branch="other", run_totals={"tests": 20, "failed": 1}, **place),
        passed(build="3", branch="feature", **place),
        passed(build="4", **place),
    )

    mass, single, success, nowhere = RedisRecords(redis_client).records(T, 0)
    assert [one.mass for one in (mass, single, success)] == [True, False, False]
    assert mass.line == success.line != single.line
    assert not any(one.mixed for one in (mass, single, success, nowhere))
    assert (nowhere.line, nowhere.of_a_run) == ("", False)


def test_all_records_are_read_whatever_the_size_of_a_piece(
    index: RedisIndex, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    flake(index, range(5))
    whole = list(RedisRecords(redis_client).records(T, 0))
    assert len(whole) == 10

    for piece in (1, 3, 5, 10, 11):
        monkeypatch.setattr(redis_records, "PIECE", piece)
        assert list(RedisRecords(redis_client).records(T, 0)) == whole


def test_records_begin_where_they_are_asked_to(index: RedisIndex, redis_client: Redis) -> None:
    recorded = RedisRecords(redis_client)
    assert (list(recorded.records(T, 0)), recorded.oldest_ms(T)) == ([], 0)
    early, late = HOUR, 2 * HOUR  # an entry is never older than its event, whatever this machine's clock says
    happen(index, failed(build="1", ms=early), failed(build="2", ms=late))

    assert recorded.oldest_ms(T) == early
    assert [record.ms for record in recorded.records(T, early + 1)] == [late]


def test_what_was_merged_is_played_as_the_pattern_that_stays(index: RedisIndex, redis_client: Redis) -> None:
    first, second = flake(index, range(2)), flake(index, range(2, 4), "1:bbbb")
    RedisDecisions(redis_client).merge(T, second, first, Ruling("dev@example.com", "the same", NOW))

    assert {record.pattern_id for record in RedisRecords(redis_client).records(T, 0)} == {"", first}


steps = st.lists(
    st.tuples(
        st.sampled_from(["1:aaaa", "1:bbbb", ""]),
        st.integers(1, 3),
        st.integers(1, 4),
        st.sampled_from(["unit", "lint"]),
        st.sampled_from(["", "t1", "t2"]),
        st.integers(1, 5),
    ),
    max_size=15,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_episodes_and_flaky_ones_are_counted_as_the_index_counts_them(
    redis_client: Redis, happened: list[tuple[str, int, int, str, str, int]]
) -> None:
    redis_client.flushall()
    index = open_index(redis_client)
    for hour, (text, build, attempt, job, test, repo) in enumerate(happened):
        place: dict[str, Any] = {"build": f"b{build}", "attempt": attempt, "job": job, "test_id": test, "repo": f"acme/r{repo}"}
        place["ms"] = NOW + hour * HOUR
        happen(index, failed(text, **place) if text else passed(**place))

    replayed: dict[str, list[int]] = {}
    for one in history_of(RedisRecords(redis_client).records(T, 0)).happenings:
        counts = replayed.setdefault(one.pattern_id, [0, 0])
        counts[0] += one.counts
        counts[1] += one.kind == "flaky"
    replayed.pop("", None)
    assert replayed == {
        pattern_id: [found.episodes, found.flaky_episodes]
        for pattern_id in index.pattern_ids(T, 10)
        for found in [the(index.pattern(T, pattern_id))]
    }


def test_playing_a_policy_changes_no_key(index: RedisIndex, redis_client: Redis) -> None:
    pattern_id = flake(index, range(4))
    place: dict[str, Any] = {"run_number": 9, "commit_sha": "c9", **MAIN}
    happen(index, failed(build="b9", ms=NOW + 9 * HOUR, **place))
    happen(index, passed(build="b10", ms=NOW + 10 * HOUR, **(place | {"run_number": 10, "commit_sha": "c10"})))
    before = everything(redis_client)
    assert len(before) > 5

    strict = Policy(QuarantinePolicy(min_episodes=10))
    replayed = Replayer(RedisRecords(redis_client)).policies(T, [LAX, strict], since_ms=0, now_ms=NOW + 20 * HOUR)

    assert everything(redis_client) == before
    lax, nothing = replayed.outcomes
    assert lax.quarantined == (pattern_id,)
    assert [one.places for one in lax.hidden_regressions] == [("acme/shop#b9",)]
    assert (nothing.quarantined, nothing.hidden) == ((), ())
    assert replayed.oldest_ms == NOW


TRACE = 'Traceback (most recent call last):\n  File "app/{0}.py", line 3, in run\n    {0}()\nValueError: no {0} in the basket\n'


def read(text: str, value: str = "") -> Reading:
    """A failure with ``text``, indexed by the fingerprint ``value``, or as it is read today."""
    event = failed("x").event.model_copy(update={"error_message": text, "event_id": f"{value}{text}"[:60]})
    return Reading(event, NOW, "test_assertion", "assertion", value or fingerprint(text, stage="test").value, "", generic=False)


def test_rereading_says_who_keeps_its_fingerprint_and_who_would_merge_and_changes_no_key(
    index: RedisIndex, redis_client: Redis
) -> None:
    keeps, older, twin, bare, masked, gone = happen(
        index,
        read(TRACE.format("apple")),
        read(TRACE.format("pear"), "0:pear"),
        read(TRACE.format("apple"), "0:apple"),
        read(TRACE.format("plum"), "0:plum"),
        read("ModuleNotFoundError: No module named 'pandas'\n"),
        read(TRACE.format("nut")),
    )
    texts = KnownTexts(redis_client)
    for pattern_id in (bare, masked):
        texts.remember(T, the(index.sample(T, pattern_id)))
    for pattern_id in (bare, masked, gone):
        redis_client.delete(f"ci-memory:{{{T}}}:sample:{pattern_id}")
    before = everything(redis_client)

    reread = Replayer(RedisRecords(redis_client)).fingerprints(T)

    assert everything(redis_client) == before
    assert set(reread.same) == {keeps, masked}
    assert set(reread.changed) == {older, twin}
    assert (reread.unsure, reread.no_text) == ((bare,), (gone,))
    assert reread.merged == (tuple(sorted((keeps, twin))),)


SCENES = {
    "flaky, then broken, then fixed": ("F F F . B B B . . F F .", 4),
    "flaky for days": ("F . F F . F . . F F F F . F", 2),
    "broken from the start": ("B B . B B F F F F", 2),
    "fixed at once, then flaky": ("B . F F F F F F", 2),
    "fixed at once, then flaky by another build of the commit": ("B . B , B , B ,", 2),
    "flaky, quiet, flaky": ("F F F F . . . . . . . . . . F F F F", 4),
    "quiet on main, flaky on a branch": ("F F . f . f . f . f . f", 2),
    "quiet everywhere": ("F F f . ; . ; . ;", 2),
}
"""Runs of a job, six hours apart; how often quarantine begins or ends.

F fails and passes when run again, B fails, . passes, and , passes with the commit of the run before; f and ; are F and . on
another branch. A comma's run comes an hour after the one before it.
"""


@pytest.mark.parametrize("scene", SCENES)
def test_the_policy_in_force_is_replayed_as_sweeps_and_learning_decided(
    index: RedisIndex, redis_client: Redis, scene: str
) -> None:
    policy = Policy(QuarantinePolicy(ratio=0.4, min_episodes=2, clean_runs=4, days=1), aging_days=90, sweep_ms=HOUR)
    lists = RedisQuarantineLists(redis_client)
    sweeper = Sweeper(index=index, bell=RecordingBell(), lists=lists, aging_days=90, quarantine=policy.quarantine)
    learner = Learner(index=index, watch=watch_of(index), bell=RecordingBell())
    happened: list[Reading | Dated] = []
    runs, changes = SCENES[scene]
    for run, kind in enumerate(runs.split(), start=1):
        place: dict[str, Any] = {"build": f"b{run}", "run_number": run, "commit_sha": f"c{run - (kind == ',')}", **MAIN}
        place |= {"branch": "feature"} if kind in "f;" else {}
        ms = NOW + run * 6 * HOUR - (kind == ",") * 5 * HOUR
        happened += [failed(ms=ms, **place)] if kind in "FfB" else []
        happened += [passed(ms=ms + 1_000, attempt=1 + (kind in "Ff"), **place)] if kind != "B" else []
    end = NOW + 7 * DAY_MS
    decided, now = [], NOW - NOW % HOUR
    while now < end:
        now += HOUR
        while happened and happened[0].ms <= now:
            happen(index, happened.pop(0))
        for line in index.overdue("transitions", T, now, 10):
            learner.learn(T, line, now)
        decided += [(made.status, now, made.reason) for made in sweeper.judge_flaky(now)]

    (outcome,) = Replayer(RedisRecords(redis_client)).policies(T, [policy], since_ms=0, now_ms=end).outcomes
    told = [("quarantined", spell.since_ms, spell.reason.partition(",")[0]) for spell in outcome.spells]
    told += [("released", spell.until_ms, spell.end) for spell in outcome.released]
    expected = [
        ("quarantined" if status == "quarantined" else "released", ms, reason.partition(", for")[0])
        for status, ms, reason in decided
        if not reason.startswith("goes on")
    ]
    assert sorted(told, key=lambda one: one[1]) == expected
    assert len(expected) == changes
