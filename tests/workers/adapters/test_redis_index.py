"""The index on a real server: exactly-once effects, counts, claims, leases, recurrence and flakiness."""

from __future__ import annotations

import pytest
from redis import Redis

from ci_memory_producers.events import Analysis, Diagnosis, FailureEvent, PassEvent, ResolutionEvent, ResolutionReceipt
from ci_memory_producers.keys import result_key, waiting_key, wake_key
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.pattern import Fix
from ci_memory_workers.services.ports import AnalystAnswer, Applied, Dated, PendingVote, Reading

T = "default"
NOW = 1_800_000_000_000
DIAGNOSIS = Diagnosis(summary="s", likely_cause="c", suggested_fix="f", prevention="p")


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return RedisIndex(redis_client, dedupe_seconds=3600, answer_seconds=3600, flush_ms=1000)


def failed(fingerprint: str = "1:aaaa", *, build: str = "1", repo: str = "acme/shop", ms: int = NOW, **fields: object) -> Reading:
    event = FailureEvent.model_validate(
        {"repo": repo, "build_id": build, "stage": "test", "error_message": f"E   boom {fingerprint}", **fields}
    )
    return Reading(event, ms, "test_assertion", "assertion", fingerprint, "", generic=False)


def passed(*, build: str = "1", repo: str = "acme/shop", **fields: object) -> Dated:
    return Dated(PassEvent.model_validate({"repo": repo, "build_id": build, "stage": "test", **fields}), NOW)


def only(applied: list[Applied]) -> Applied:
    assert len(applied) == 1
    return applied[0]


def pattern_of(index: RedisIndex, reading: Reading) -> str:
    return only(index.apply(T, [reading], NOW)).pattern_id


def analysed(index: RedisIndex, pattern_id: str) -> None:
    lease = index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1000)
    assert lease is not None
    assert index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "rules"), attempts=1, now_ms=NOW)
    assert index.finish(lease)


def resolved(index: RedisIndex, pattern_id: str, *, repo: str = "acme/shop", fix_id: str = "fix1", now_ms: int = NOW) -> None:
    event = ResolutionEvent(
        repo=repo, pattern_id=pattern_id, fix_type="code_change", fix_description=f"{fix_id} {now_ms}", fixed_by="dev@example.com"
    )
    assert only(index.apply(T, [Dated(event, now_ms)], now_ms)).outcome == "accepted"
    lease = index.take("resolutions", T, event.event_id, now_ms=now_ms, lease_ms=1000)
    assert lease is not None
    fix = Fix(fix_id, "code_change", event.fix_description, "", event.fixed_by, repo, now_ms)
    receipt = ResolutionReceipt(status="recorded", event_id=event.event_id, pattern_id=pattern_id)
    assert index.apply_resolution(lease, fix, event, receipt, now_ms=now_ms)


def votes_of(index: RedisIndex, pattern_id: str) -> list[PendingVote]:
    votes = []
    while vote := index.next_vote(T, pattern_id):
        votes.append(vote)
    return votes


def test_a_first_failure_makes_a_pattern_and_owes_its_analysis(index: RedisIndex) -> None:
    applied = only(index.apply(T, [failed()], NOW))

    assert applied.outcome == "new"
    assert applied.pattern is not None
    assert applied.pattern.occurrences == 1
    assert "boom 1:aaaa" in applied.pattern.headline
    assert index.overdue("analysis", T, NOW, 10) == [applied.pattern_id]


def test_the_same_event_again_changes_nothing_and_is_answered_as_before(index: RedisIndex) -> None:
    first = only(index.apply(T, [failed()], NOW))
    again = only(index.apply(T, [failed()], NOW))
    other = only(index.apply(T, [failed(build="2")], NOW))
    other_again = only(index.apply(T, [failed(build="2")], NOW))

    assert (again.outcome, again.pattern_id) == ("duplicate_new", first.pattern_id)
    assert (other.outcome, other_again.outcome) == ("known", "duplicate_known")
    assert other_again.pattern is not None
    assert other_again.pattern.occurrences == 2


def test_a_batch_may_hold_the_same_new_failure_many_times(index: RedisIndex) -> None:
    applied = index.apply(T, [failed(build=str(n)) for n in range(200)], NOW)

    assert [a.outcome for a in applied].count("new") == 1
    assert len({a.pattern_id for a in applied}) == 1
    pattern = index.pattern(T, applied[0].pattern_id)
    assert pattern is not None
    assert (pattern.occurrences, pattern.episodes, pattern.match_votes) == (200, 200, 199)


def test_a_fingerprint_that_this_process_forgot_to_send_is_sent_when_the_server_lost_it(
    index: RedisIndex, redis_client: Redis
) -> None:
    index.apply(T, [failed()], NOW)
    redis_client.flushall()

    applied = only(index.apply(T, [failed(build="2")], NOW))

    assert applied.outcome == "new"
    assert index.sample(T, applied.pattern_id) is not None


def test_only_one_worker_takes_what_is_due_until_the_lease_is_over(index: RedisIndex) -> None:
    pattern_id = pattern_of(index, failed())
    first = index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1000)
    second = index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1000)
    third = index.take("analysis", T, pattern_id, now_ms=NOW + 1001, lease_ms=1000)

    assert first is not None
    assert second is None
    assert third is not None
    assert third.token > first.token
    assert not index.record_analysis(first, AnalystAnswer(DIAGNOSIS, "late"), attempts=1, now_ms=NOW)
    assert index.record_analysis(third, AnalystAnswer(DIAGNOSIS, "rules"), attempts=1, now_ms=NOW)
    assert not index.finish(first)


def test_everybody_who_came_before_the_analysis_waits_for_it(index: RedisIndex) -> None:
    events = [failed(build=str(n)) for n in range(3)]
    applied = index.apply(T, events, NOW)

    waiting = index.awaiting(T, applied[0].pattern_id)

    assert waiting == {events[0].event.event_id: False, events[1].event.event_id: True, events[2].event.event_id: True}
    analysed(index, applied[0].pattern_id)
    index.answered(T, applied[0].pattern_id, list(waiting))
    assert index.awaiting(T, applied[0].pattern_id) == {}


def test_an_answer_wakes_only_who_waits(index: RedisIndex, redis_client: Redis) -> None:
    answers = [Analysis(status="pending", event_id=f"event-{n:03}") for n in range(2)]
    redis_client.set(waiting_key(T, "event-001"), "1")

    index.publish(T, answers)

    assert redis_client.exists(result_key(T, "event-000"), result_key(T, "event-001")) == 2
    assert redis_client.exists(wake_key(T, "event-000")) == 0
    assert redis_client.llen(wake_key(T, "event-001")) == 1


def test_a_failure_that_passes_in_a_later_attempt_is_one_flaky_episode_in_any_order(index: RedisIndex) -> None:
    first = pattern_of(index, failed("1:aaaa", build="7", attempt=1))
    index.apply(T, [passed(build="7", attempt=2), passed(build="7", attempt=3)], NOW)
    index.apply(T, [passed(build="8", attempt=2)], NOW)
    second = pattern_of(index, failed("1:bbbb", build="8", attempt=1))

    for pattern_id in (first, second):
        pattern = index.pattern(T, pattern_id)
        assert pattern is not None
        assert (pattern.flaky_episodes, pattern.episodes, pattern.status) == (1, 1, "flaky")
    assert set(index.quarantine_due(T, NOW, 10)) == {first, second}


def test_a_pass_of_another_job_another_test_or_an_earlier_attempt_is_no_flakiness(index: RedisIndex) -> None:
    pattern_id = pattern_of(index, failed(attempt=2, job="unit", test_id="tests/a.py::test_a"))
    others = [
        passed(attempt=3, job="lint"),
        passed(attempt=1, job="unit"),
        passed(attempt=3, job="unit", test_id="tests/a.py::test_b"),
    ]
    index.apply(T, list(others), NOW)

    pattern = index.pattern(T, pattern_id)

    assert pattern is not None
    assert pattern.flaky_episodes == 0
    index.apply(T, [passed(attempt=3, job="unit", test_id="tests/a.py::test_a")], NOW)
    pattern = index.pattern(T, pattern_id)
    assert pattern is not None
    assert pattern.flaky_episodes == 1


def test_match_votes_count_builds_not_events(index: RedisIndex) -> None:
    pattern_id = pattern_of(index, failed(build="1"))
    index.apply(T, [failed(build="2", job="a"), failed(build="2", job="b"), failed(build="3", job="a")], NOW)

    pattern = index.pattern(T, pattern_id)

    assert pattern is not None
    assert pattern.match_votes == 2
    votes = votes_of(index, pattern_id)
    assert [(vote.vote, vote.target) for vote in votes] == [("helpful", "reflection")] * 2
    assert index.next_vote(T, pattern_id) is None
    index.return_vote(T, pattern_id, votes[0])
    assert index.next_vote(T, pattern_id) == votes[0]


def test_a_resolution_is_applied_once_and_answers_the_next_failure(index: RedisIndex) -> None:
    pattern_id = pattern_of(index, failed())
    resolved(index, pattern_id)
    event = ResolutionEvent(repo="acme/shop", pattern_id=pattern_id, fix_type="code_change", fix_description="fix1 1800000000000",
                            fixed_by="dev@example.com")  # fmt: skip

    assert only(index.apply(T, [Dated(event, NOW)], NOW)).outcome == "duplicate_resolution"
    known = only(index.apply(T, [failed(build="2")], NOW)).pattern
    assert known is not None
    assert known.status == "resolved"
    assert known.fix is not None
    assert (known.fix.worked, known.fix.failed) == (1, 0)
    assert index.owed("resolutions", T) == 0


def test_a_resolution_of_an_unknown_pattern_changes_nothing(index: RedisIndex) -> None:
    event = ResolutionEvent(repo="acme/shop", pattern_id="pat_000000000000", fix_type="rerun")

    assert only(index.apply(T, [Dated(event, NOW)], NOW)).outcome == "unknown_pattern"
    assert only(index.apply(T, [Dated(event, NOW)], NOW)).outcome == "unknown_pattern"
    assert index.owed("resolutions", T) == 0


def test_a_fix_fails_when_the_failure_comes_back_in_more_than_three_builds_of_its_repository(index: RedisIndex) -> None:
    pattern_id = pattern_of(index, failed(commit_sha="c0"))
    resolved(index, pattern_id)
    later = NOW + 1
    index.apply(T, [failed(build="10", ms=later, commit_sha="c0")], later)
    index.apply(T, [failed(build=str(20 + n), ms=later, repo="acme/other", commit_sha=f"o{n}") for n in range(9)], later)
    index.apply(T, [failed(build="30", ms=later, job=job, commit_sha="c1") for job in ("a", "b", "c", "d", "e")], later)
    index.apply(T, [failed(build=str(40 + n), ms=later, commit_sha=f"c{n}") for n in (2, 3)], later)
    pattern = index.pattern(T, pattern_id)
    assert pattern is not None
    assert pattern.fix is not None
    assert (pattern.recurred, pattern.fix.failed) == (3, 0)

    index.apply(T, [failed(build="50", ms=later, commit_sha="c9")], later)

    pattern = index.pattern(T, pattern_id)
    assert pattern is not None
    assert pattern.fix is not None
    assert (pattern.recurred, pattern.fix.failed) == (4, 1)
    assert [v.vote for v in votes_of(index, pattern_id) if v.target == "strategy"] == ["helpful", "harmful"]


def test_a_merged_pattern_leaves_its_fingerprint_its_counts_and_its_waiters_to_the_other(index: RedisIndex) -> None:
    kept = pattern_of(index, failed("1:aaaa"))
    analysed(index, kept)
    applied = index.apply(T, [failed("1:bbbb", build=str(n), repo=f"acme/r{n}") for n in range(3)], NOW)
    gone = applied[0].pattern_id
    lease = index.take("analysis", T, gone, now_ms=NOW, lease_ms=1000)
    assert lease is not None

    assert index.merge(lease, kept, reason="the same", now_ms=NOW)

    pattern = index.pattern(T, kept)
    assert pattern is not None
    assert (pattern.occurrences, pattern.repositories, pattern.episodes) == (4, 4, 4)
    assert len(index.awaiting(T, kept)) >= 3
    assert only(index.apply(T, [failed("1:bbbb", build="9")], NOW)).pattern_id == kept
    assert only(index.apply(T, [failed("1:bbbb", build="0", repo="acme/r0")], NOW)).pattern_id == kept
    merged = index.pattern(T, gone)
    assert merged is not None
    assert merged.merged_into == kept


def test_a_sync_that_missed_a_change_is_due_again(index: RedisIndex) -> None:
    pattern_id = pattern_of(index, failed())
    analysed(index, pattern_id)
    pattern = index.pattern(T, pattern_id)
    lease = index.take("memory", T, pattern_id, now_ms=NOW, lease_ms=1000)
    assert pattern is not None
    assert lease is not None
    index.apply(T, [failed(build="2")], NOW)

    assert index.finish(lease, revision=pattern.revision, later_ms=NOW + 500)

    assert index.overdue("memory", T, NOW + 499, 10) == []
    assert index.overdue("memory", T, NOW + 500, 10) == [pattern_id]


def test_tenants_share_nothing(index: RedisIndex) -> None:
    mine = only(index.apply("mine", [failed()], NOW))
    yours = only(index.apply("yours", [failed()], NOW))

    assert (mine.outcome, yours.outcome) == ("new", "new")
    assert index.pattern("mine", yours.pattern_id) is None
    assert index.tenants() == ["mine", "yours"]


def test_aging_looks_only_at_what_is_due_and_a_pattern_that_recurs_comes_back(index: RedisIndex) -> None:
    old = pattern_of(index, failed("1:aaaa", ms=1000))
    pattern_of(index, failed("1:bbbb", ms=5000, build="2"))
    pattern = index.pattern(T, old)
    assert pattern is not None

    assert index.unseen_since(T, 4000, 10) == [old]
    assert index.set_status(T, pattern, "deprecated", reason="not seen for 90 days", now_ms=NOW, only_if_unseen=True)
    index.settled(T, [old], 4000)
    assert index.unseen_since(T, 4000, 10) == []
    assert old in index.pattern_ids(T, 10)

    index.apply(T, [failed("1:aaaa", build="3", ms=NOW)], NOW)
    pattern = index.pattern(T, old)
    assert pattern is not None
    assert (pattern.status, pattern.occurrences) == ("unresolved", 2)
    assert index.unseen_since(T, NOW, 10)[-1] == old


def test_a_status_is_not_changed_on_what_has_changed_meanwhile(index: RedisIndex) -> None:
    pattern_id = pattern_of(index, failed(ms=1000))
    pattern = index.pattern(T, pattern_id)
    assert pattern is not None
    index.apply(T, [failed(build="2", ms=2000)], NOW)

    assert not index.set_status(T, pattern, "deprecated", reason="old", now_ms=NOW, only_if_unseen=True)
    assert index.set_status(T, pattern, "flaky", reason="seen", now_ms=NOW)
    assert not index.set_status(T, pattern, "quarantined", reason="stale", now_ms=NOW)
