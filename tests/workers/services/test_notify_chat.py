"""What a chat is told: default branches and outbreaks, once, and never what is discussed on a change request."""

from __future__ import annotations

import re

import pytest
from fakes import Killed, ScriptedAnalyst, T
from notified_world import COMMENT, MINUTE_MS, SLACK, NotifiedWorld
from redis import Redis

from ci_memory_workers.domain.pattern import OUTBREAK_TAIL_MS
from ci_memory_workers.domain.telling import PATIENCE_MS
from ci_memory_workers.errors import AnalystUnavailable, ChannelBusy, ChannelUnsure

HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def world(redis_client: Redis) -> NotifiedWorld:
    return NotifiedWorld(redis_client, COMMENT, SLACK)


def fail_flaky(world: NotifiedWorld, runs: int = 3, **fields: str) -> None:
    """A job of the default branch that fails and passes when it is run again, build after build."""
    for run in range(1, runs + 1):
        world.fail(branch="main", run=run, **fields)
        world.passes(branch="main", run=run, attempt=2)


def test_a_new_failure_of_the_default_branch_is_one_message(world: NotifiedWorld) -> None:
    world.fail(branch="main")
    world.told_all()

    (text,) = world.chat.texts
    first, *rest = text.split("\n")
    commit = f"<https://github.example.com/acme/shop/commit/{1:040x}|000000000000>"
    build = "<https://github.example.com/acme/shop/runs/1|build>"
    assert first == f"*New failure* on `main` of `acme/shop` at {commit}: `assert 401 == 200`, job `CI / unit` ({build})"
    assert rest[0] == "Diagnosis by `model-x`, not a proven fix: a summary"
    assert re.fullmatch(r"Wrong\? `ci-memory patterns forget pat_\w+ --why \"…\"`", rest[-1])
    assert world.host.calls == []


def test_the_same_failure_again_is_no_message_while_it_goes_on(world: NotifiedWorld) -> None:
    for run in range(1, 9):
        world.fail(branch="main", run=run)
        world.told_all()
        world.clock.forward(30 * MINUTE_MS)

    assert len(world.chat.texts) == 1


def test_what_comes_back_after_its_fix_is_told_with_it(world: NotifiedWorld) -> None:
    world.fail(branch="main")
    world.told_all()
    pattern_id = world.fixed()
    world.fail(branch="main", run=5)
    world.told_all()

    _, text = world.chat.texts
    assert text.startswith("*Came back after its fix* on `main`")
    assert "Fix: set `AUTH_TOKEN`" in text
    assert f"ci-memory patterns veto {pattern_id}" in text


@pytest.mark.parametrize("branch", ["topic", "fork:main", ""])
def test_what_a_change_request_or_any_other_branch_fails_is_in_no_chat(world: NotifiedWorld, branch: str) -> None:
    world.fail(branch=branch)
    world.told_all()

    assert world.chat.texts == []


def test_a_known_flaky_failure_is_one_line_a_day(world: NotifiedWorld) -> None:
    fail_flaky(world)
    world.told_all()
    world.chat.texts.clear()
    for run in range(10, 14):
        world.fail(branch="main", run=run)
        world.told_all()
        world.clock.forward(5 * MINUTE_MS)

    (text,) = world.chat.texts
    assert "\n" not in text
    assert text.startswith("*Known flaky:* `assert 401 == 200` in `acme/shop` passed when run again in 3 of 4 builds (`pat_")
    claims = {bytes(key): int(world.client.ttl(key)) for key in world.client.scan_iter("*topic:*")}
    (claim,) = [key for key, seconds in claims.items() if 80_000 < seconds <= 86_400]
    world.client.delete(claim)  # a day later
    world.fail(branch="main", run=20)
    world.told_all()
    assert len(world.chat.texts) == 2


def test_many_failures_of_a_job_are_one_message_when_all_are_answered(world: NotifiedWorld) -> None:
    for n in range(7):
        world.fail(f"KeyError: 'name_{'abcdefg'[n]}'", branch="main", test_id=f"tests/test_{'abcdefg'[n]}.py::test_it")
    for pattern_id in world.index.overdue("analysis", T, world.clock(), 3):
        world.analysis.analyze(T, pattern_id, world.clock)
    world.tell()
    assert world.chat.texts == []

    world.clock.forward(MINUTE_MS)
    world.told_all()

    (text,) = world.chat.texts
    assert text.count("*New failure*") == 5
    assert text.endswith("and 2 more in this job")


def test_a_message_waits_for_the_final_answer_but_not_for_ever(redis_client: Redis) -> None:
    world = NotifiedWorld(redis_client, SLACK, analyst=ScriptedAnalyst(AnalystUnavailable("down", retry_after=3_000.0)))
    world.fail(branch="main")
    world.analyse()
    assert world.tell() == ["later"]
    world.clock.forward(PATIENCE_MS - 1)
    assert world.tell() == []
    assert world.chat.texts == []

    world.clock.forward(1)
    assert world.tell() == ["told"]
    (text,) = world.chat.texts
    assert "Diagnosis by `rules`" in text


def test_what_was_certainly_not_sent_is_sent_later_and_what_may_have_been_is_not(world: NotifiedWorld) -> None:
    world.chat.trouble = [ChannelBusy("busy", retry_after=10.0), ChannelUnsure("no answer")]
    world.fail(branch="main")
    world.analyse()
    assert world.tell() == ["later"]
    world.clock.forward(10_000)
    assert world.tell() == ["told"]

    world.fail(branch="main", run=2)
    world.told_all()
    assert world.chat.texts == []


def test_a_worker_that_dies_while_it_sends_is_followed_by_none_that_sends_again(world: NotifiedWorld) -> None:
    world.fail(branch="main")
    world.analyse()
    world.chat.afterwards = [Killed()]
    with pytest.raises(Killed):
        world.tell()
    world.clock.forward(4 * MINUTE_MS)
    world.told_all()

    assert len(world.chat.texts) == 1


def test_an_outbreak_is_one_message_and_another_when_it_is_over(world: NotifiedWorld) -> None:
    world.fail("ConnectionError: no route to registry.example.com", repo="acme/first")
    world.told_all()
    for n in range(12):
        world.clock.forward(20_000)
        what = "ConnectionError: no route to registry.example.com"
        world.fail(what, repo=f"acme/repo-{n % 6}", run=100 + n, branch=("main", "topic")[n % 2])
        world.told_all()

    (opening,) = [text for text in world.chat.texts if "outbreak" in text]
    assert opening.startswith("*An outbreak, probably infrastructure:* ")
    assert "fail alike" in opening
    world.clock.forward(OUTBREAK_TAIL_MS // 2)
    world.tell()
    assert sum("outbreak" in text for text in world.chat.texts) == 1

    world.clock.forward(OUTBREAK_TAIL_MS)
    world.told_all()
    over = world.chat.texts[-1]
    assert over.startswith("*The outbreak is over:* 13 builds in 7 repositories failed with `ConnectionError: no route to")
    assert world.owed == 0


def test_passes_are_in_no_chat(world: NotifiedWorld) -> None:
    world.fail(branch="main")
    world.told_all()
    world.passes(branch="main")
    world.told_all()

    assert len(world.chat.texts) == 1
