"""Messages to incoming webhooks of Slack, or of what takes the same: by slack_sdk, to the channel's own address alone."""

from __future__ import annotations

import logging
from http.client import HTTPException
from socket import gaierror
from typing import Any
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from slack_sdk.http_retry.handler import RetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.webhook import WebhookClient, WebhookResponse

from ..domain.channel import Channel
from ..errors import ChannelBusy, ChannelRefused, ChannelUnsure

SECONDS = 10
"""For one message."""
MOST_ANSWER_BYTES = 10_000
_quiet = logging.getLogger(f"{__name__}.sdk")
_quiet.setLevel(logging.CRITICAL)  # what it logs at DEBUG are addresses and texts


class _NeverReached(RetryHandler):
    """Tries once more where nothing has been sent: its own handler for connections sends again what may have arrived."""

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        return error is not None and _never_reached(error)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class _Webhook(WebhookClient):
    """Goes where it was told to go, and to no address that an answer names."""

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        with build_opener(_NoRedirect()).open(req, timeout=self.timeout) as reply:
            body = reply.read(MOST_ANSWER_BYTES).decode("utf-8", "replace")
            return WebhookResponse(url=url, status_code=reply.status, body=body, headers=dict(reply.headers.items()))


class SlackMessages:
    """Satisfies `services.ports.notify.Chat`."""

    def send(self, channel: Channel, text: str) -> None:
        """See `Chat.send`."""
        client = _Webhook(channel.secret, timeout=SECONDS, logger=_quiet, retry_handlers=[_NeverReached(max_retry_count=1)])
        block = {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
        try:
            reply = client.send(text=text, blocks=[block], unfurl_links=False, unfurl_media=False)
        except (OSError, HTTPException) as error:
            if _never_reached(error):
                raise ChannelBusy("the chat can't be reached") from None
            raise ChannelUnsure(f"the chat did not answer ({type(error).__name__})") from None
        _check(reply)


def _check(reply: WebhookResponse) -> None:
    """Slack, "Sending messages using incoming webhooks": 200 and ``ok``; 429 with Retry-After; else why nothing is posted."""
    status = reply.status_code
    if 200 <= status < 300:
        return
    given = {name.lower(): value for name, value in reply.headers.items()}.get("retry-after", "")
    retry_after = float(given) if given.isdigit() and len(given) < 6 else None
    if status in (429, 503):
        raise ChannelBusy(f"the chat answers {status}", retry_after=retry_after)
    if status >= 500:
        raise ChannelUnsure(f"the chat answers {status}")
    raise ChannelRefused(f"the chat answers {status}: is its address still good?")


def _never_reached(error: Exception) -> bool:
    """Whether no connection was made at all."""
    reason = error.reason if isinstance(error, URLError) else error
    return isinstance(reason, ConnectionRefusedError | gaierror)
