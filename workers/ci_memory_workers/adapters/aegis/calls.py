"""How the server is called: on time, not too often, again where that is safe, and its failures in our terms."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import httpx

from ci_memory_workers.adapters.aegis.rate import RateWindow
from ci_memory_workers.errors import KnowledgeNotAsked, KnowledgeRefused, KnowledgeUnavailable

if TYPE_CHECKING:
    from aegis_memory import AegisClient

T = TypeVar("T")

CONNECT_TIMEOUT = 3.0
MAX_ATTEMPTS = 4
_FIRST_PAUSE = 0.2
_TRY_LATER = frozenset({408, 425, 429})
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Errors that come before a byte of the request has left."""
_MAX_DETAIL = 300


@dataclass(frozen=True, slots=True)
class _Failure:
    """What went wrong: the error to raise, whether the request may have had its effect, the server's wish in seconds."""

    error: KnowledgeUnavailable | KnowledgeRefused
    maybe_done: bool
    retry_after: float | None = None


class Calls:
    """Calls Aegis's server through its client, one client a process.

    A failed call is made again up to 4 times with full jitter, while less than ``budget`` seconds have passed since the
    first: any call where it was certainly not sent, and ``repeatable`` ones after an answer of 429 or 5xx or a broken
    connection too. Then, and for everything else that may work later, `KnowledgeUnavailable`, with the ``retry_after``
    that the server asked for (`KnowledgeNotAsked` where nothing was sent); for other answers of 4xx `KnowledgeRefused`.
    ``timeout`` bounds each wait for the server, in seconds. After a 429 no call leaves until the server's time is over.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        rate: RateWindow,
        timeout: float,
        budget: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._rate = rate
        self._timeout = timeout
        self._budget = budget
        self._sleep = sleep
        self._by_process: dict[int, AegisClient] = {}

    def call(self, ask: Callable[[AegisClient], T], *, repeatable: bool) -> T:
        """What ``ask`` returns. ``repeatable``: making the call twice does no more than making it once."""
        deadline = time.monotonic() + self._budget
        for attempt in range(MAX_ATTEMPTS):
            self._rate.take()
            try:
                return ask(self._client())
            except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
                failure = _failure(error, self._base_url)
                if failure.retry_after is not None:
                    self._rate.close_for(failure.retry_after)
                pause = self._pause(failure, attempt, repeatable=repeatable)
                if pause is None or attempt == MAX_ATTEMPTS - 1 or time.monotonic() + pause > deadline:
                    raise failure.error from error
            # A pause between two calls to another machine; there is no condition to await.
            self._sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def close(self) -> None:
        """Release this process's client."""
        client = self._by_process.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _pause(self, failure: _Failure, attempt: int, *, repeatable: bool) -> float | None:
        """Seconds until the next attempt, or None where there must be none."""
        if isinstance(failure.error, KnowledgeRefused) or (failure.maybe_done and not repeatable):
            return None
        if failure.retry_after is not None:
            return failure.retry_after
        # Jitter needs no secrecy.
        return random.uniform(0, _FIRST_PAUSE * 2.0**attempt)  # noqa: S311

    def _client(self) -> AegisClient:
        process = os.getpid()
        client = self._by_process.get(process)
        if client is None:
            from aegis_memory import AegisClient

            timeout = httpx.Timeout(self._timeout, connect=CONNECT_TIMEOUT)
            client = AegisClient(api_key=self._api_key, base_url=self._base_url, timeout=timeout)
            # A connection each: on one that the server has closed meanwhile (it does after a 500) a vote would be lost, for
            # nobody can tell whether it was sent.
            client.client.headers["Connection"] = "close"
            client = self._by_process.setdefault(process, client)
        return client


def _failure(error: Exception, base_url: str) -> _Failure:
    if isinstance(error, httpx.HTTPStatusError):
        return _answered(error.response)
    if isinstance(error, _UNSENT):
        return _Failure(KnowledgeNotAsked(f"Aegis at {base_url} can't be reached: {error}"), maybe_done=False)
    if isinstance(error, httpx.HTTPError):
        why = str(error) or type(error).__name__
        return _Failure(KnowledgeUnavailable(f"Aegis at {base_url} did not answer: {why}"), maybe_done=True)
    why = f"Aegis at {base_url} answered what is no answer ({type(error).__name__}): is it an Aegis server?"
    return _Failure(KnowledgeUnavailable(why), maybe_done=True)


def _answered(response: httpx.Response) -> _Failure:
    status = response.status_code
    said = f"Aegis answered {status} to {response.request.method} {response.request.url.path}: {_detail(response)}"
    if status in _TRY_LATER or status >= 500:
        after = _retry_after(response)
        return _Failure(KnowledgeUnavailable(said, retry_after=after), maybe_done=True, retry_after=after)
    if status in (401, 403):
        said += " (is the API key right?)"
    elif 300 <= status < 400:
        said += " (a redirect: give the server's own URL)"
    return _Failure(KnowledgeRefused(said), maybe_done=False)


def _detail(response: httpx.Response) -> str:
    """What the server says of the failure. Not the whole answer: a validation error repeats what was sent."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.reason_phrase
    if isinstance(detail, list):
        detail = "; ".join(f"{item.get('loc')}: {item.get('msg')}" for item in detail if isinstance(item, dict))
    return str(detail)[:_MAX_DETAIL]


def _retry_after(response: httpx.Response) -> float | None:
    """The header's seconds (the server never sends a date)."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdigit() else None
