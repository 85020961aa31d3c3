"""Kill -9 of workers while they tell people: what is written anew in place is there once, and a chat hears of it once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ci_memory_producers import FailureEvent
from forge_standin import TOKEN, ForgeStandin
from notify_samples import TENANT, notify_file, says, state
from running_fleet import Up, start_up, wait_until
from slack_standin import SlackStandin
from test_nothing_lost import all_new, worker_groups

SHA = "a" * 40


@pytest.fixture
def stands() -> Iterator[tuple[ForgeStandin, SlackStandin]]:
    with ExitStack() as stack:
        yield stack.enter_context(ForgeStandin()), stack.enter_context(SlackStandin())


@pytest.fixture
def fleet(tmp_path: Path, stands: tuple[ForgeStandin, SlackStandin]) -> Iterator[Up]:
    forge, slack = stands
    up = start_up(
        tmp_path,
        CI_MEMORY_NOTIFY_FILE=str(notify_file(tmp_path, forge.url, forge.url, slack.url)),
        CI_MEMORY_WORK_LEASE_SECONDS="1",
        FORGE_TOKEN=TOKEN,
    )
    yield up
    assert up.stop() == 0


def failure(branch: str, what: str) -> FailureEvent:
    return FailureEvent(
        tenant=TENANT,
        provider="github",
        repo="acme/shop",
        build_id=branch,
        run_number=1,
        job="unit",
        stage="test",
        branch=branch,
        default_branch="main",
        commit_sha=SHA,
        error_message=f"ValueError: {what}",
    )


def test_what_a_killed_worker_was_telling_is_told_once(fleet: Up, stands: tuple[ForgeStandin, SlackStandin]) -> None:
    forge, slack = stands
    forge.open_change(SHA)
    forge.stall = slack.stall = stalled = threading.Event()
    with fleet.producer() as producer:
        producer.push(failure("topic", "no such member"))
        producer.push(failure("main", "no such basket"))
    wait_until(lambda: forge.comments and slack.messages, what="a comment and a message that nobody has confirmed yet")

    killed = set(worker_groups(fleet))
    for group in killed:
        os.killpg(group, signal.SIGKILL)
    forge.stall = slack.stall = None
    stalled.set()
    wait_until(lambda: all_new(fleet, killed), what="new workers")

    box = fleet.container()
    try:
        wait_until(lambda: says(forge, SHA), what="the status, which comes after the comment")
        wait_until(lambda: not box.index.owed("notify", TENANT), what="all is told")
    finally:
        box.redis.close()
    assert state(forge) == "failed", "and there is one comment"
    assert len(slack.texts) == 1
