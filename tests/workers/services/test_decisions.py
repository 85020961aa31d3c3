"""What follows from a decision: who and why are asked for, analysts are overruled, Aegis forgets what a person took out."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from fakes import (
    DIAGNOSIS,
    NOW,
    Clock,
    CountingKnowledge,
    RecordingBell,
    ScriptedAnalyst,
    T,
    archive_of,
    failed,
    fixed,
    open_index,
    the,
    watch_of,
)
from known_patterns import Alike, known, report
from redis import Redis

from ci_memory_producers.events import ANSWER, ResolutionReceipt
from ci_memory_producers.keys import result_key
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.answer import answer
from ci_memory_workers.domain.pattern import Ruling
from ci_memory_workers.errors import DecisionRefused
from ci_memory_workers.services.analysis import AnalysisDesk
from ci_memory_workers.services.decisions import MOST_CHARACTERS, DecisionDesk, sound
from ci_memory_workers.services.memory import Librarian
from ci_memory_workers.services.ports import AnalystAnswer, Candidate, Dated, Lookalike
from ci_memory_workers.services.resolutions import ResolutionDesk

WHY = Ruling(by="dev@example.com", why="it hides the cause", ms=NOW)
LATER = NOW + 3_600_000


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


@pytest.fixture
def desk(redis_client: Redis) -> DecisionDesk:
    return DecisionDesk(RedisDecisions(redis_client))


@pytest.fixture
def knowledge() -> CountingKnowledge:
    return CountingKnowledge()


def write(index: RedisIndex, knowledge: CountingKnowledge, clock: Clock) -> None:
    """What beat's ring does: all that Aegis is owed, until nothing is."""
    for _ in range(20):
        clock.forward(60_000)
        for pattern_id in index.overdue("memory", T, clock(), 10):
            Librarian(index=index, knowledge=knowledge, archive=archive_of(index), flush_ms=1_000).sync(T, pattern_id, clock())
        if not index.owed("memory", T):
            return
    raise AssertionError("Aegis is owed something for ever")


def live(knowledge: CountingKnowledge, kind: str, pattern_ids: Iterable[str]) -> list[str]:
    """Which of these have a memory of ``kind`` in the playbook, one entry a memory."""
    return [one for one in pattern_ids for memory in knowledge.of(kind, one) if not memory.deprecated]


@pytest.mark.parametrize(("by", "why", "asked"), [("", "because", "--by"), (" \n", "because", "--by"), ("dev", " \t", "--why")])
def test_nobody_decides_and_nothing_is_decided_without_a_reason(by: str, why: str, asked: str) -> None:
    with pytest.raises(DecisionRefused, match=asked):
        sound(Ruling(by=by, why=why, ms=NOW))


def test_who_and_why_are_short_lines_without_secrets() -> None:
    ruling = sound(Ruling(by=" dev@example.com\n", why="the token was\npassword=hunter2hunter2 " + "x" * 9_000, ms=NOW))

    assert (ruling.by, ruling.ms) == ("dev@example.com", NOW)
    assert ruling.why.startswith("the token was password=[REDACTED")
    assert len(ruling.why) == MOST_CHARACTERS


def test_the_answer_says_who_pinned_its_fix_and_why(index: RedisIndex, desk: DecisionDesk) -> None:
    pattern_id = known(index)
    pinned = report(index, pattern_id, "set AUTH_TOKEN")
    report(index, pattern_id, "retry it", now_ms=NOW + 1)
    desk.about_fix(T, pattern_id, pinned, "pin", WHY)

    found = answer("event-0001", the(index.pattern(T, pattern_id)), known=True)

    assert found.suggested_fix == "set AUTH_TOKEN"
    assert the(found.evidence).note == "pinned by dev@example.com: it hides the cause"


def test_the_answer_says_who_vetoed_what_is_no_longer_suggested(index: RedisIndex, desk: DecisionDesk) -> None:
    pattern_id = known(index)
    fix_id = report(index, pattern_id, "retry it")
    desk.about_fix(T, pattern_id, fix_id, "veto", WHY)

    found = answer("event-0001", the(index.pattern(T, pattern_id)), known=True)

    assert (found.suggested_fix, found.confidence) == (DIAGNOSIS.suggested_fix, 0.0)
    assert "vetoed" in found.message
    assert the(found.evidence).source == "analysis"
    assert the(found.evidence).note == f"fix {fix_id} vetoed by dev@example.com: it hides the cause"


def test_the_strategy_of_a_vetoed_fix_leaves_the_playbook_and_comes_back_when_the_veto_is_lifted(
    index: RedisIndex, desk: DecisionDesk, knowledge: CountingKnowledge
) -> None:
    pattern_id, clock = known(index), Clock(LATER)
    fix_id = report(index, pattern_id, "retry it")
    write(index, knowledge, clock)
    (reflection,) = knowledge.of("reflection", pattern_id)
    assert reflection.metadata["correct_approach"] == "retry it"

    desk.about_fix(T, pattern_id, fix_id, "veto", WHY)
    write(index, knowledge, clock)
    report(index, pattern_id, "retry it", repo="acme/cart", now_ms=NOW + 2)
    write(index, knowledge, clock)

    assert live(knowledge, "strategy", [pattern_id]) == []
    assert (reflection.deprecated, reflection.metadata["correct_approach"]) == (False, "")

    desk.about_fix(T, pattern_id, fix_id, "lift", WHY)
    write(index, knowledge, clock)
    assert live(knowledge, "strategy", [pattern_id]) == [pattern_id]
    assert reflection.metadata["correct_approach"] == "retry it"


def test_a_strategy_that_a_killed_writer_left_is_withdrawn_too(
    index: RedisIndex, desk: DecisionDesk, knowledge: CountingKnowledge
) -> None:
    pattern_id = known(index)
    fix_id = report(index, pattern_id, "retry it")
    knowledge.add_strategy(T, f"[{pattern_id}] retry it", metadata={"fix_id": fix_id})

    desk.about_fix(T, pattern_id, fix_id, "veto", WHY)
    write(index, knowledge, Clock(LATER))

    assert live(knowledge, "strategy", [pattern_id]) == []


def test_the_memories_of_a_forgotten_pattern_leave_the_playbook(
    index: RedisIndex, desk: DecisionDesk, knowledge: CountingKnowledge
) -> None:
    pattern_id, clock = known(index), Clock(LATER)
    report(index, pattern_id, "retry it")
    write(index, knowledge, clock)

    desk.forget(T, pattern_id, WHY)
    write(index, knowledge, clock)
    fresh = known(index, build="2")
    write(index, knowledge, clock)

    assert live(knowledge, "reflection", [pattern_id, fresh]) == [fresh]
    assert live(knowledge, "strategy", [pattern_id, fresh]) == []


def test_what_is_written_while_a_pattern_is_forgotten_is_withdrawn(index: RedisIndex, desk: DecisionDesk) -> None:
    pattern_id = known(index)

    class Slow(CountingKnowledge):
        def add_reflection(self, tenant: str, content: str, **fields: object) -> str:
            desk.forget(T, pattern_id, WHY)
            return super().add_reflection(tenant, content, **fields)  # type: ignore[arg-type] # passed on as they came

    slow = Slow()
    write(index, slow, Clock(LATER))

    assert len(slow.of("reflection", pattern_id)) == 1
    assert live(slow, "reflection", [pattern_id]) == []


def test_memories_follow_a_merge_and_the_split_that_takes_it_back(
    index: RedisIndex, desk: DecisionDesk, knowledge: CountingKnowledge
) -> None:
    kept, gone, clock = known(index), known(index, "1:bbbb", build="2"), Clock(LATER)
    both = (kept, gone)
    report(index, gone, "pin pandas")
    write(index, knowledge, clock)
    assert (live(knowledge, "reflection", both), live(knowledge, "strategy", both)) == ([kept, gone], [gone])

    desk.merge(T, gone, kept, WHY)
    write(index, knowledge, clock)
    assert (live(knowledge, "reflection", both), live(knowledge, "strategy", both)) == ([kept], [kept])

    desk.split(T, gone, WHY)
    write(index, knowledge, clock)
    assert (live(knowledge, "reflection", both), live(knowledge, "strategy", both)) == ([kept, gone], [gone])


def test_a_merge_that_is_taken_back_while_memories_are_withdrawn_leaves_both(index: RedisIndex, desk: DecisionDesk) -> None:
    kept, gone, clock = known(index), known(index, "1:bbbb", build="2"), Clock(LATER)

    class Hasty(CountingKnowledge):
        def deprecate(self, tenant: str, memory_id: str) -> None:
            super().deprecate(tenant, memory_id)
            desk.split(T, gone, WHY)

    hasty = Hasty()
    write(index, hasty, clock)
    desk.merge(T, gone, kept, WHY)
    write(index, hasty, clock)

    assert live(hasty, "reflection", (kept, gone)) == [kept, gone]


def receipt_of(index: RedisIndex, client: Redis, pattern_id: str, description: str) -> ResolutionReceipt:
    event = fixed(pattern_id, description, repo="acme/cart")
    index.apply(T, [Dated(event, NOW)], NOW)
    ResolutionDesk(index=index, watch=watch_of(index), bell=RecordingBell()).apply(T, event.event_id, NOW)
    data = client.get(result_key(T, event.event_id))
    assert isinstance(data, bytes)
    found = ANSWER.validate_json(data)
    assert isinstance(found, ResolutionReceipt)
    return found


def test_who_reports_a_vetoed_fix_is_told_by_whom_and_why(index: RedisIndex, desk: DecisionDesk, redis_client: Redis) -> None:
    pattern_id = known(index)
    desk.about_fix(T, pattern_id, report(index, pattern_id, "retry it"), "veto", WHY)

    assert "dev@example.com has vetoed it (it hides the cause)" in receipt_of(index, redis_client, pattern_id, "retry it").message
    assert "is suggested" in receipt_of(index, redis_client, pattern_id, "set AUTH_TOKEN").message


def test_who_reports_a_fix_of_what_is_forgotten_meanwhile_is_told(
    index: RedisIndex, desk: DecisionDesk, redis_client: Redis
) -> None:
    pattern_id = known(index)
    event = fixed(pattern_id)
    index.apply(T, [Dated(event, NOW)], NOW)
    desk.forget(T, pattern_id, WHY)

    ResolutionDesk(index=index, watch=watch_of(index), bell=RecordingBell()).apply(T, event.event_id, NOW)

    data = redis_client.get(result_key(T, event.event_id))
    assert isinstance(data, bytes)
    assert b'"rejected"' in data
    assert index.pattern(T, pattern_id) is None


def analyst_desk(index: RedisIndex, knowledge: CountingKnowledge, same_as: str, alike: Alike | None = None) -> AnalysisDesk:
    analyst = ScriptedAnalyst(AnalystAnswer(DIAGNOSIS, "model-x", same_as=same_as or None, reason="the same"))
    bell, lookalikes = RecordingBell(), alike or Alike()
    return AnalysisDesk(
        index, knowledge, analyst, analyst, bell, lease_ms=1_000, max_attempts=4, jitter=lambda: 0.0, lookalikes=lookalikes
    )


def candidate(pattern_id: str) -> Candidate:
    return Candidate(pattern_id, "mem-0", f"[{pattern_id}] known", 0.0, "reflection")


def test_whom_a_person_keeps_apart_is_new_whatever_texts_and_models_say(
    index: RedisIndex, desk: DecisionDesk, redis_client: Redis
) -> None:
    kept, clock = known(index), Clock()
    knowledge = CountingKnowledge(candidates=[candidate(kept)])
    alike = Alike([Lookalike(kept, 0.99, accept=True, why="the same words")])
    (first,) = index.apply(T, [failed("1:bbbb", build="2")], NOW)
    assert analyst_desk(index, knowledge, kept, alike).analyze(T, first.pattern_id, clock) == "alias"
    assert alike.remembered == [first.pattern_id], "under its own id, for the day when it is split"
    desk.split(T, first.pattern_id, WHY)

    index.apply(T, [failed("1:bbbb", build="3")], NOW)
    assert analyst_desk(index, knowledge, kept, alike).analyze(T, first.pattern_id, clock) == "analysed"

    pattern = the(index.pattern(T, first.pattern_id))
    assert (pattern.analysed, pattern.analyst, pattern.merged_into, pattern.occurrences) == ("final", "model-x", "", 2)
    assert the(index.pattern(T, kept)).occurrences == 1


def test_what_looks_like_a_forgotten_or_merged_pattern_is_taken_for_what_stands_for_it_now(
    index: RedisIndex, desk: DecisionDesk
) -> None:
    forgotten, gone, kept = known(index), known(index, "1:bbbb", build="2"), known(index, "1:cccc", build="3")
    desk.forget(T, forgotten, WHY)
    desk.merge(T, gone, kept, WHY)
    alike = Alike([Lookalike(one, 0.99, accept=True, why="the same words") for one in (forgotten, gone)])
    (new,) = index.apply(T, [failed("1:dddd", build="4")], NOW)

    assert analyst_desk(index, CountingKnowledge(), "", alike).analyze(T, new.pattern_id, Clock()) == "alias"

    assert the(index.pattern(T, new.pattern_id)).merged_into == kept
