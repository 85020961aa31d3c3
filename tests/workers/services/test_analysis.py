"""The analysis of a new failure: once, whatever dies in between; by rules while the model is out of reach; aliases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

import pytest
from fakes import (
    DIAGNOSIS,
    HOUR_MS,
    NOW,
    RULES,
    Clock,
    CountingKnowledge,
    Killed,
    Life,
    RecordingBell,
    ScriptedAnalyst,
    T,
    failed,
    mortal,
    open_index,
    the,
)
from redis import Redis

from ci_memory_producers.events import ANSWER, Analysis
from ci_memory_producers.keys import result_key
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.mass_failure import incident
from ci_memory_workers.errors import AnalystMisbehaved, AnalystRefused, AnalystUnavailable, KnowledgeUnavailable, UnknownPattern
from ci_memory_workers.services.analysis import AnalysisDesk
from ci_memory_workers.services.ports import Analyst, AnalystAnswer, Bell, Candidate, FailureContext, Index, Knowledge

LEASE_MS = 60_000
BY_RULES = AnalystAnswer(RULES, "rules")


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def desk(
    index: Index, analyst: Analyst, *, knowledge: Knowledge | None = None, bell: Bell | None = None, max_attempts: int = 4
) -> AnalysisDesk:
    return AnalysisDesk(
        index=index,
        knowledge=knowledge or CountingKnowledge(),
        analyst=analyst,
        rules=ScriptedAnalyst(BY_RULES, name="rules"),
        bell=bell or RecordingBell(),
        lease_ms=LEASE_MS,
        max_attempts=max_attempts,
        jitter=lambda: 0.0,
    )


def report(index: RedisIndex, *fingerprints: str, tenant: str = T, first_build: int = 1) -> list[tuple[str, str]]:
    """Event ids with the pattern ids that they were given."""
    events = [failed(fingerprint, build=str(first_build + n), tenant=tenant) for n, fingerprint in enumerate(fingerprints)]
    return [(applied.event_id, applied.pattern_id) for applied in index.apply(tenant, events, NOW)]


def answer_of(client: Redis, event_id: str, tenant: str = T) -> Analysis | None:
    data = client.get(result_key(tenant, event_id))
    if data is None:
        return None
    assert isinstance(data, bytes)
    found = ANSWER.validate_json(data)
    assert isinstance(found, Analysis)
    return found


def candidate(pattern_id: str) -> Candidate:
    return Candidate(pattern_id, "mem-0", f"[{pattern_id}] known", 0.0, "reflection")


def test_a_new_failure_is_analysed_and_everybody_who_waits_is_answered(index: RedisIndex, redis_client: Redis) -> None:
    (first, pattern_id), (second, _) = report(index, "1:aaaa", "1:aaaa")
    analyst, bell, knowledge = ScriptedAnalyst(), RecordingBell(), CountingKnowledge()

    assert desk(index, analyst, bell=bell, knowledge=knowledge).analyze(T, pattern_id, Clock()) == "analysed"

    new, repeat = the(answer_of(redis_client, first)), the(answer_of(redis_client, second))
    assert (new.status, new.analysis, new.analyst) == ("new_pattern", DIAGNOSIS, "model-x")
    assert (repeat.status, repeat.suggested_fix) == ("known_pattern", DIAGNOSIS.suggested_fix)
    assert [failure.pattern_id for failure, _ in analyst.asked] == [pattern_id]
    assert bell.rings == [("memory", T, pattern_id)]
    assert index.awaiting(T, pattern_id) == {}
    assert index.owed("analysis", T) == 0
    assert index.overdue("memory", T, NOW, 10) == [pattern_id]
    assert knowledge.queries[0].startswith("test_assertion E   boom")


def test_work_that_is_done_or_held_by_another_is_not_done_again(index: RedisIndex) -> None:
    pattern_id = report(index, "1:aaaa")[0][1]
    analyst = ScriptedAnalyst()
    held = index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=LEASE_MS)

    assert desk(index, analyst).analyze(T, pattern_id, Clock()) == "not_due"
    assert index.finish(the(held))
    assert desk(index, analyst).analyze(T, pattern_id, Clock()) == "not_due"
    assert analyst.asked == []


def test_a_pattern_that_nobody_knows_is_no_work(index: RedisIndex, redis_client: Redis) -> None:
    redis_client.zadd("ci-memory:{default}:due:analysis", {"pat_000000000000": NOW})

    with pytest.raises(UnknownPattern, match="pat_000000000000"):
        desk(index, ScriptedAnalyst()).analyze(T, "pat_000000000000", Clock())
    assert index.owed("analysis", T) == 0


def sweep(index: RedisIndex, tenant: str, one: AnalysisDesk, clock: Clock) -> None:
    """What beat's ring does: all that is overdue, until nothing is."""
    for _ in range(20):
        due = index.overdue("analysis", tenant, clock(), 10)
        if not due:
            return
        for pattern_id in due:
            one.analyze(tenant, pattern_id, clock)
    raise AssertionError("work is owed for ever")


def deaths(after: bool) -> Iterator[tuple[str, Life]]:
    """A life that ends at its first step, one that ends at its second, …; each with a tenant of its own."""
    for step in range(1, 40):
        yield f"t{step}", Life(step, after=after)


@pytest.mark.parametrize("after", [False, True], ids=["before a step", "after a step"])
def test_whichever_step_a_worker_dies_at_one_analysis_is_kept_and_all_are_answered(
    index: RedisIndex, redis_client: Redis, after: bool
) -> None:
    for tenant, life in deaths(after):
        events = report(index, "1:aaaa", "1:aaaa", tenant=tenant)
        pattern_id, clock = events[0][1], Clock()
        knowledge, bell = mortal(CountingKnowledge(), life), mortal(RecordingBell(), life)
        dying = desk(mortal(index, life), mortal(ScriptedAnalyst(), life), knowledge=knowledge, bell=bell)
        died = True
        with suppress(Killed):
            dying.analyze(tenant, pattern_id, clock)
            died = False
        clock.forward(LEASE_MS + 1)
        sweep(index, tenant, desk(index, ScriptedAnalyst(AnalystAnswer(DIAGNOSIS, "model-y"))), clock)

        assert index.owed("analysis", tenant) == 0
        assert index.owed("memory", tenant) == 1
        answers = [the(answer_of(redis_client, event_id, tenant)) for event_id, _ in events]
        assert [reply.status for reply in answers] == ["new_pattern", "known_pattern"]
        assert the(index.pattern(tenant, pattern_id)).attempts == 1
        assert index.totals(tenant, NOW).diagnosed == 1
        if not died:
            return
    raise AssertionError("no life was long enough")


@pytest.mark.parametrize("after", [False, True], ids=["before a step", "after a step"])
def test_whichever_step_a_worker_dies_at_an_alias_is_merged_once_and_all_are_answered(
    index: RedisIndex, redis_client: Redis, after: bool
) -> None:
    for tenant, life in deaths(after):
        kept = report(index, "1:aaaa", tenant=tenant)[0][1]
        desk(index, ScriptedAnalyst()).analyze(tenant, kept, Clock())
        events = report(index, "1:bbbb", "1:bbbb", tenant=tenant, first_build=5)
        gone, clock = events[0][1], Clock()
        same = AnalystAnswer(DIAGNOSIS, "model-x", same_as=kept, reason="the same")
        knowledge = CountingKnowledge(candidates=[candidate(kept)])
        dying = desk(mortal(index, life), mortal(ScriptedAnalyst(same), life), knowledge=mortal(knowledge, life))
        died = True
        with suppress(Killed):
            dying.analyze(tenant, gone, clock)
            died = False
        clock.forward(LEASE_MS + 1)
        sweep(index, tenant, desk(index, ScriptedAnalyst(same), knowledge=knowledge), clock)

        assert the(index.pattern(tenant, kept)).occurrences == 3
        for event_id, _ in events:
            reply = answer_of(redis_client, event_id, tenant)
            assert reply is not None, f"nobody answers {event_id} after a death at step {life.steps}"
            assert (reply.status, reply.pattern_id) == ("known_pattern", kept)
        if not died:
            return
    raise AssertionError("no life was long enough")


@pytest.mark.parametrize("offered", [False, True], ids=["known but not offered", "offered but unknown"])
def test_an_alias_that_the_model_made_up_is_ignored(index: RedisIndex, offered: bool) -> None:
    other, pattern_id = report(index, "1:aaaa")[0][1], report(index, "1:bbbb", first_build=2)[0][1]
    same = "pat_000000000000" if offered else other
    knowledge = CountingKnowledge(candidates=[candidate(same)] if offered else [])

    outcome = desk(index, ScriptedAnalyst(AnalystAnswer(DIAGNOSIS, "x", same_as=same)), knowledge=knowledge).analyze(
        T, pattern_id, Clock()
    )

    assert (outcome, the(index.pattern(T, pattern_id)).merged_into) == ("analysed", "")


def test_a_worker_that_was_overtaken_changes_nothing(index: RedisIndex) -> None:
    pattern_id = report(index, "1:aaaa")[0][1]
    clock, others = Clock(), ScriptedAnalyst(AnalystAnswer(DIAGNOSIS, "model-y"))

    class Slow(ScriptedAnalyst):
        def analyze(self, *args: object) -> AnalystAnswer:
            clock.forward(LEASE_MS + 1)
            assert desk(index, others).analyze(T, pattern_id, clock) == "analysed"
            return AnalystAnswer(RULES, "model-x")

    assert desk(index, Slow()).analyze(T, pattern_id, clock) == "lease_lost"
    assert the(index.pattern(T, pattern_id)).analyst == "model-y"
    assert index.owed("analysis", T) == 0


def test_while_the_model_is_out_of_reach_rules_answer_and_it_is_asked_again_later(index: RedisIndex, redis_client: Redis) -> None:
    event_id, pattern_id = report(index, "1:aaaa")[0]
    clock, analyst = Clock(), ScriptedAnalyst(AnalystUnavailable("busy"), AnalystAnswer(DIAGNOSIS, "model-x"))
    one = desk(index, analyst)

    assert one.analyze(T, pattern_id, clock) == "provisional"
    first = the(answer_of(redis_client, event_id))
    assert (first.analyst, first.provisional, first.analysis) == ("rules", True, RULES)
    clock.forward(999)
    assert one.analyze(T, pattern_id, clock) == "not_due"
    clock.forward(1)
    assert one.analyze(T, pattern_id, clock) == "analysed"

    final = the(answer_of(redis_client, event_id))
    assert (final.status, final.analyst, final.provisional) == ("new_pattern", "model-x", False)
    assert (the(index.pattern(T, pattern_id)).attempts, index.totals(T, NOW).diagnosed) == (2, 1)


def test_what_fails_while_an_analysis_is_provisional_is_answered_at_once(index: RedisIndex) -> None:
    pattern_id = report(index, "1:aaaa")[0][1]
    desk(index, ScriptedAnalyst(AnalystUnavailable("busy"))).analyze(T, pattern_id, Clock())

    applied = index.apply(T, [failed("1:aaaa", build="9")], NOW)[0]

    assert (applied.outcome, the(applied.pattern).analysed) == ("known", "provisional")
    assert index.awaiting(T, pattern_id)[applied.event_id], "and it is told the final one when that is there"


def test_delays_grow_and_what_the_model_asks_for_is_honoured(index: RedisIndex) -> None:
    pattern_id = report(index, "1:aaaa")[0][1]
    clock = Clock()
    trouble = [AnalystUnavailable("busy"), AnalystUnavailable("busy"), AnalystUnavailable("busy", retry_after=90.0)]
    one = desk(index, ScriptedAnalyst(*trouble))

    waits = []
    for _ in trouble:
        assert one.analyze(T, pattern_id, clock) == "provisional"
        before = clock()
        while not index.overdue("analysis", T, clock(), 1):
            clock.forward(500)
        waits.append(clock() - before)

    assert waits == [1_000, 2_000, 90_000]


@pytest.mark.parametrize(
    ("error", "tries"), [(AnalystUnavailable("down"), 4), (AnalystMisbehaved("no JSON"), 3), (AnalystRefused("401"), 1)]
)
def test_after_so_many_tries_the_rules_analysis_stays(index: RedisIndex, error: Exception, tries: int) -> None:
    pattern_id = report(index, "1:aaaa")[0][1]
    clock, analyst = Clock(), ScriptedAnalyst(error)
    one = desk(index, analyst, max_attempts=4)

    results = []
    while index.owed("analysis", T):
        results.append(one.analyze(T, pattern_id, clock))
        clock.forward(HOUR_MS)

    assert results == ["provisional"] * (tries - 1) + ["analysed"]
    assert len(analyst.asked) == tries
    pattern = the(index.pattern(T, pattern_id))
    assert (pattern.analysed, pattern.analyst, pattern.attempts) == ("final", "rules", tries)


def test_a_playbook_that_is_out_of_reach_does_not_delay_the_answer(index: RedisIndex) -> None:
    pattern_id = report(index, "1:aaaa")[0][1]
    analyst = ScriptedAnalyst()

    outcome = desk(index, analyst, knowledge=CountingKnowledge(trouble=KnowledgeUnavailable("down"))).analyze(
        T, pattern_id, Clock()
    )

    assert outcome == "analysed"
    assert analyst.asked[0][1] == []


def mass(
    index: RedisIndex, *tests: str, text: str = "E   ConnectionError: db refused", build: str = "7"
) -> list[tuple[str, str]]:
    """Event ids and pattern ids of tests that fail in one run, in which most fail."""
    totals = {"tests": 12, "failed": 11}
    events = [
        failed(f"1:{name}", build=build, job="unit", test_id=name, run_totals=totals, error_message=f"FAILED {name}\n{text}")
        for name in tests
    ]
    return [(applied.event_id, applied.pattern_id) for applied in index.apply(T, events, NOW)]


def test_a_run_in_which_most_tests_fail_is_analysed_once(index: RedisIndex, redis_client: Redis) -> None:
    analyst, bell = ScriptedAnalyst(), RecordingBell()
    one, two, three = mass(index, "test_a", "test_b", "test_c")
    working = desk(index, analyst, bell=bell)

    assert [working.analyze(T, pattern_id, lambda: NOW) for _, pattern_id in (one, two, three)] == ["analysed"] * 3

    assert len(analyst.asked) == 1
    answers = [the(answer_of(redis_client, event_id)) for event_id, _ in (one, two, three)]
    assert {the(reply.analysis) for reply in answers} == {DIAGNOSIS}
    assert len({reply.pattern_id for reply in answers}) == 3, "each has its own fixes"


def test_tests_of_a_run_that_fail_for_other_reasons_are_analysed_on_their_own(index: RedisIndex) -> None:
    analyst = ScriptedAnalyst()
    ((_, one),) = mass(index, "test_a")
    ((_, two),) = mass(index, "test_b", text="E   assert 1 == 2")
    ((_, three),) = mass(index, "test_c", build="8")

    for pattern_id in (one, two, three):
        assert desk(index, analyst).analyze(T, pattern_id, lambda: NOW) == "analysed"

    assert len(analyst.asked) == 3


def test_who_waits_for_the_analysis_of_its_run_is_due_when_that_is_there(index: RedisIndex) -> None:
    bell, waits = RecordingBell(), []
    (_, one), (_, two) = mass(index, "test_a", "test_b")

    class Meanwhile(ScriptedAnalyst):
        def analyze(self, failure: FailureContext, candidates: Sequence[Candidate]) -> AnalystAnswer:
            waits.append(desk(index, ScriptedAnalyst()).analyze(T, two, lambda: NOW))
            return super().analyze(failure, candidates)

    assert desk(index, Meanwhile(), bell=bell).analyze(T, one, lambda: NOW) == "analysed"
    assert waits == ["waits_for_its_incident"]
    assert ("analysis", T, two) in bell.rings
    assert desk(index, ScriptedAnalyst(AnalystUnavailable("away"))).analyze(T, two, lambda: NOW) == "analysed"


def test_who_waits_for_an_analysis_that_never_comes_is_analysed_on_its_own(index: RedisIndex) -> None:
    analyst = ScriptedAnalyst()
    (_, one), (_, two) = mass(index, "test_a", "test_b")
    assert index.speaks_for(T, incident_of(index, one), one) == one

    assert desk(index, analyst).analyze(T, two, lambda: NOW) == "waits_for_its_incident"
    later = NOW + LEASE_MS
    assert desk(index, analyst).analyze(T, two, lambda: later) == "analysed"
    assert len(analyst.asked) == 1


def incident_of(index: RedisIndex, pattern_id: str) -> str:
    sample = the(index.sample(T, pattern_id))
    return incident(sample.mass_run, sample.error_message, sample.stack_trace)
