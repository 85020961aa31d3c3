"""What is written into Aegis: one reflection a pattern, one strategy a fix, each vote at most once, whatever dies."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from fakes import (
    DIAGNOSIS,
    NOW,
    CountingKnowledge,
    Killed,
    Life,
    T,
    archive_of,
    failed,
    fixed,
    mortal,
    open_index,
    passed,
    the,
)
from redis import Redis

from ci_memory_producers.events import ResolutionReceipt
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Fix, Pattern
from ci_memory_workers.domain.transitions import Attempt, Transition
from ci_memory_workers.errors import KnowledgeNotAsked, KnowledgeRefused, KnowledgeUnavailable
from ci_memory_workers.services.memory import LEASE_MS, RETRY_MS, Librarian, summary
from ci_memory_workers.services.ports import AnalystAnswer, Dated, Index, Knowledge
from ci_memory_workers.services.resolutions import fix_of

FLUSH_MS = 30_000


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def librarian(index: Index, knowledge: Knowledge) -> Librarian:
    return Librarian(index=index, knowledge=knowledge, archive=archive_of(index), flush_ms=FLUSH_MS)


def known(index: RedisIndex, fingerprint: str = "1:aaaa", *, tenant: str = T, final: bool = True) -> str:
    pattern_id = index.apply(tenant, [failed(fingerprint, tenant=tenant)], NOW)[0].pattern_id
    lease = the(index.take("analysis", tenant, pattern_id, now_ms=NOW, lease_ms=1_000))
    retry_ms = None if final else NOW + 1_000
    assert index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "model-x"), attempts=1, now_ms=NOW, retry_ms=retry_ms)
    if final:
        assert index.finish(lease)
    return pattern_id


def resolve(index: RedisIndex, pattern_id: str, description: str, *, tenant: str = T, now_ms: int = NOW) -> None:
    event = fixed(pattern_id, description)
    index.apply(tenant, [Dated(event, now_ms)], now_ms)
    lease = the(index.take("resolutions", tenant, event.event_id, now_ms=now_ms, lease_ms=1_000))
    receipt = ResolutionReceipt(status="recorded", event_id=event.event_id, pattern_id=pattern_id)
    assert index.apply_resolution(lease, fix_of(event, now_ms), event, receipt, now_ms=now_ms)


def state(index: RedisIndex, pattern_id: str, tenant: str = T) -> Pattern:
    return the(index.pattern(tenant, pattern_id))


def test_a_new_pattern_is_written_as_one_reflection_that_carries_its_id(index: RedisIndex) -> None:
    pattern_id, knowledge = known(index), CountingKnowledge()

    assert librarian(index, knowledge).sync(T, pattern_id, NOW) == "written"

    (reflection,) = knowledge.of("reflection", pattern_id)
    assert reflection.content.startswith(f"[{pattern_id}] test_assertion in test: E   boom")
    assert reflection.metadata["error_pattern"] == "test_assertion"
    assert reflection.metadata["occurrence_count"] == 1
    assert reflection.metadata["analysis"] == DIAGNOSIS.model_dump()
    assert index.owed("memory", T) == 0


def test_what_is_not_analysed_yet_is_not_written(index: RedisIndex, redis_client: Redis) -> None:
    pattern_id = index.apply(T, [failed()], NOW)[0].pattern_id
    redis_client.zadd("ci-memory:{default}:due:memory", {pattern_id: NOW})
    knowledge = CountingKnowledge()

    assert librarian(index, knowledge).sync(T, pattern_id, NOW) == "nothing_to_write"
    assert (knowledge.stored, index.owed("memory", T)) == ({}, 0)


def test_a_fix_is_written_as_a_strategy_and_voted_for(index: RedisIndex) -> None:
    pattern_id, knowledge = known(index), CountingKnowledge()
    resolve(index, pattern_id, "set AUTH_TOKEN")
    librarian(index, knowledge).sync(T, pattern_id, NOW)

    (strategy,) = knowledge.of("strategy", pattern_id)
    (reflection,) = knowledge.of("reflection", pattern_id)
    assert "fix by (config_change): set AUTH_TOKEN" in strategy.content
    assert (strategy.metadata["type"], strategy.metadata["stage"]) == ("ci_fix_strategy", "test")
    assert (strategy.votes, reflection.votes) == (["helpful"], ["helpful"])
    assert (reflection.metadata["status"], reflection.metadata["correct_approach"]) == ("resolved", "set AUTH_TOKEN")


def test_each_fix_gets_the_votes_that_were_cast_on_it(index: RedisIndex) -> None:
    pattern_id, knowledge = known(index), CountingKnowledge()
    resolve(index, pattern_id, "set AUTH_TOKEN")
    resolve(index, pattern_id, "set AUTH_USER", now_ms=NOW + 1)
    librarian(index, knowledge).sync(T, pattern_id, NOW + 1)

    votes = {one.content.partition("): ")[2]: one.votes for one in knowledge.of("strategy", pattern_id)}
    assert votes == {"set AUTH_TOKEN": ["helpful"], "set AUTH_USER": ["helpful"]}


def test_counters_are_written_as_they_are_and_not_added_up(index: RedisIndex) -> None:
    pattern_id, knowledge = known(index), CountingKnowledge()
    one = librarian(index, knowledge)
    one.sync(T, pattern_id, NOW)
    index.apply(T, [failed(build=str(n)) for n in range(2, 6)], NOW)
    later = index.overdue("memory", T, NOW + FLUSH_MS, 10)

    assert one.sync(T, later[0], NOW + FLUSH_MS) == "written"
    (reflection,) = knowledge.of("reflection", pattern_id)
    assert (reflection.metadata["occurrence_count"], reflection.metadata["episodes"]) == (5, 5)
    assert reflection.votes == ["helpful"] * 4


@pytest.mark.parametrize("after", [False, True], ids=["before a step", "after a step"])
def test_whichever_step_a_writer_dies_at_nothing_is_doubled_and_at_most_a_vote_is_lost(index: RedisIndex, after: bool) -> None:
    for step in range(1, 60):
        tenant, life, knowledge = f"t{step}", Life(step, after=after), CountingKnowledge()
        pattern_id = known(index, tenant=tenant)
        index.apply(tenant, [failed(tenant=tenant, build="2")], NOW)
        resolve(index, pattern_id, "set AUTH_TOKEN", tenant=tenant)
        died = True
        with suppress(Killed):
            librarian(mortal(index, life), mortal(knowledge, life)).sync(tenant, pattern_id, NOW)
            died = False
        later = NOW + LEASE_MS + 1
        for overdue in index.overdue("memory", tenant, later, 10):
            assert librarian(index, knowledge).sync(tenant, overdue, later) == "written"

        (reflection,) = knowledge.of("reflection", pattern_id)
        (strategy,) = knowledge.of("strategy", pattern_id)
        assert len(reflection.votes) <= 2
        assert len(strategy.votes) <= 1
        assert len(reflection.votes) + len(strategy.votes) >= 2
        assert reflection.metadata["occurrence_count"] == 2
        assert index.owed("memory", tenant) == 0
        if not died:
            return
    raise AssertionError("no life was long enough")


def test_while_one_writes_nobody_else_does_though_the_pattern_changes(index: RedisIndex) -> None:
    pattern_id, knowledge = known(index), CountingKnowledge()
    others: list[str] = []

    class Busy(CountingKnowledge):
        def add_reflection(self, tenant: str, content: str, **fields: object) -> str:
            resolve(index, pattern_id, "set AUTH_TOKEN", now_ms=NOW + 5)
            others.append(librarian(index, knowledge).sync(T, pattern_id, NOW + 5))
            return "mem-slow"

        def update_metadata(self, *_: object) -> None:
            pass

    librarian(index, Busy()).sync(T, pattern_id, NOW)

    assert others == ["not_due"]
    assert index.overdue("memory", T, NOW + FLUSH_MS, 10) == [pattern_id]
    assert librarian(index, CountingKnowledge()).sync(T, pattern_id, NOW + FLUSH_MS - 1) == "not_due"


def test_a_writer_that_was_overtaken_does_not_end_the_others_lease(index: RedisIndex) -> None:
    pattern_id = known(index)
    stale = the(index.take("memory", T, pattern_id, now_ms=NOW, lease_ms=LEASE_MS))
    fresh = the(index.take("memory", T, pattern_id, now_ms=NOW + LEASE_MS, lease_ms=LEASE_MS))

    assert not index.finish(stale, revision=state(index, pattern_id).revision)
    assert index.owed("memory", T) == 1
    assert index.finish(fresh)


@pytest.mark.parametrize("trouble", [KnowledgeUnavailable("down"), KnowledgeNotAsked("nobody listens")])
def test_while_aegis_is_out_of_reach_everything_stays_owed(index: RedisIndex, trouble: Exception) -> None:
    pattern_id, knowledge = known(index), CountingKnowledge(trouble=trouble)
    resolve(index, pattern_id, "set AUTH_TOKEN")
    one = librarian(index, knowledge)

    assert one.sync(T, pattern_id, NOW) == getattr(trouble, "reason", None)
    assert one.sync(T, pattern_id, NOW + RETRY_MS - 1) == "not_due"
    knowledge.trouble = None
    assert one.sync(T, pattern_id, NOW + RETRY_MS) == "written"
    assert knowledge.of("strategy", pattern_id)[0].votes == ["helpful"]


def test_it_comes_back_no_sooner_than_aegis_asks_for(index: RedisIndex) -> None:
    pattern_id = known(index)
    knowledge = CountingKnowledge(trouble=KnowledgeUnavailable("429", retry_after=60.0))
    librarian(index, knowledge).sync(T, pattern_id, NOW)

    assert index.overdue("memory", T, NOW + 59_999, 10) == []
    assert index.overdue("memory", T, NOW + 60_000, 10) == [pattern_id]


def test_a_vote_that_was_not_sent_is_cast_later_and_one_that_may_have_been_is_not(index: RedisIndex) -> None:
    pattern_id, knowledge = known(index), CountingKnowledge(vote_trouble=KnowledgeNotAsked("rate"))
    resolve(index, pattern_id, "set AUTH_TOKEN")
    one = librarian(index, knowledge)
    one.sync(T, pattern_id, NOW)
    knowledge.vote_trouble = KnowledgeUnavailable("timeout")

    assert one.sync(T, pattern_id, NOW + RETRY_MS) == "written"
    knowledge.vote_trouble = None
    resolve(index, pattern_id, "set AUTH_USER", now_ms=NOW + RETRY_MS)
    one.sync(T, pattern_id, NOW + RETRY_MS)

    assert knowledge.of("reflection", pattern_id)[0].votes == ["helpful"]


def test_what_aegis_refuses_is_given_up_until_the_pattern_changes(index: RedisIndex) -> None:
    pattern_id, knowledge = known(index), CountingKnowledge(trouble=KnowledgeRefused("422"))
    one = librarian(index, knowledge)

    assert one.sync(T, pattern_id, NOW) == "knowledge_refused"
    assert index.owed("memory", T) == 0
    index.apply(T, [failed(build="2")], NOW)
    assert index.owed("memory", T) == 1


def test_a_deprecated_pattern_leaves_the_playbook_and_one_that_recurs_comes_back(index: RedisIndex) -> None:
    pattern_id, knowledge = known(index), CountingKnowledge()
    one = librarian(index, knowledge)
    one.sync(T, pattern_id, NOW)
    assert index.set_status(T, state(index, pattern_id), "deprecated", reason="not seen for 90 days", now_ms=NOW)
    one.sync(T, pattern_id, NOW)

    (reflection,) = knowledge.of("reflection", pattern_id)
    assert (reflection.deprecated, reflection.metadata["status_reason"]) == (True, "not seen for 90 days")

    index.apply(T, [failed(build="2")], NOW)
    one.sync(T, pattern_id, NOW + FLUSH_MS)

    (_, again) = knowledge.of("reflection", pattern_id)
    assert (again.deprecated, again.metadata["status"], again.metadata["status_reason"]) == (False, "unresolved", "")


def test_a_pattern_that_was_merged_leaves_the_playbook_and_its_votes_to_the_one_that_stays(index: RedisIndex) -> None:
    kept, gone, knowledge = known(index, "1:aaaa"), known(index, "1:bbbb", final=False), CountingKnowledge()
    one = librarian(index, knowledge)
    for pattern_id in (kept, gone):
        one.sync(T, pattern_id, NOW)
    index.apply(T, [failed("1:bbbb", build="2"), passed(build="2", attempt=2)], NOW)
    lease = the(index.take("analysis", T, gone, now_ms=NOW + 1_000, lease_ms=1_000))
    assert index.merge(lease, kept, reason="the same", now_ms=NOW)
    for pattern_id in index.overdue("memory", T, NOW + FLUSH_MS, 10):
        one.sync(T, pattern_id, NOW + FLUSH_MS)

    (merged,) = knowledge.of("reflection", gone)
    (stays,) = knowledge.of("reflection", kept)
    assert stays.metadata["occurrence_count"] == 3
    assert sorted(merged.votes + stays.votes) == ["harmful", "helpful"]
    assert merged.deprecated


def test_the_summary_holds_only_what_json_and_aegis_can_hold(index: RedisIndex) -> None:
    pattern_id = known(index)
    resolve(index, pattern_id, "set AUTH_TOKEN")

    data = summary(state(index, pattern_id))

    assert all(isinstance(value, str | int | dict) for value in data.values())
    assert len(data) <= 50
    assert data["resolved_at"] == data["last_seen"] == "2027-01-15T08:00:00.000+00:00"


def test_a_fix_that_is_told_in_other_words_has_one_strategy_in_the_words_of_now(index: RedisIndex) -> None:
    knowledge, pattern_id = CountingKnowledge(), known(index)

    def tried(repo: str, words: str, verdict: Any) -> None:
        first, passing = (Attempt(run, 1, f"c{run}", NOW, passed=run == 2) for run in (1, 2))
        fix = Fix("learned1", "code_change", words, "c2", "dev@example.com", repo, NOW, learned=True)
        transition = Transition(pattern_id, "fix", first, first, passing, error_changed=False, verdict=verdict)
        assert index.record_trial(T, transition, repo, fix, now_ms=NOW)
        assert librarian(index, knowledge).sync(T, pattern_id, NOW) == "written"

    tried("acme/shop", "wait longer", "failed")
    tried("acme/cart", "close the socket", "worked")

    strategies = knowledge.of("strategy", pattern_id)
    assert [("wait longer" in one.content, one.deprecated) for one in strategies] == [(True, True), (False, False)]
    assert "close the socket" in strategies[1].content
