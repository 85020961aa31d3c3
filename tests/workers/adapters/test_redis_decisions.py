"""What a person decides, on a real server: merges and splits outrank fingerprints and analysts, and they stick."""

from __future__ import annotations

import pytest
from fakes import DIAGNOSIS, NOW, T, open_index, the
from known_patterns import NOBODY, alias, fix_of_pattern, known, report, seen, state
from redis import Redis

from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Ruling
from ci_memory_workers.errors import UnknownPattern
from ci_memory_workers.services.ports import AnalystAnswer

WHY = Ruling(by="dev@example.com", why="not the same cause", ms=NOW + 7)


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


@pytest.fixture
def decisions(redis_client: Redis) -> RedisDecisions:
    return RedisDecisions(redis_client)


def test_a_merge_moves_what_recognises_a_pattern_its_counts_and_its_fixes(index: RedisIndex, decisions: RedisDecisions) -> None:
    kept, gone = known(index, "1:aaaa"), known(index, "1:bbbb", build="2", repo="acme/cart")
    report(index, kept, "set AUTH_TOKEN")
    fix_id = report(index, gone, "pin pandas", repo="acme/cart")

    assert decisions.merge(T, gone, kept, WHY) == kept

    pattern = state(index, kept)
    assert (pattern.occurrences, pattern.episodes, pattern.repositories) == (2, 2, 2)
    assert fix_of_pattern(index, kept, fix_id).worked == 1
    assert {fix.description for fix in pattern.fixes} == {"set AUTH_TOKEN", "pin pandas"}
    assert seen(index, "1:bbbb", "9") == kept
    assert state(index, gone).merged_into == kept
    assert {gone, kept} <= set(index.overdue("memory", T, NOW + 60_000, 10))


def test_a_merge_needs_no_lease_and_takes_it_from_whoever_analyses(index: RedisIndex, decisions: RedisDecisions) -> None:
    kept, (gone, lease) = known(index, "1:aaaa"), alias(index, "1:bbbb", NOBODY)

    decisions.merge(T, gone, kept, WHY)

    assert not index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "late"), attempts=1, now_ms=NOW)
    assert list(index.awaiting(T, kept).values()) == [True], "who waited for the analysis is told of the other pattern"
    assert index.overdue("analysis", T, NOW + 60_000, 10) == [kept]


def test_a_split_gives_back_what_came_with_the_merge_and_keeps_the_rest(index: RedisIndex, decisions: RedisDecisions) -> None:
    kept, gone = known(index, "1:aaaa"), known(index, "1:bbbb", build="2", repo="acme/cart")
    stays, moves = report(index, kept, "set AUTH_TOKEN"), report(index, gone, "pin pandas", repo="acme/cart")
    before = (state(index, kept), state(index, gone), index.totals(T, NOW))
    decisions.merge(T, gone, kept, WHY)
    seen(index, "1:bbbb", "8")

    done = decisions.split(T, "1:bbbb", WHY)

    assert (done.left, done.back, done.fingerprints) == (kept, gone, ("1:bbbb",))
    one, other, totals = state(index, kept), state(index, gone), index.totals(T, NOW)
    assert [fix.fix_id for fix in one.fixes] == [stays]
    assert [(fix.fix_id, fix.worked) for fix in other.fixes] == [(moves, 1)]
    assert (one.occurrences, one.first_ms) == (before[0].occurrences + 1, before[0].first_ms)
    assert (other.occurrences, other.status, other.merged_into) == (1, "resolved", "")
    assert (totals.fixes_worked, totals.fixes_failed) == (before[2].fixes_worked, before[2].fixes_failed)
    assert seen(index, "1:bbbb", "9") == gone
    assert seen(index, "1:aaaa", "9") == kept


@pytest.mark.parametrize("by_id", [True, False], ids=["by pattern", "by fingerprint"])
def test_no_analyst_merges_what_a_person_has_split(index: RedisIndex, decisions: RedisDecisions, by_id: bool) -> None:
    kept, (gone, lease) = known(index, "1:aaaa"), alias(index, "1:bbbb", NOBODY)
    assert index.merge(lease, kept, reason="looks alike", now_ms=NOW)

    decisions.split(T, gone if by_id else "1:bbbb", WHY)

    assert gone in index.overdue("analysis", T, NOW + 60_000, 10), "it was never analysed for itself"
    again = the(index.take("analysis", T, gone, now_ms=NOW + 60_000, lease_ms=1_000))
    assert not index.merge(again, kept, reason="still looks alike", now_ms=NOW)
    assert index.record_analysis(again, AnalystAnswer(DIAGNOSIS, "model-x"), attempts=1, now_ms=NOW)
    assert seen(index, "1:bbbb", "9") == gone


def test_what_is_kept_apart_stays_so_for_the_patterns_that_come_after(index: RedisIndex, decisions: RedisDecisions) -> None:
    kept, gone = known(index, "1:aaaa"), known(index, "1:bbbb", build="2")
    decisions.merge(T, gone, kept, WHY)
    decisions.split(T, gone, WHY)
    decisions.forget(T, gone, WHY)
    third = known(index, "1:cccc", build="3")
    decisions.merge(T, kept, third, WHY)

    fresh, lease = alias(index, "1:bbbb", third)

    assert fresh not in (gone, kept, third)
    assert not index.merge(lease, kept, reason="the same", now_ms=NOW)
    assert not index.merge(lease, third, reason="the same", now_ms=NOW)


def test_a_person_may_merge_again_what_was_split_and_then_analysts_may_too(index: RedisIndex, decisions: RedisDecisions) -> None:
    kept, gone = known(index, "1:aaaa"), known(index, "1:bbbb", build="2")
    decisions.merge(T, gone, kept, WHY)
    decisions.split(T, gone, WHY)

    decisions.merge(T, gone, kept, WHY)

    assert seen(index, "1:bbbb", "9") == kept
    assert decisions.standing(T, kept).apart == ()


def test_a_chain_of_merges_comes_apart_in_any_order(index: RedisIndex, decisions: RedisDecisions) -> None:
    first, second, third = (known(index, f"1:{mark}", build=mark, repo=f"acme/{mark}") for mark in ("aaaa", "bbbb", "cccc"))
    fixes = [report(index, one, f"fix {one}", repo=f"acme/{one}") for one in (first, second, third)]
    decisions.merge(T, third, second, WHY)
    decisions.merge(T, second, first, WHY)
    assert state(index, first).occurrences == 3

    decisions.split(T, third, WHY)
    assert (state(index, first).occurrences, state(index, first).repositories) == (2, 2)
    assert (seen(index, "1:bbbb", "8"), seen(index, "1:cccc", "8")) == (first, third)
    decisions.split(T, second, WHY)

    for pattern_id, fix_id in zip((first, second, third), fixes, strict=True):
        pattern = state(index, pattern_id)
        assert [(fix.fix_id, fix.worked) for fix in pattern.fixes] == [(fix_id, 1)]
    assert [state(index, one).occurrences for one in (first, second, third)] == [2, 1, 2]
    assert seen(index, "1:bbbb", "9") == second


def test_the_merge_of_a_merged_pattern_is_taken_back_with_all_that_came_with_it(
    index: RedisIndex, decisions: RedisDecisions
) -> None:
    first, second, third = (known(index, f"1:{mark}", build=mark) for mark in ("aaaa", "bbbb", "cccc"))
    decisions.merge(T, third, second, WHY)
    decisions.merge(T, second, first, WHY)

    done = decisions.split(T, second, WHY)

    assert done.fingerprints == ("1:bbbb", "1:cccc")
    assert (seen(index, "1:bbbb", "9"), seen(index, "1:cccc", "9")) == (second, second)
    assert [state(index, one).occurrences for one in (first, second)] == [1, 4]


def test_what_was_merged_anew_does_not_leave_with_the_merge_that_it_came_by_first(
    index: RedisIndex, decisions: RedisDecisions
) -> None:
    first, second, third = (known(index, f"1:{mark}", build=mark) for mark in ("aaaa", "bbbb", "cccc"))
    fix_id = report(index, third, "pin pandas")
    decisions.merge(T, third, second, WHY)
    decisions.merge(T, second, first, WHY)
    decisions.split(T, third, WHY)
    decisions.merge(T, third, first, WHY)

    decisions.split(T, second, WHY)

    assert (seen(index, "1:bbbb", "9"), seen(index, "1:cccc", "9")) == (second, first)
    assert fix_of_pattern(index, first, fix_id).worked == 1
    assert state(index, second).fixes == ()


def test_where_the_text_of_a_split_pattern_is_gone_the_next_failure_makes_it(
    index: RedisIndex, decisions: RedisDecisions, redis_client: Redis
) -> None:
    kept, (gone, lease) = known(index, "1:aaaa"), alias(index, "1:bbbb", NOBODY)
    assert index.merge(lease, kept, reason="looks alike", now_ms=NOW)
    redis_client.delete(f"ci-memory:{{default}}:sample:{gone}")

    assert decisions.split(T, "1:bbbb", WHY).back == ""

    fresh, lease = alias(index, "1:bbbb", kept, build="9")
    assert fresh not in (kept, gone)
    assert index.sample(T, fresh) is not None
    assert not index.merge(lease, kept, reason="looks alike", now_ms=NOW)


def test_a_pattern_that_was_resolved_by_a_merge_alone_is_not_resolved_after_the_split(
    index: RedisIndex, decisions: RedisDecisions
) -> None:
    kept, gone = known(index, "1:aaaa"), known(index, "1:bbbb", build="2")
    report(index, gone, "pin pandas")
    decisions.merge(T, gone, kept, WHY)
    assert state(index, kept).status == "resolved"

    decisions.split(T, gone, WHY)

    assert (state(index, kept).status, state(index, gone).status) == ("unresolved", "resolved")
    assert state(index, kept).fix is None


def test_the_owner_of_a_merged_pattern_looks_after_the_one_that_stays_unless_that_has_one(
    index: RedisIndex, decisions: RedisDecisions
) -> None:
    kept, gone, third = known(index, "1:aaaa"), known(index, "1:bbbb", build="2"), known(index, "1:cccc", build="3")
    decisions.own(T, gone, "team-orders", WHY)
    decisions.own(T, third, "team-web", WHY)

    decisions.merge(T, gone, kept, WHY)
    decisions.merge(T, third, kept, WHY)

    assert state(index, kept).owner == "team-orders"
    assert decisions.own(T, gone, "", WHY) == kept
    assert state(index, kept).owner == ""
    with pytest.raises(UnknownPattern):
        decisions.own(T, "pat_unknown", "team-web", WHY)
