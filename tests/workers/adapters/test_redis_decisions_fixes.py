"""Vetoes, pins, what is forgotten, what is refused and what is journalled, on a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fakes import DIAGNOSIS, NOW, T, failed, fixed, open_index, passed, the
from known_patterns import NOBODY, alias, fix_of_pattern, known, report, state
from redis import Redis

from ci_memory_producers.events import ResolutionReceipt
from ci_memory_workers.adapters.redis_decisions import RedisDecisions
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Ruling
from ci_memory_workers.domain.transitions import Attempt, Transition
from ci_memory_workers.errors import DecisionRefused, UnknownFix, UnknownPattern
from ci_memory_workers.services.ports import AnalystAnswer, Dated
from ci_memory_workers.services.resolutions import fix_of

WHY = Ruling(by="dev@example.com", why="not the same cause", ms=NOW + 7)


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


@pytest.fixture
def decisions(redis_client: Redis) -> RedisDecisions:
    return RedisDecisions(redis_client)


def journal(client: Redis) -> list[dict[str, str]]:
    rows: Any = client.xrange("ci-memory:{default}:journal")
    entries = [{name.decode(): value.decode() for name, value in fields.items()} for _, fields in rows]
    return [entry for entry in entries if entry["kind"] == "decision"]


def test_a_vetoed_fix_is_not_suggested_however_often_it_is_reported(index: RedisIndex, decisions: RedisDecisions) -> None:
    pattern_id = known(index, "1:aaaa")
    bad = report(index, pattern_id, "retry it")
    good = report(index, pattern_id, "set AUTH_TOKEN", now_ms=NOW + 1)
    report(index, pattern_id, "retry it", now_ms=NOW + 2)
    assert the(state(index, pattern_id).fix).fix_id == bad

    assert decisions.about_fix(T, pattern_id, bad, "veto", WHY) == pattern_id

    assert the(state(index, pattern_id).fix).fix_id == good
    for again in range(3):
        report(index, pattern_id, "retry it", repo=f"acme/r{again}", now_ms=NOW + 3)
    applied = index.apply(T, [failed("1:aaaa", build="9")], NOW)[0].pattern
    assert the(the(applied).fix).fix_id == good
    fix = fix_of_pattern(index, pattern_id, bad)
    assert (fix.vetoed, fix.veto, fix.worked) == (True, WHY, 5)


def test_a_vetoed_fix_alone_leaves_nothing_to_suggest_until_the_veto_is_lifted(
    index: RedisIndex, decisions: RedisDecisions
) -> None:
    pattern_id = known(index, "1:aaaa")
    fix_id = report(index, pattern_id, "retry it")

    decisions.about_fix(T, pattern_id, fix_id, "veto", WHY)
    assert state(index, pattern_id).fix is None

    decisions.about_fix(T, pattern_id, fix_id, "lift", WHY)
    assert the(state(index, pattern_id).fix).fix_id == fix_id


def test_a_pinned_fix_comes_first_whatever_the_outcomes_say_until_it_is_unpinned(
    index: RedisIndex, decisions: RedisDecisions
) -> None:
    pattern_id = known(index, "1:aaaa")
    pinned = report(index, pattern_id, "set AUTH_TOKEN")
    for repo in ("acme/a", "acme/b", "acme/c"):
        proven = report(index, pattern_id, "retry it", repo=repo, now_ms=NOW + 1)
    assert the(state(index, pattern_id).fix).fix_id == proven

    decisions.about_fix(T, pattern_id, pinned, "pin", WHY)
    assert the(state(index, pattern_id).fix).pin == WHY
    assert the(state(index, pattern_id).fix).fix_id == pinned

    decisions.about_fix(T, pattern_id, pinned, "unpin", WHY)
    assert the(state(index, pattern_id).fix).fix_id == proven


def test_one_pin_at_a_time_and_a_veto_takes_it_off(index: RedisIndex, decisions: RedisDecisions) -> None:
    pattern_id = known(index, "1:aaaa")
    one, other = report(index, pattern_id, "set AUTH_TOKEN"), report(index, pattern_id, "retry it", now_ms=NOW + 1)
    decisions.about_fix(T, pattern_id, one, "pin", WHY)
    decisions.about_fix(T, pattern_id, other, "pin", WHY)

    assert [fix.fix_id for fix in state(index, pattern_id).fixes if fix.pinned] == [other]
    decisions.about_fix(T, pattern_id, other, "veto", WHY)
    assert not any(fix.pinned for fix in state(index, pattern_id).fixes)
    with pytest.raises(DecisionRefused, match=r"vetoed by dev@example\.com"):
        decisions.about_fix(T, pattern_id, other, "pin", WHY)


def test_what_was_said_of_fixes_moves_with_a_merge_and_back_with_a_split(index: RedisIndex, decisions: RedisDecisions) -> None:
    kept, gone = known(index, "1:aaaa"), known(index, "1:bbbb", build="2")
    bad, good = report(index, gone, "retry it"), report(index, gone, "set AUTH_TOKEN", now_ms=NOW + 1)
    decisions.about_fix(T, gone, bad, "veto", WHY)
    decisions.about_fix(T, gone, good, "pin", WHY)

    decisions.merge(T, gone, kept, WHY)
    assert fix_of_pattern(index, kept, bad).vetoed
    assert fix_of_pattern(index, kept, good).pinned
    decisions.split(T, gone, WHY)

    assert state(index, kept).fixes == ()
    assert (fix_of_pattern(index, gone, bad).vetoed, fix_of_pattern(index, gone, good).pinned) == (True, True)


def test_the_pattern_that_stays_has_the_say_where_both_have_one(index: RedisIndex, decisions: RedisDecisions) -> None:
    kept, gone = known(index, "1:aaaa"), known(index, "1:bbbb", build="2")
    for pattern_id in (kept, gone):
        fix_id = report(index, pattern_id, "retry it")
    other = report(index, gone, "set AUTH_TOKEN")
    decisions.about_fix(T, kept, fix_id, "pin", WHY)
    decisions.about_fix(T, gone, fix_id, "veto", WHY)
    decisions.about_fix(T, gone, other, "pin", WHY)

    decisions.merge(T, gone, kept, WHY)

    assert [fix.fix_id for fix in state(index, kept).fixes if fix.pinned] == [fix_id]
    assert not any(fix.vetoed for fix in state(index, kept).fixes)


def test_a_forgotten_pattern_is_new_when_it_recurs(index: RedisIndex, decisions: RedisDecisions) -> None:
    pattern_id, other = known(index, "1:aaaa"), known(index, "1:bbbb", build="2")
    decisions.merge(T, other, pattern_id, WHY)
    report(index, pattern_id, "retry it")

    decisions.forget(T, pattern_id, WHY)

    assert index.pattern(T, pattern_id) is None
    assert pattern_id not in index.pattern_ids(T, 10)
    assert (index.totals(T, NOW).fixes_worked, decisions.forgotten(T, pattern_id)) == (0, WHY)
    fresh = index.apply(T, [failed("1:aaaa", build="8"), failed("1:bbbb", build="8")], NOW)
    assert [one.outcome for one in fresh] == ["new", "new"]
    assert not {pattern_id, other} & {one.pattern_id for one in fresh}
    assert all(the(one.pattern).fixes == () and the(one.pattern).occurrences == 1 for one in fresh)
    assert pattern_id in index.overdue("memory", T, NOW + 60_000, 10), "its memories are to be withdrawn"


def test_nothing_brings_a_forgotten_pattern_back(index: RedisIndex, decisions: RedisDecisions, redis_client: Redis) -> None:
    pattern_id = index.apply(T, [failed("1:aaaa", job="unit")], NOW)[0].pattern_id
    event = fixed(pattern_id)
    index.apply(T, [Dated(event, NOW)], NOW)
    lease = the(index.take("resolutions", T, event.event_id, now_ms=NOW, lease_ms=1_000))
    held = the(index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1_000))
    decisions.forget(T, pattern_id, WHY)

    index.apply(T, [passed(job="unit", attempt=2)], NOW)
    receipt = ResolutionReceipt(status="recorded", event_id=event.event_id, pattern_id=pattern_id)
    assert index.apply_resolution(lease, fix_of(event, NOW), event, receipt, now_ms=NOW)
    assert not index.record_analysis(held, AnalystAnswer(DIAGNOSIS, "late"), attempts=1, now_ms=NOW)
    assert not index.record_rerun(T, rerun_of(pattern_id), "transition", repo="acme/shop", now_ms=NOW)
    assert index.apply(T, [Dated(fixed(pattern_id, "other"), NOW)], NOW)[0].outcome == "unknown_pattern"

    keys: list[bytes] = list(redis_client.scan_iter(f"*{pattern_id}*"))
    assert keys == []
    assert index.owed("resolutions", T) == 0


def test_an_event_that_nobody_answered_counts_anew_when_its_pattern_was_forgotten(
    index: RedisIndex, decisions: RedisDecisions
) -> None:
    pattern_id = index.apply(T, [failed("1:aaaa")], NOW)[0].pattern_id
    decisions.forget(T, pattern_id, WHY)

    assert index.apply(T, [failed("1:aaaa")], NOW)[0].outcome == "new"


def test_decisions_about_a_merged_pattern_mean_the_one_that_stays(index: RedisIndex, decisions: RedisDecisions) -> None:
    kept, gone = known(index, "1:aaaa"), known(index, "1:bbbb", build="2")
    fix_id = report(index, gone, "retry it")
    decisions.merge(T, gone, kept, WHY)

    assert decisions.about_fix(T, gone, fix_id, "pin", WHY) == kept
    with pytest.raises(DecisionRefused, match=f"merged into {kept} before"):
        decisions.forget(T, gone, WHY)
    with pytest.raises(DecisionRefused, match=f"merged into {kept} before"):
        decisions.merge(T, gone, known(index, "1:cccc", build="3"), WHY)


Decide = Callable[[RedisDecisions, str], object]
IMPOSSIBLE: dict[str, tuple[Decide, type[Exception], str]] = {
    "merge of nobody": (lambda d, one: d.merge(T, NOBODY, one, WHY), UnknownPattern, NOBODY),
    "merge into nobody": (lambda d, one: d.merge(T, one, NOBODY, WHY), UnknownPattern, NOBODY),
    "merge with itself": (lambda d, one: d.merge(T, one, one, WHY), DecisionRefused, "already"),
    "split of nobody": (lambda d, _: d.split(T, "1:ffff", WHY), UnknownPattern, "1:ffff"),
    "split of its own fingerprint": (lambda d, _: d.split(T, "1:aaaa", WHY), DecisionRefused, "own"),
    "split of what was not merged": (lambda d, one: d.split(T, one, WHY), DecisionRefused, "own"),
    "veto in nobody": (lambda d, _: d.about_fix(T, NOBODY, "f", "veto", WHY), UnknownPattern, NOBODY),
    "veto of no fix": (lambda d, one: d.about_fix(T, one, "f", "veto", WHY), UnknownFix, "no fix f"),
    "pin of no fix": (lambda d, one: d.about_fix(T, one, "f", "pin", WHY), UnknownFix, "patterns show"),
    "forget of nobody": (lambda d, _: d.forget(T, NOBODY, WHY), UnknownPattern, NOBODY),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    index: RedisIndex, decisions: RedisDecisions, redis_client: Redis, case: str
) -> None:
    decide, error, message = IMPOSSIBLE[case]
    pattern_id = known(index, "1:aaaa")
    before = state(index, pattern_id)

    with pytest.raises(error, match=message):
        decide(decisions, pattern_id)

    assert state(index, pattern_id) == before
    assert journal(redis_client) == []


@pytest.mark.parametrize("decision", ["lift", "unpin"])
def test_what_was_not_decided_can_not_be_taken_back(index: RedisIndex, decisions: RedisDecisions, decision: Any) -> None:
    pattern_id = known(index, "1:aaaa")
    fix_id = report(index, pattern_id, "retry it")

    with pytest.raises(DecisionRefused, match=f"{fix_id} of {pattern_id} is not"):
        decisions.about_fix(T, pattern_id, fix_id, decision, WHY)


def test_the_journal_says_who_decided_what_when_and_why(
    index: RedisIndex, decisions: RedisDecisions, redis_client: Redis
) -> None:
    kept, gone = known(index, "1:aaaa"), known(index, "1:bbbb", build="2")
    fix_id = report(index, kept, "retry it")
    decisions.merge(T, gone, kept, WHY)
    decisions.split(T, gone, WHY)
    for decision in ("pin", "unpin", "veto", "lift"):
        decisions.about_fix(T, kept, fix_id, decision, WHY)
    decisions.forget(T, kept, WHY)

    entries = journal(redis_client)

    assert [entry["decision"] for entry in entries] == ["merge", "split", "pin", "unpin", "veto", "lift", "forget"]
    assert {(entry["by"], entry["why"], entry["ms"]) for entry in entries} == {(WHY.by, WHY.why, str(WHY.ms))}
    assert (entries[0]["from"], entries[0]["into"], entries[0]["fingerprints"]) == (gone, kept, "1:bbbb")
    assert (entries[1]["pattern_id"], entries[1]["back"], entries[1]["fingerprints"]) == (kept, gone, "1:bbbb")
    assert (entries[4]["pattern_id"], entries[4]["fix_id"]) == (kept, fix_id)
    assert (entries[6]["pattern_id"], entries[6]["fingerprints"]) == (kept, "1:aaaa")


def test_what_holds_for_a_pattern_can_be_read_with_its_reasons(index: RedisIndex, decisions: RedisDecisions) -> None:
    kept, gone, third = known(index, "1:aaaa"), known(index, "1:bbbb", build="2"), known(index, "1:cccc", build="3")
    fourth, lease = alias(index, "1:dddd", kept)
    assert index.merge(lease, kept, reason="the same cause", now_ms=NOW)
    decisions.merge(T, gone, kept, WHY)
    decisions.merge(T, third, kept, WHY)
    decisions.split(T, third, WHY)

    standing = decisions.standing(T, kept)

    assert [(one.fingerprint, one.was) for one in standing.aliases] == [("1:bbbb", gone), ("1:dddd", fourth)]
    assert standing.aliases[0].ruling == WHY
    assert standing.aliases[1].ruling == Ruling(by="", why="the same cause", ms=NOW)
    assert {(one.fingerprint, one.other, one.pattern_id) for one in standing.apart} == {
        (own, "1:cccc", third) for own in ("1:aaaa", "1:bbbb", "1:dddd")
    }
    assert {one.ruling for one in standing.apart} == {WHY}
    assert decisions.standing(T, NOBODY).apart == ()


def test_decisions_of_one_tenant_say_nothing_to_another(index: RedisIndex, decisions: RedisDecisions) -> None:
    pattern_id = known(index, "1:aaaa")

    with pytest.raises(UnknownPattern):
        decisions.forget("another", pattern_id, WHY)
    assert state(index, pattern_id).pattern_id == pattern_id


def test_a_ruling_is_kept_as_it_was_said(index: RedisIndex, decisions: RedisDecisions) -> None:
    pattern_id = known(index, "1:aaaa")
    fix_id = report(index, pattern_id, "retry it")
    odd = Ruling(by='dev "D" <dev@example.com>', why="it isn't | the \\ cause \u2028 ü {}", ms=NOW)

    decisions.about_fix(T, pattern_id, fix_id, "veto", odd)

    assert fix_of_pattern(index, pattern_id, fix_id).veto == odd


def rerun_of(pattern_id: str) -> Transition:
    first, passing = (Attempt(run, 1, "c1", NOW, passed=run == 2) for run in (1, 2))
    return Transition(pattern_id, "rerun", first, first, passing, error_changed=False, verdict="pending")
