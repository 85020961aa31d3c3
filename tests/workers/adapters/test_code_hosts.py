"""Comments and commit statuses at stand-ins of GitHub's and GitLab's API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ci_memory_producers.comment.forges import comments_of
from ci_memory_producers.comment.marker import Marker
from ci_memory_producers.comment.sticky import say
from ci_memory_workers.adapters.code_hosts import CodeHosts
from ci_memory_workers.domain.channel import Channel, Host
from ci_memory_workers.domain.notice import Place
from ci_memory_workers.errors import ChannelBusy, ChannelRefused
from forge_standin import TOKEN, ForgeStandin
from running_fleet import free_port

SHA, OLDER = "a" * 40, "b" * 40
MARKER = Marker.of("acme/shop", "CI / unit")
HOSTS = CodeHosts()


@pytest.fixture
def forge() -> Iterator[ForgeStandin]:
    with ForgeStandin() as standin:
        yield standin


@pytest.fixture(params=["github", "gitlab"])
def channel(request: pytest.FixtureRequest, forge: ForgeStandin) -> Channel:
    return channel_of(request.param, forge)


def channel_of(host: Host, forge: ForgeStandin) -> Channel:
    forge.readable_user = host == "gitlab"
    path = {"github": "/github", "gitlab": "/gitlab/api/v4"}[host]
    return Channel("one", "comment", "default", (), host, f"{forge.url}{path}", "https://code.example.com", TOKEN)


def place(channel: Channel, **fields: object) -> Place:
    usual = Place("acme/shop", "topic", "main", SHA, "51", "CI / unit", 1, channel.host, "https://code.example.com/b/1", 12, 0)
    return replace(usual, **fields)  # type: ignore[arg-type] # whatever a test wants to be different


def test_the_change_request_is_the_open_one_whose_newest_commit_it_is(channel: Channel, forge: ForgeStandin) -> None:
    forge.open_change(OLDER, "topic", number=5)
    forge.open_change(SHA, "below", number=6, closed=True)
    forge.open_change(SHA, "topic", number=7)

    assert HOSTS.change(channel, place(channel)) == 7
    assert HOSTS.change(channel, place(channel, commit="c" * 40, branch="nowhere")) is None


def test_a_commit_that_stands_in_two_of_them_belongs_to_its_own_branch(channel: Channel, forge: ForgeStandin) -> None:
    forge.open_change(SHA, "on-top", number=8)
    forge.open_change(SHA, "topic", number=7)

    assert HOSTS.change(channel, place(channel)) == 7


def test_a_forks_commit_is_found_by_its_branch(forge: ForgeStandin) -> None:
    channel = channel_of("github", forge)
    forge.open_change(OLDER, "main", number=9)

    assert HOSTS.change(channel, place(channel, branch="fork:main")) == 9
    assert forge.requests == [f"GET /repos/acme/shop/commits/{SHA}/pulls", "GET /repos/acme/shop/pulls"]


def test_a_merge_requests_own_ref_names_it(forge: ForgeStandin) -> None:
    channel = channel_of("gitlab", forge)

    assert HOSTS.change(channel, place(channel, branch="refs/merge-requests/31/head")) == 31
    assert forge.requests == []


@pytest.mark.parametrize("commit", ["", "main", "../../user", "abc"])
def test_what_is_no_commit_is_asked_for_nowhere(channel: Channel, forge: ForgeStandin, commit: str) -> None:
    assert HOSTS.change(channel, place(channel, commit=commit, branch="")) is None
    HOSTS.status(channel, place(channel, commit=commit), "new")

    assert (forge.requests, forge.statuses) == ([], [])


def test_a_comment_is_written_anew_in_place_and_resolved(channel: Channel, forge: ForgeStandin) -> None:
    HOSTS.say(channel, place(channel), 7, MARKER, "first\n")
    HOSTS.say(channel, place(channel), 7, MARKER, "second\n")
    (comment,) = forge.comments
    assert comment["body"] == MARKER.on("second\n")

    HOSTS.resolve(channel, place(channel), 7, MARKER)
    (comment,) = forge.comments
    assert "**Resolved:** `CI / unit` passes at `aaaaaaaaaaaa`." in comment["body"]


def test_it_is_the_same_comment_that_a_step_of_the_job_writes(channel: Channel, forge: ForgeStandin) -> None:
    steps = {
        "github": {"GITHUB_ACTIONS": "true", "GITHUB_API_URL": f"{forge.url}/github", "GITHUB_REPOSITORY": "acme/shop",
                   "GITHUB_TOKEN": TOKEN, "GITHUB_REF": "refs/pull/7/merge"},
        "gitlab": {"GITLAB_CI": "true", "CI_API_V4_URL": f"{forge.url}/gitlab/api/v4", "CI_PROJECT_ID": "42",
                   "GITLAB_TOKEN": TOKEN, "CI_MERGE_REQUEST_IID": "7"},
    }[channel.host]  # fmt: skip

    say(comments_of(steps), MARKER, "by the step\n")
    HOSTS.say(channel, place(channel), 7, MARKER, "by the worker\n")
    say(comments_of(steps), MARKER, "by the step again\n")

    assert [one["body"] for one in forge.comments] == [MARKER.on("by the step again\n")]


def test_a_status_is_green_whatever_it_says(channel: Channel, forge: ForgeStandin) -> None:
    HOSTS.status(channel, place(channel), "new: a summary")

    (status,) = forge.statuses
    assert (status["sha"], status["state"], status["context"]) == (SHA, "success", "ci-memory")
    assert (status["description"], status["target_url"]) == ("new: a summary", "https://code.example.com/b/1")
    assert status.get("pipeline_id") == {"github": None, "gitlab": "51"}[channel.host]


def test_gitlab_gets_no_status_of_a_pipeline_that_is_not_its_own(forge: ForgeStandin) -> None:
    channel = channel_of("gitlab", forge)

    HOSTS.status(channel, place(channel, provider="jenkins"), "new")

    assert forge.requests == []


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"Retry_After": "30"}, 30.0),
        (403, {"Retry_After": "40"}, 40.0),
        (403, {"x_ratelimit_remaining": "0"}, 60.0),
        (502, {}, None),
    ],
)
def test_an_api_that_is_busy_is_asked_later_and_not_waited_for(
    channel: Channel, forge: ForgeStandin, status: int, headers: dict[str, str], wait: float | None
) -> None:
    forge.refuse(status, after=False, **headers)

    with pytest.raises(ChannelBusy) as busy:
        HOSTS.change(channel, place(channel))

    assert busy.value.retry_after == wait
    assert len(forge.requests) == 1


def test_an_api_that_nobody_answers_for_is_busy(forge: ForgeStandin) -> None:
    channel = replace(channel_of("github", forge), api_url=f"http://127.0.0.1:{free_port()}")

    with pytest.raises(ChannelBusy):
        HOSTS.say(channel, place(channel), 7, MARKER, "text\n")


@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_refusal_says_what_to_look_at_and_not_the_token(channel: Channel, forge: ForgeStandin, status: int) -> None:
    forge.refuse(status)

    with pytest.raises(ChannelRefused) as refused:
        HOSTS.say(channel, place(channel), 7, MARKER, "text\n")

    assert "is the token good" in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_a_comment_of_which_nobody_knows_whether_it_was_written_is_looked_for_first(
    channel: Channel, forge: ForgeStandin
) -> None:
    HOSTS.say(channel, place(channel, job="other"), 7, Marker.of("acme/shop", "other"), "other\n")
    forge.refusals += [None] * (2 if channel.host == "gitlab" else 1)
    forge.refuse(502, after=True)

    HOSTS.say(channel, place(channel), 7, MARKER, "text\n")

    assert sum(MARKER.key in one["body"] for one in forge.comments) == 1
