"""The story of a notification: what a comment and a status say, from a failure to the pass that ends it."""

from __future__ import annotations

import pytest
from fakes import NOW, Killed, ScriptedAnalyst, T
from notified_world import COMMENT, MINUTE_MS, STATUS, NotifiedWorld
from redis import Redis

from ci_memory_workers.errors import AnalystUnavailable, ChannelBusy, ChannelRefused
from ci_memory_workers.services.notify import MOST_TRIES, QUIET_MS
from ci_memory_workers.services.ports.breaker import Went

JOB = "CI / unit"


@pytest.fixture
def world(redis_client: Redis) -> NotifiedWorld:
    return NotifiedWorld(redis_client, COMMENT, STATUS)


def test_a_new_failure_is_told_when_its_answer_is_there_and_not_before(world: NotifiedWorld) -> None:
    world.fail()
    assert world.tell() == []

    world.analyse()
    (rung,) = [work_id for lane, _, work_id in world.bell.rings if lane == "notify"]
    assert world.tell() == ["told"]

    comment = world.host.comments[JOB]
    assert comment.startswith("### New failure\n")
    assert "- **What failed:** `assert 401 == 200`" in comment
    assert "- **Diagnosis** by `model-x`, not a proven fix: a summary" in comment
    assert "ci-memory patterns forget pat_" in comment
    assert f"(https://github.example.com/acme/shop/commit/{1:040x})" in comment
    assert world.host.statuses == [(f"{1:040x}", "new: a summary")]
    assert world.owed == 0
    assert world.desk.tell(T, rung, world.clock()) == "not_due"


def test_a_known_failure_is_told_at_once_with_its_fix(world: NotifiedWorld) -> None:
    world.fail()
    world.told_all()
    world.fixed()

    world.fail(branch="other", run=5)
    assert world.tell() == ["told"]

    assert "- **Fix:** set `AUTH_TOKEN`" in world.host.comments[JOB]
    assert "- **Seen before:** 2 times in 1 repository" in world.host.comments[JOB]
    assert "ci-memory patterns veto pat_" in world.host.comments[JOB]
    assert world.host.statuses[-1] == (f"{5:040x}", "known, fix: set AUTH_TOKEN")


def test_the_pass_of_the_job_resolves_its_comment_and_another_branchs_does_not(world: NotifiedWorld) -> None:
    world.fail()
    world.told_all()

    world.passes(branch="elsewhere", run=2)
    assert world.tell() == []
    world.passes(run=3, test_id="test_one")
    assert world.tell() == []
    world.passes(run=4)
    assert world.tell() == ["told"]

    assert world.host.comments == {JOB: f"resolved at {4:040x}"}
    assert world.host.statuses[-1] == (f"{4:040x}", "passes")
    world.passes(run=5)
    assert world.tell() == []


def test_where_branches_are_unknown_the_commit_leads_to_the_comment_that_is_resolved(world: NotifiedWorld) -> None:
    world.passes(branch="", run=1)
    assert world.tell() == []
    world.fail(branch="", run=2)
    world.told_all()
    assert world.host.comments[JOB].startswith("### New failure")

    world.passes(branch="", run=3, job="another")
    assert world.tell() == []
    world.passes(branch="", run=3)
    assert world.tell() == ["told"]

    assert world.host.comments == {JOB: f"resolved at {3:040x}"}


def test_several_failures_of_a_job_are_one_comment_that_grows(world: NotifiedWorld) -> None:
    first = world.fail("assert 1 == 2", test_id="tests/test_a.py::test_one")
    world.fail("ValueError: no such member", test_id="tests/test_b.py::test_two", error_message="ValueError: no such member")
    world.analysis.analyze(T, world.index.overdue("analysis", T, NOW, 1)[0], world.clock)
    assert world.tell() == ["told"]
    assert "1 more failed in this job:\n\n- not analysed yet: `tests/test_" in world.host.comments[JOB]

    world.analyse()
    assert world.tell() == []
    world.clock.forward(QUIET_MS)
    assert world.tell() == ["told"]

    assert f"`{first.test_id}`" in world.host.comments[JOB]
    assert "- new: `tests/test_" in world.host.comments[JOB]
    assert world.host.statuses[-1][1] == "2 failures: 2 new"


def test_a_provisional_answer_is_told_and_the_final_one_takes_its_place(redis_client: Redis) -> None:
    unreachable = AnalystUnavailable("down", retry_after=60.0)
    world = NotifiedWorld(redis_client, COMMENT, analyst=ScriptedAnalyst(unreachable, *ScriptedAnalyst()._replies))
    world.fail()
    world.analyse()
    assert world.tell() == ["told"]
    assert "rules answered for now" in world.host.comments[JOB]

    world.clock.forward(MINUTE_MS)
    world.told_all()

    assert "- **Diagnosis** by `model-x`, not a proven fix: a summary" in world.host.comments[JOB]
    assert world.host.calls == ["change", "say", "say"]


def test_what_comes_again_is_told_once(world: NotifiedWorld) -> None:
    event = world.fail()
    world.told_all()
    told = list(world.host.calls)

    world.take(event)
    world.clock.forward(MINUTE_MS)
    world.take(event)

    assert world.tell() == []
    assert world.host.calls == told


def test_of_a_job_only_the_newest_execution_is_told(world: NotifiedWorld) -> None:
    world.fail(run=2)
    world.passes(run=3)
    world.analyse()
    assert sorted(world.tell()) == ["overtaken", "told"]
    assert world.host.comments == {}

    world.fail("ValueError: late", run=1)
    world.analyse()
    assert set(world.tell()) <= {"overtaken"}
    assert world.host.comments == {}


def test_a_pass_that_came_in_while_a_failure_was_told_has_the_last_word(world: NotifiedWorld) -> None:
    world.fail()
    world.analyse()

    def passes_meanwhile() -> None:
        world.passes(run=2)
        assert world.tell() == ["told"]

    world.host.meanwhile = [passes_meanwhile]
    work_id = world.index.overdue("notify", T, NOW, 1)[0]
    assert world.desk.tell(T, work_id, NOW) == "told"
    world.clock.forward(QUIET_MS)
    assert "told" in world.tell()

    assert world.host.comments == {JOB: f"resolved at {2:040x}"}


def test_a_worker_that_dies_while_it_tells_is_followed_by_one_that_tells_the_same(world: NotifiedWorld) -> None:
    world.fail()
    world.analyse()
    world.host.trouble = [Killed()]
    with pytest.raises(Killed):
        world.tell()
    assert world.tell() == []

    world.clock.forward(4 * MINUTE_MS)
    assert world.tell() == ["told"]
    assert world.host.comments[JOB].startswith("### New failure")


def test_a_channel_that_is_busy_is_tried_later_and_keeps_no_other_waiting(world: NotifiedWorld) -> None:
    world.fail()
    world.analyse()
    world.host.trouble = [ChannelBusy("busy", retry_after=30.0)]

    assert world.tell() == ["later"]
    assert world.host.statuses == [(f"{1:040x}", "new: a summary")]
    world.clock.forward(29_000)
    assert world.tell() == []
    world.clock.forward(1_000)
    assert world.tell() == ["told"]
    assert world.host.calls.count("status") == 1


def test_a_channel_that_stays_busy_is_given_up(world: NotifiedWorld) -> None:
    world.fail()
    world.analyse()
    world.host.trouble = [ChannelBusy("busy")] * 100
    outcomes = []
    while world.owed:
        world.clock.forward(20 * MINUTE_MS)
        outcomes += world.tell()

    assert outcomes == ["later"] * (MOST_TRIES - 1) + ["told"]
    assert world.host.comments == {}


def test_a_channel_that_refuses_is_asked_once(world: NotifiedWorld) -> None:
    world.fail()
    world.analyse()
    world.host.trouble = [ChannelRefused("no rights")]

    assert world.tell() == ["told"]
    assert world.owed == 0
    assert world.host.comments == {}
    assert world.host.statuses != []


def test_a_channel_behind_an_open_breaker_is_left_alone(redis_client: Redis) -> None:
    class Open:
        def enter(self, *, now_ms: int) -> int:
            return 0

        def leave(self, ticket: int, went: Went, *, now_ms: int) -> None:
            raise AssertionError("nothing was called")

    world = NotifiedWorld(redis_client, COMMENT, breaker=Open())
    world.fail()
    world.analyse()

    assert world.tell() == ["later"]
    assert (world.owed, world.host.calls) == (1, [])


def test_a_repository_that_nobody_is_notified_of_leaves_nothing_behind(world: NotifiedWorld) -> None:
    world.fail(repo="other/shop")
    world.passes(repo="other/shop")
    world.analyse()

    assert world.owed == 0
    assert list(world.client.scan_iter("*notice*")) == []


def test_a_failure_of_no_change_request_is_told_beside_its_commit_alone(world: NotifiedWorld) -> None:
    world.host.no_change = True
    world.fail()
    world.told_all()

    assert world.host.calls == ["change", "status"]


def test_a_notice_that_has_expired_is_done(world: NotifiedWorld) -> None:
    world.fail()
    world.analyse()
    for key in world.client.scan_iter("*notice:*"):
        world.client.delete(key)

    assert world.tell() == ["gone"]
    assert world.owed == 0


def test_jobs_of_a_commit_share_its_line(world: NotifiedWorld) -> None:
    world.fail(job="lint")
    world.told_all()
    world.fail("ValueError: other", job="unit")
    world.told_all()
    assert world.host.statuses[-1][1] == "2 jobs fail: lint: new: a summary; unit: new: a summary"

    world.passes(job="lint", run=1, attempt=2)
    world.told_all()
    assert world.host.statuses[-1][1] == "new: a summary"
