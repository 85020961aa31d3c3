"""A reported fix: applied once, whatever dies; a rerun says flaky and teaches nothing."""

from __future__ import annotations

from contextlib import suppress

import pytest
from fakes import (
    DIAGNOSIS,
    HOUR_MS,
    NOW,
    Clock,
    CountingKnowledge,
    Killed,
    Life,
    RecordingBell,
    ScriptedAnalyst,
    T,
    failed,
    fixed,
    mortal,
    open_index,
    the,
    watch_of,
)
from redis import Redis

from ci_memory_producers.events import ANSWER, Answer, ResolutionEvent, ResolutionReceipt
from ci_memory_producers.keys import result_key
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Pattern
from ci_memory_workers.errors import AnalystUnavailable
from ci_memory_workers.services.analysis import AnalysisDesk
from ci_memory_workers.services.ports import AnalystAnswer, Candidate, Dated
from ci_memory_workers.services.resolutions import LEASE_MS, ResolutionDesk, fix_of


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def known(index: RedisIndex, fingerprint: str = "1:aaaa", *, tenant: str = T, analyst: ScriptedAnalyst | None = None) -> str:
    """The id of a pattern that has been seen once and analysed."""
    pattern_id = index.apply(tenant, [failed(fingerprint, tenant=tenant)], NOW)[0].pattern_id
    analyse(index, pattern_id, tenant=tenant, analyst=analyst)
    return pattern_id


def analyse(
    index: RedisIndex,
    pattern_id: str,
    *,
    same_as: str | None = None,
    tenant: str = T,
    analyst: ScriptedAnalyst | None = None,
    now_ms: int = NOW,
) -> str:
    candidates = [Candidate(same_as, "mem-0", "", 0.0, "reflection")] if same_as else []
    model = analyst or ScriptedAnalyst(AnalystAnswer(DIAGNOSIS, "model-x", same_as=same_as))
    memory = CountingKnowledge(candidates=candidates)
    desk = AnalysisDesk(index, memory, model, ScriptedAnalyst(), RecordingBell(), 1_000, 9, lambda: 0.0)
    return desk.analyze(tenant, pattern_id, Clock(now_ms))


def accept(index: RedisIndex, event: ResolutionEvent, *, tenant: str = T) -> str:
    applied = index.apply(tenant, [Dated(event, NOW)], NOW)[0]
    assert applied.outcome == "accepted"
    return applied.event_id


def state(index: RedisIndex, pattern_id: str, tenant: str = T) -> Pattern:
    return the(index.pattern(tenant, pattern_id))


def receipt(client: Redis, event_id: str, tenant: str = T) -> Answer:
    data = client.get(result_key(tenant, event_id))
    assert isinstance(data, bytes), f"no receipt for {event_id}"
    return ANSWER.validate_json(data)


def test_a_fix_resolves_its_pattern_and_is_receipted(index: RedisIndex, redis_client: Redis) -> None:
    pattern_id = known(index)
    event_id, bell = accept(index, fixed(pattern_id, "set AUTH_TOKEN", fix_commit="abc123")), RecordingBell()

    assert ResolutionDesk(index, watch_of(index), bell).apply(T, event_id, NOW + 5) == "resolved"

    pattern = state(index, pattern_id)
    assert (pattern.status, len(pattern.fixes)) == ("resolved", 1)
    fix = the(pattern.fix)
    assert (fix.description, fix.commit, fix.fixed_by, fix.fix_type) == (
        "set AUTH_TOKEN",
        "abc123",
        "dev@example.com",
        "config_change",
    )
    assert (fix.resolved_ms, fix.worked, fix.failed) == (NOW + 5, 1, 0)
    said = receipt(redis_client, event_id)
    assert (said.status, said.pattern_id) == ("recorded", pattern_id)
    assert bell.rings == [("memory", T, pattern_id)]


def test_it_is_applied_once_however_often_it_is_rung_for(index: RedisIndex) -> None:
    pattern_id = known(index)
    event_id = accept(index, fixed(pattern_id))
    desk = ResolutionDesk(index, watch_of(index), RecordingBell())

    assert [desk.apply(T, event_id, NOW) for _ in range(3)] == ["resolved", "not_due", "not_due"]
    assert the(state(index, pattern_id).fix).worked == 1


def test_the_same_fix_reported_by_two_people_worked_twice(index: RedisIndex) -> None:
    pattern_id = known(index)
    desk = ResolutionDesk(index, watch_of(index), RecordingBell())
    for by in ("dev@example.com", "ops@example.com"):
        desk.apply(T, accept(index, fixed(pattern_id, fix_commit="abc123", fixed_by=by)), NOW)

    pattern = state(index, pattern_id)
    assert (len(pattern.fixes), the(pattern.fix).worked) == (1, 2)


def test_a_rerun_marks_the_pattern_flaky_and_teaches_no_fix(index: RedisIndex, redis_client: Redis) -> None:
    pattern_id = known(index)
    event_id = accept(index, fixed(pattern_id, "", fix_type="rerun"))

    assert ResolutionDesk(index, watch_of(index), RecordingBell()).apply(T, event_id, NOW) == "flaky"

    pattern = state(index, pattern_id)
    assert (pattern.status, pattern.flaky_episodes, pattern.fixes) == ("flaky", 1, ())
    assert "flaky" in receipt(redis_client, event_id).message
    vote = the(index.next_vote(T, pattern_id))
    assert (vote.vote, vote.target) == ("harmful", "reflection")
    assert index.next_vote(T, pattern_id) is None


def test_reruns_never_count_more_flaky_episodes_than_there_were_episodes(index: RedisIndex) -> None:
    pattern_id = known(index)
    for by in ("a@example.com", "b@example.com"):
        event_id = accept(index, fixed(pattern_id, "", fix_type="rerun", fixed_by=by))
        ResolutionDesk(index, watch_of(index), RecordingBell()).apply(T, event_id, NOW)

    assert state(index, pattern_id).flaky_episodes == 1


@pytest.mark.parametrize("after", [False, True], ids=["before a step", "after a step"])
@pytest.mark.parametrize("fix_type", ["config_change", "rerun"])
def test_whichever_step_a_worker_dies_at_a_resolution_is_applied_once_and_receipted(
    index: RedisIndex, redis_client: Redis, after: bool, fix_type: str
) -> None:
    for step in range(1, 20):
        tenant, life = f"t{step}", Life(step, after=after)
        pattern_id = known(index, tenant=tenant)
        event_id = accept(index, fixed(pattern_id, fix_type=fix_type), tenant=tenant)
        died = True
        with suppress(Killed):
            ResolutionDesk(mortal(index, life), watch_of(index), mortal(RecordingBell(), life)).apply(tenant, event_id, NOW)
            died = False
        later = NOW + LEASE_MS + 1
        for overdue in index.overdue("resolutions", tenant, later, 10):
            ResolutionDesk(index, watch_of(index), RecordingBell()).apply(tenant, overdue, later)

        pattern = state(index, pattern_id, tenant)
        outcome = (pattern.fix.worked if pattern.fix else 0, pattern.flaky_episodes)
        assert outcome == ((1, 0) if fix_type == "config_change" else (0, 1))
        assert index.owed("resolutions", tenant) == 0
        assert pattern_id in index.overdue("memory", tenant, later, 10)
        assert receipt(redis_client, event_id, tenant).status == "recorded"
        if not died:
            return
    raise AssertionError("no life was long enough")


def test_a_worker_that_was_overtaken_applies_nothing(index: RedisIndex) -> None:
    pattern_id = known(index)
    event = fixed(pattern_id)
    event_id = accept(index, event)
    stale = the(index.take("resolutions", T, event_id, now_ms=NOW, lease_ms=LEASE_MS))
    later = NOW + LEASE_MS + 1

    assert ResolutionDesk(index, watch_of(index), RecordingBell()).apply(T, event_id, later) == "resolved"
    receipt = ResolutionReceipt(status="recorded", event_id=event.event_id, pattern_id=pattern_id)
    assert not index.apply_resolution(stale, fix_of(event, NOW), event, receipt, now_ms=later)
    assert the(state(index, pattern_id).fix).worked == 1


def test_a_fix_of_a_pattern_that_was_merged_goes_to_the_one_that_stayed(index: RedisIndex) -> None:
    kept = known(index, "1:aaaa")
    gone = index.apply(T, [failed("1:bbbb", build="2")], NOW)[0].pattern_id
    event_id = accept(index, fixed(gone))
    assert analyse(index, gone, same_as=kept) == "alias"

    assert ResolutionDesk(index, watch_of(index), RecordingBell()).apply(T, event_id, NOW) == "resolved"

    assert state(index, kept).status == "resolved"
    assert state(index, gone).fixes == ()


def provisional(index: RedisIndex, fingerprint: str) -> str:
    """A pattern that rules have answered for, and whose analysis by the model is owed."""
    return known(index, fingerprint, analyst=ScriptedAnalyst(AnalystUnavailable("down")))


def test_a_fix_of_a_pattern_that_was_merged_twice_goes_to_the_one_that_stayed(index: RedisIndex) -> None:
    last, middle, first = known(index, "1:cccc"), provisional(index, "1:bbbb"), provisional(index, "1:aaaa")
    event_id = accept(index, fixed(first))
    assert analyse(index, first, same_as=middle, now_ms=NOW + HOUR_MS) == "alias"
    assert analyse(index, middle, same_as=last, now_ms=NOW + HOUR_MS) == "alias"

    ResolutionDesk(index, watch_of(index), RecordingBell()).apply(T, event_id, NOW)

    assert state(index, last).status == "resolved"
    assert state(index, middle).fixes == ()


def test_an_alias_of_an_alias_counts_for_the_one_that_stayed(index: RedisIndex) -> None:
    last, middle, first = known(index, "1:cccc"), provisional(index, "1:bbbb"), provisional(index, "1:aaaa")
    assert analyse(index, first, same_as=middle, now_ms=NOW + HOUR_MS) == "alias"
    assert analyse(index, middle, same_as=last, now_ms=NOW + HOUR_MS) == "alias"

    applied = index.apply(T, [failed("1:aaaa", build="4")], NOW)[0]

    assert applied.pattern_id == last
    assert state(index, last).occurrences == 4


def test_a_fix_is_not_lost_when_its_pattern_turns_out_to_be_another(index: RedisIndex) -> None:
    kept, gone = known(index, "1:aaaa"), provisional(index, "1:bbbb")
    ResolutionDesk(index, watch_of(index), RecordingBell()).apply(T, accept(index, fixed(gone, "set AUTH_TOKEN")), NOW)
    analyse(index, gone, same_as=kept, now_ms=NOW + HOUR_MS)

    applied = index.apply(T, [failed("1:bbbb", build="9")], NOW)[0]

    assert the(the(applied.pattern).fix).description == "set AUTH_TOKEN"
