"""Messages to an incoming webhook: sent once, to one address, and not again where nobody knows whether they arrived."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ci_memory_workers.adapters.slack_messages import SlackMessages
from ci_memory_workers.domain.channel import Channel
from ci_memory_workers.errors import ChannelBusy, ChannelRefused, ChannelUnsure
from running_fleet import free_port
from slack_standin import PATH, SlackStandin


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with SlackStandin() as standin:
        yield standin


def send(url: str, text: str = "*New failure*") -> None:
    SlackMessages().send(Channel("chat", "slack", "default", (), secret=url), text)


def test_a_message_is_taken_as_it_is_and_unfolds_no_links(slack: SlackStandin) -> None:
    send(slack.url)

    (message,) = slack.messages
    assert message["text"] == "*New failure*"
    assert message["blocks"] == [{"type": "section", "text": {"type": "mrkdwn", "text": "*New failure*", "verbatim": True}}]
    assert (message["unfurl_links"], message["unfurl_media"]) == (False, False)


@pytest.mark.parametrize(("status", "headers", "wait"), [(429, {"Retry_After": "30"}, 30.0), (503, {}, None)])
def test_a_chat_that_is_busy_has_taken_nothing(
    slack: SlackStandin, status: int, headers: dict[str, str], wait: float | None
) -> None:
    slack.plan(status, **headers)

    with pytest.raises(ChannelBusy) as busy:
        send(slack.url)

    assert busy.value.retry_after == wait
    assert slack.asked == [f"POST {PATH}"]


@pytest.mark.parametrize("status", [0, 500])
def test_what_may_have_arrived_is_not_sent_again(slack: SlackStandin, status: int) -> None:
    slack.plan(status)

    with pytest.raises(ChannelUnsure):
        send(slack.url)

    assert slack.asked == [f"POST {PATH}"]


@pytest.mark.parametrize("status", [400, 403, 404, 410])
def test_a_refusal_is_one(slack: SlackStandin, status: int) -> None:
    slack.plan(status)

    with pytest.raises(ChannelRefused):
        send(slack.url)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_goes_where_an_answer_leads(slack: SlackStandin, status: int) -> None:
    slack.plan(status, Location=slack.url.replace(PATH, "/elsewhere"))

    with pytest.raises(ChannelRefused):
        send(slack.url)

    assert slack.asked == [f"POST {PATH}"]


def test_where_nobody_listens_nothing_was_sent() -> None:
    with pytest.raises(ChannelBusy):
        send(f"http://127.0.0.1:{free_port()}{PATH}")
