"""What is written down with an answer: who is to be told, of what, and when; one atomic step, whatever comes first."""

from __future__ import annotations

import pytest
from fakes import NOW, T
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from ci_memory_producers.events import Analysis
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.adapters.redis_notices import RedisNotices
from ci_memory_workers.domain.notice import Noted, Notice, Place

QUIET_MS = 5_000
MOST_NOTICED = 64


class Written:
    """An index whose answers are noted, at a time that stands."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        self.now = NOW
        self.index = RedisIndex(
            client, dedupe_seconds=100, answer_seconds=100, flush_ms=0, notified={T}.__contains__, clock=lambda: self.now
        )
        self.notices = RedisNotices(client, kept_seconds=100)

    def due(self) -> list[str]:
        return self.index.overdue("notify", T, self.now, 100)

    def notice(self, work_id: str) -> Notice:
        found = self.notices.notice(T, work_id)
        assert found is not None
        return found


@pytest.fixture
def written(redis_client: Redis) -> Written:
    return Written(redis_client)


def place(run: int | None = 1, *, attempt: int = 1, ms: int = NOW, branch: str = "topic", **fields: str) -> Place:
    usual = {"repo": "acme/shop", "default_branch": "main", "commit": "a" * 40, "job": "unit", "provider": "github", "url": ""}
    return Place(**(usual | fields), branch=branch, build_id=str(run or ms), attempt=attempt, run_number=run, ms=ms)


def failure(event_id: str = "event-0001", at: Place | None = None, *, final: bool = True, test_id: str = "") -> Noted:
    return Noted(event_id, at or place(), False, test_id, final)


def passed(at: Place, event_id: str = "pass-0001") -> Noted:
    return Noted(event_id, at, True)


def answer(event_id: str = "event-0001", *, provisional: bool = False) -> Analysis:
    return Analysis(status="new_pattern", event_id=event_id, message="here", provisional=provisional)


def test_what_is_answered_is_due_and_has_its_place(written: Written) -> None:
    assert written.index.publish(T, [answer()], [failure(test_id="a|b")]) == [place().work_id]

    assert written.due() == [place().work_id]
    notice = written.notice(place().work_id)
    assert (notice.place, notice.events, notice.passed, notice.overtaken) == (place(), {"event-0001": "a|b"}, False, False)


def test_what_is_not_answered_yet_is_due_with_its_answer(written: Written) -> None:
    assert written.index.publish(T, [], [failure(final=False)]) == []
    assert written.due() == []

    assert written.index.publish(T, [answer(provisional=True)]) == [place().work_id]
    assert written.index.publish(T, [answer()]) == [place().work_id]


def test_an_answer_that_came_before_its_notice_makes_it_due(written: Written) -> None:
    written.index.publish(T, [answer()])
    assert written.due() == []

    assert written.index.publish(T, [], [failure()]) == [place().work_id]


def test_provisional_and_final_answers_of_one_batch_are_noted_alike(written: Written) -> None:
    other = place(2)
    due = written.index.publish(
        T, [answer(), answer("event-0002", provisional=True)], [failure(), failure("event-0002", other, final=False)]
    )

    assert sorted(due) == sorted([place().work_id, other.work_id])


def test_what_is_delivered_again_is_not_due_again(written: Written) -> None:
    written.index.publish(T, [answer()], [failure()])
    revision = written.notice(place().work_id).revision

    assert written.index.publish(T, [answer()], [failure()]) == []
    assert written.notice(place().work_id).revision == revision


def test_what_has_just_been_told_is_due_a_little_later(written: Written) -> None:
    written.index.publish(T, [answer()], [failure()])
    work_id = place().work_id
    lease = written.index.take("notify", T, work_id, now_ms=NOW, lease_ms=60_000)
    assert lease is not None
    written.notices.told(T, work_id, "chat", "digest", NOW)
    assert written.notices.finish(lease, revision=1, later_ms=NOW)
    assert written.index.owed("notify", T) == 0

    written.index.publish(T, [answer("event-0002")], [failure("event-0002")])
    assert written.due() == []
    written.now += QUIET_MS
    assert written.due() == [work_id]


def test_what_changes_while_it_is_told_is_due_again(written: Written) -> None:
    written.index.publish(T, [answer()], [failure()])
    work_id = place().work_id
    lease = written.index.take("notify", T, work_id, now_ms=NOW, lease_ms=60_000)
    assert lease is not None
    written.index.publish(T, [answer("event-0002")], [failure("event-0002")])
    assert written.due() == [], "somebody tells it now"

    assert written.notices.finish(lease, revision=1, later_ms=NOW + 7)
    written.now = NOW + 7
    assert written.due() == [work_id]
    assert not written.notices.finish(lease, revision=2, later_ms=NOW), "the lease has ended"


def test_a_pass_is_due_where_the_job_had_failed_before(written: Written) -> None:
    assert written.index.publish(T, [], [passed(place(1))]) == []
    written.index.publish(T, [answer()], [failure(at=place(2))])
    assert written.index.publish(T, [], [passed(place(1, attempt=2))]) == []

    assert written.index.publish(T, [], [passed(place(3), "pass-0003")]) == [place(3).work_id]
    assert written.notice(place(2).work_id).overtaken
    assert written.notice(place(3).work_id).passed
    assert written.index.publish(T, [], [passed(place(3), "pass-0003")]) == []
    assert written.index.publish(T, [], [passed(place(4), "pass-0004")]) == []


def test_runs_that_nobody_counts_are_told_apart_by_time(written: Written) -> None:
    written.index.publish(T, [answer()], [failure(at=place(None, ms=NOW))])

    assert written.index.publish(T, [], [passed(place(None, ms=NOW - 1))]) == []
    assert written.index.publish(T, [], [passed(place(None, ms=NOW + 1))]) == [place(None, ms=NOW + 1).work_id]


def test_a_failure_that_a_later_run_has_overtaken_is_not_due(written: Written) -> None:
    written.index.publish(T, [], [passed(place(9))])

    assert written.index.publish(T, [answer()], [failure(at=place(8))]) == []
    assert written.index.publish(T, [answer("event-0002")], [failure("event-0002", place(10))]) == [place(10).work_id]


def test_a_job_of_which_most_tests_fail_is_bounded(written: Written) -> None:
    ids = [f"event-{n:04}" for n in range(MOST_NOTICED + 10)]
    written.index.publish(T, [answer(one) for one in ids], [failure(one) for one in ids])

    notice = written.notice(place().work_id)
    assert list(notice.events) == ids[:MOST_NOTICED]
    assert notice.failures == MOST_NOTICED + 10


def test_of_a_tenant_that_nobody_is_told_of_nothing_is_kept(written: Written) -> None:
    assert written.index.publish("silent", [answer()]) == []

    assert list(written.client.scan_iter("*silent*")) == [b"ci-memory:{silent}:result:event-0001"]


def test_all_that_is_written_has_an_end(written: Written) -> None:
    written.index.publish(T, [answer(provisional=True)], [failure(final=False)])
    written.notices.told(T, place().work_id, "chat", "digest", NOW)
    written.notices.keep_change(T, place().line, "chat", 7)
    written.notices.put_job_line(T, place(), "new")

    kept = [key for key in written.client.scan_iter("*") if b"due:" not in key]
    assert len(kept) == 5
    assert all(int(written.client.ttl(key)) > 0 for key in kept)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(order=st.permutations([("fail", 1), ("pass", 2), ("fail", 3), ("fail", 4), ("pass", 5)]))
def test_in_whatever_order_runs_are_read_the_newest_alone_is_told(redis_client: Redis, order: list[tuple[str, int]]) -> None:
    redis_client.flushall()
    written = Written(redis_client)
    for what, run in order:
        event_id = f"event-000{run}"
        if what == "pass":
            written.index.publish(T, [], [passed(place(run), event_id)])
        else:
            written.index.publish(T, [answer(event_id)], [failure(event_id, place(run))])

    told = [work_id for work_id in written.due() if not written.notice(work_id).overtaken]
    assert told in ([], [place(5).work_id])
    assert written.notice(place(4).work_id).overtaken
