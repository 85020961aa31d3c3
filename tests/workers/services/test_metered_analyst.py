"""The language model is asked when it may be; when it may not, rules answer and say why, and it is asked later."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import (
    DIAGNOSIS,
    HOUR_MS,
    NOW,
    RULES,
    Clock,
    CountingKnowledge,
    RecordingBell,
    ScriptedAnalyst,
    T,
    failed,
    open_index,
    the,
)
from redis import Redis

from ci_memory_producers.events import ANSWER, Analysis
from ci_memory_producers.keys import result_key
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.adapters.redis_llm_lane import RedisLlmLane
from ci_memory_workers.adapters.redis_meters import RedisMeters
from ci_memory_workers.domain.llm_limits import LlmLimits, estimated_tokens
from ci_memory_workers.errors import AnalystRefused, AnalystUnavailable
from ci_memory_workers.services.analysis import MOST_CRASHES, AnalysisDesk
from ci_memory_workers.services.metered_analyst import MOST_CHARS, MeteredAnalyst
from ci_memory_workers.services.ports import Analyst, AnalystAnswer, FailureContext

ANSWERED = AnalystAnswer(DIAGNOSIS, "model-x", tokens=2_000)


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def metered(client: Redis, analyst: Analyst, clock: Clock, **limits: Any) -> MeteredAnalyst:
    usual: dict[str, Any] = {"rate_per_minute": 600, "tokens_per_day": 0, "failures": 3, "pause_s": 10.0}
    lane = RedisLlmLane(client, LlmLimits(**{**usual, "longest_pause_s": 60, "call_s": 30, **limits}))
    return MeteredAnalyst(analyst, lane, clock, RedisMeters(client))


def desk(index: RedisIndex, analyst: Analyst, max_attempts: int = 12) -> AnalysisDesk:
    return AnalysisDesk(
        index=index,
        knowledge=CountingKnowledge(),
        analyst=analyst,
        rules=ScriptedAnalyst(AnalystAnswer(RULES, "rules"), name="rules"),
        bell=RecordingBell(),
        lease_ms=60_000,
        max_attempts=max_attempts,
        jitter=lambda: 0.0,
    )


def report(index: RedisIndex, *fingerprints: str) -> list[tuple[str, str]]:
    events = [failed(fingerprint, build=str(n)) for n, fingerprint in enumerate(fingerprints)]
    return [(applied.event_id, applied.pattern_id) for applied in index.apply(T, events, NOW)]


def answer_of(client: Redis, event_id: str) -> Analysis:
    data: Any = client.get(result_key(T, event_id))
    found = ANSWER.validate_json(data)
    assert isinstance(found, Analysis)
    return found


def work_off(index: RedisIndex, one: AnalysisDesk, clock: Clock) -> list[str]:
    """What beat's ring does at this moment."""
    return [one.analyze(T, pattern_id, clock) for pattern_id in index.overdue("analysis", T, clock(), 100)]


def test_when_the_budget_is_spent_rules_answer_say_so_and_the_model_follows_the_day_after(
    index: RedisIndex, redis_client: Redis
) -> None:
    (_, _), (second, _) = report(index, "1:aaaa", "1:bbbb")
    clock, model = Clock(), ScriptedAnalyst(ANSWERED)
    one = desk(index, metered(redis_client, model, clock, tokens_per_day=3_000))

    assert sorted(work_off(index, one, clock)) == ["analysed", "provisional"]
    said = next(a for e, _ in report(index, "1:aaaa", "1:bbbb") if (a := answer_of(redis_client, e)).analyst == "rules")
    assert (said.provisional, said.analysis) == (True, RULES)
    assert "budget of today is spent: rules answered, its analysis follows" in said.message

    for _ in range(24):
        clock.forward(HOUR_MS)
        work_off(index, one, clock)

    assert answer_of(redis_client, second).analyst == "model-x"
    assert (len(model.asked), index.owed("analysis", T)) == (2, 0)


def test_waiting_for_the_budget_uses_up_no_try_and_looks_like_no_crash(index: RedisIndex, redis_client: Redis) -> None:
    ((event_id, pattern_id),) = report(index, "1:aaaa")
    clock, model = Clock(), ScriptedAnalyst(ANSWERED)
    closed = desk(index, metered(redis_client, model, clock, tokens_per_day=1), max_attempts=2)

    for _ in range(MOST_CRASHES + 20):
        assert work_off(index, closed, clock) in (["provisional"], ["put_off"])
        clock.forward(HOUR_MS)

    waiting = the(index.pattern(T, pattern_id))
    assert (waiting.analysed, waiting.attempts, waiting.takes) == ("provisional", 0, 0)
    raised = desk(index, metered(redis_client, model, clock, tokens_per_day=100_000), max_attempts=2)
    assert work_off(index, raised, clock) == ["analysed"]
    assert answer_of(redis_client, event_id).analyst == "model-x"


def test_what_is_put_off_again_and_again_is_written_once(index: RedisIndex, redis_client: Redis) -> None:
    ((_, pattern_id),) = report(index, "1:aaaa")
    clock = Clock()
    closed = desk(index, metered(redis_client, ScriptedAnalyst(ANSWERED), clock, tokens_per_day=1))
    work_off(index, closed, clock)
    revision = the(index.pattern(T, pattern_id)).revision

    clock.forward(HOUR_MS)

    assert work_off(index, closed, clock) == ["put_off"]
    assert the(index.pattern(T, pattern_id)).revision == revision


def test_while_the_model_hangs_a_few_wait_for_it_and_all_others_are_answered_by_rules_without_asking(
    index: RedisIndex, redis_client: Redis
) -> None:
    events = report(index, *(f"1:{n:04d}" for n in range(20)))
    clock, model = Clock(), ScriptedAnalyst(*[AnalystUnavailable("hangs")] * 3, ANSWERED)
    one = desk(index, metered(redis_client, model, clock))

    assert work_off(index, one, clock) == ["provisional"] * 20

    assert len(model.asked) == 3
    assert {answer_of(redis_client, event_id).analyst for event_id, _ in events} == {"rules"}
    assert "out of reach: rules answered" in answer_of(redis_client, events[-1][0]).message
    for _ in range(60):
        clock.forward(1_000)
        work_off(index, one, clock)
    assert {answer_of(redis_client, event_id).analyst for event_id, _ in events} == {"model-x"}
    assert len(model.asked) == 3 + 20


def test_the_oldest_failure_is_analysed_first_when_the_model_is_back(index: RedisIndex, redis_client: Redis) -> None:
    ids = [index.apply(T, [failed(f"1:{n:04d}", build=str(n), ms=NOW + n)], NOW + n)[0].pattern_id for n in range(6)]
    clock, model = Clock(), ScriptedAnalyst(ANSWERED)
    closed = desk(index, metered(redis_client, model, clock, tokens_per_day=1))
    for pattern_id in reversed(ids):
        closed.analyze(T, pattern_id, clock)

    open_again = desk(index, metered(redis_client, model, clock, rate_per_minute=6))
    for _ in range(200):
        clock.forward(HOUR_MS // 10)
        work_off(index, open_again, clock)

    assert [failure.pattern_id for failure, _ in model.asked] == ids


def test_a_refusal_is_an_answer_and_no_reason_to_pause(index: RedisIndex, redis_client: Redis) -> None:
    report(index, *(f"1:{n:04d}" for n in range(5)))
    clock, model = Clock(), ScriptedAnalyst(*[AnalystRefused("no")] * 4, ANSWERED)

    assert work_off(index, desk(index, metered(redis_client, model, clock)), clock) == ["analysed"] * 5
    assert len(model.asked) == 5


def test_an_estimate_grows_with_what_is_sent_and_no_further() -> None:
    assert estimated_tokens(["x" * 3_000], most_chars=20_000) == estimated_tokens([""], most_chars=20_000) + 1_000
    assert estimated_tokens(["x" * 10**6], most_chars=20_000) == estimated_tokens(["x" * 20_000], most_chars=20_000)


def test_calls_are_measured_by_how_they_went_and_tokens_as_they_were_used_or_expected(redis_client: Redis) -> None:
    clock, meters = Clock(), RedisMeters(redis_client)
    model = metered(redis_client, ScriptedAnalyst(AnalystUnavailable("out of reach"), ANSWERED), clock)
    failure = FailureContext("pat_1", "test", "unknown", "none", "ValueError: the moon is full", first_ms=NOW)

    with pytest.raises(AnalystUnavailable):
        model.analyze(failure, [])
    model.analyze(failure, [])

    assert (meters.calls("failed").count, meters.calls("answered").count) == (1, 1)
    expected = estimated_tokens([failure.error_message], most_chars=MOST_CHARS)
    assert meters.llm_tokens() == expected + ANSWERED.tokens
