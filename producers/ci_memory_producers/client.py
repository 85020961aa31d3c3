"""Push events onto the log, and wait for their answers."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self, cast

from redis import RedisError
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, OutOfMemoryError
from redis.retry import Retry

from .connection import connect
from .events import (
    ANSWER,
    MAX_EVENT_BYTES,
    Analysis,
    Answer,
    FailureEvent,
    PassEvent,
    ResolutionEvent,
)
from .keys import FIELD, STREAM, quarantine_key, result_key, waiting_key, wake_key
from .log_room import LogRoom
from .quarantine_list import QuarantineList
from .unsent import Unsent

AnyEvent = FailureEvent | PassEvent | ResolutionEvent
BAD_URL = "is no redis://, rediss://, sentinel://, unix:// or https:// URL; percent-encode / # ? @ in a password"
SHORTEST_TIMEOUT = 1.0
"""Seconds. A blocking pop is replied to within tenths of a second after its own limit, not at once."""
PIPELINE = 100
"""Events of one round trip in `Producer.push_many`."""
BACK_OFF_SECONDS = 30.0
"""How soon a log that is full may have room again: workers shorten it several times a minute."""


class ServerUnreachable(ConnectionError):
    """The server can't be reached, or refuses. Says which server (without its password), and how many events it did not get.

    ``kept`` is where these events wait on this machine's disk for the next report; None when they are lost unless they are pushed
    again.
    """

    def __init__(self, url: str, cause: Exception, not_sent: int = 0) -> None:
        super().__init__(f"{without_password(url)}: {_reason(cause)}")
        self.not_sent = not_sent
        self.kept: Path | None = None

    def __str__(self) -> str:
        said = super().__str__()
        if self.not_sent:
            said += f"; {self.not_sent} events were not sent"
        if self.kept is not None:
            said += f", and wait in {self.kept} for the next report"
        return said


class LogFull(ServerUnreachable):
    """The log has as many events as it may have, or the server no memory: try again in ``retry_after`` seconds."""

    def __init__(self, url: str, not_sent: int = 0, *, retry_after: float = BACK_OFF_SECONDS) -> None:
        full = ConnectionError(f"the memory has more to read than it may hold: try again in {retry_after:.0f} s")
        super().__init__(url, full, not_sent)
        self.retry_after = retry_after


class EventTooLarge(ValueError):
    """An event has more than `MAX_EVENT_BYTES` bytes as JSON."""


class EventRefused(ValueError):
    """The gateway will never take an event as it is. Says which field is wrong."""


def without_password(url: str) -> str:
    """``url`` as it may be shown: no password, and nothing that may be a part of one."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url.rpartition("@")[2].partition("?")[0]
    credentials, _, host = rest.rpartition("@")
    user = credentials.partition(":")[0]
    shown = f"{user}@" if user and not set(user) & set("?/#") else ""
    return f"{scheme}://{shown}{host.partition('?')[0]}"


def _reason(cause: Exception) -> str:
    if isinstance(cause, AuthenticationError | NoPermissionError):
        return "the server refuses these credentials"
    return str(cause) or type(cause).__name__


class Producer:
    """Pushes events to one server. Usable as a context manager.

    ``url`` is ``redis://``, ``rediss://``, ``sentinel://`` or ``unix://`` (see `connection`); ``timeout`` seconds bound each
    connection and each reply, so that a CI job never hangs on its memory. What can't be sent is kept in ``unsent``, where there
    is one, and sent before what is pushed next. Every method raises `ServerUnreachable`.

    With ``http://`` or ``https://`` it is a `http_producer.HttpProducer`, and ``token`` is the gateway's (``CI_MEMORY_TOKEN``).
    """

    def __new__(cls, url: str, **_: Any) -> Self:
        """The producer for what ``url`` names."""
        if cls is Producer and url.startswith(("http://", "https://")):
            from .http_producer import HttpProducer

            return cast(Self, super().__new__(HttpProducer))
        return super().__new__(cls)

    def __init__(self, url: str, *, timeout: float = 5.0, unsent: Unsent | None = None, token: str = "") -> None:
        self._url = url
        self._timeout = max(timeout, SHORTEST_TIMEOUT)
        self._unsent = unsent
        try:
            self._redis = connect(
                url, socket_timeout=self._timeout, socket_connect_timeout=self._timeout, retry=Retry(NoBackoff(), 0)
            )
            # What the URL's query says is looked at when a connection is made: make one now, without connecting it.
            self._redis.connection_pool.connection_class(**self._redis.connection_pool.connection_kwargs)
        except (ValueError, TypeError):
            # The cause may repeat a part of the password.
            raise ServerUnreachable(url, ValueError(BAD_URL)) from None
        self._room = LogRoom(self._redis)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._redis.close()

    def push(self, event: AnyEvent, *, wait: bool = False) -> str:
        """Append one event to the log; returns its event id. With ``wait``, its answer wakes `wait`."""
        return self.push_many([event], wait=wait)[0]

    def push_many(self, events: Iterable[AnyEvent], *, wait: bool = False) -> list[str]:
        """Append events in their order, `PIPELINE` a round trip; returns their ids.

        Raises `EventTooLarge` before anything is sent, and `LogFull` when the server asks to back off.
        """
        found = list(events)
        encoded = [_encode(event) for event in found]
        waiting = [waiting_key(event.tenant, event.event_id) for event in found] if wait else []
        try:
            self._send_kept(len(encoded))
            self._append(encoded, waiting)
        except ServerUnreachable as error:
            left = encoded[len(encoded) - error.not_sent :]
            if self._unsent is not None and left and self._unsent.keep(left):
                error.kept = self._unsent.directory
            raise
        return [event.event_id for event in found]

    def _send_kept(self, waiting_events: int) -> None:
        """Send what earlier reports could not. ``waiting_events`` come after it, and are not sent either if it is not."""
        for path, events in self._unsent.files() if self._unsent is not None else ():
            try:
                self._append(events, [])
            except ServerUnreachable as error:
                error.not_sent = waiting_events
                raise
            path.unlink(missing_ok=True)

    def _append(self, encoded: Sequence[str], waiting: Sequence[str]) -> None:
        for start in range(0, len(encoded), PIPELINE):
            chunk = encoded[start : start + PIPELINE]
            left = len(encoded) - start
            try:
                if not self._room.for_more(len(chunk)):
                    raise LogFull(self._url, left)
                pipeline = self._redis.pipeline(transaction=False)
                for key in waiting[start : start + PIPELINE]:
                    pipeline.set(key, "1", ex=600)
                for data in chunk:
                    pipeline.xadd(STREAM, {FIELD: data})
                self._room.ask_in(pipeline)
                replies = pipeline.execute(raise_on_error=False)
                for reply in replies[: len(waiting[start : start + PIPELINE]) + len(chunk)]:
                    if isinstance(reply, RedisError):
                        raise reply
                self._room.hear(replies)
            except OutOfMemoryError:
                raise LogFull(self._url, left) from None
            except RedisError as error:
                raise ServerUnreachable(self._url, error, left) from None

    def answer(self, tenant: str, event_id: str) -> Answer | None:
        """The answer to an event if it is there; does not wait."""
        try:
            data: Any = self._redis.get(result_key(tenant, event_id))
        except RedisError as error:
            raise ServerUnreachable(self._url, error) from None
        return ANSWER.validate_json(data) if data else None

    def wait(self, tenant: str, event_id: str, *, seconds: float) -> Answer | None:
        """The answer to an event, or None when it is not there after ``seconds``. Woken by the worker, without polling."""
        deadline = time.monotonic() + seconds
        waited, popped = 0.0, cast(Any, None)
        try:
            while True:
                # First say that somebody waits, then look: whoever writes the answer in between sees the former.
                pipeline = self._redis.pipeline(transaction=False)
                pipeline.set(waiting_key(tenant, event_id), "1", ex=max(1, math.ceil(seconds) + 5))
                pipeline.get(result_key(tenant, event_id))
                _, data = pipeline.execute()
                # In a test run the clock may have been stopped by a test: what the server has waited counts too.
                left = min(deadline - time.monotonic(), seconds - waited)
                if data or left <= 0:
                    return ANSWER.validate_json(data) if data else None
                # The reply to a blocking pop must come within the socket's timeout.
                pause = max(0.01, min(left, self._timeout * 0.8))
                if (popped := self._redis.blpop([wake_key(tenant, event_id)], timeout=pause)) is not None:
                    return ANSWER.validate_json(popped[1])
                waited += pause
        except RedisError as error:
            raise ServerUnreachable(self._url, error) from None

    def quarantine(self, tenant: str, repo: str) -> QuarantineList:
        """What is known to be flaky in ``repo``, as of the workers' last sweep; without entries where nothing is.

        Raises pydantic's ValidationError where the list is none.
        """
        try:
            data: Any = self._redis.get(quarantine_key(tenant))
        except RedisError as error:
            raise ServerUnreachable(self._url, error) from None
        return QuarantineList.model_validate_json(data).of(repo) if data else QuarantineList()

    def analyses(self, tenant: str, event_ids: Sequence[str], *, seconds: float) -> list[Analysis]:
        """The answers to failures, in their order, within ``seconds`` for all; ``pending`` for those that are not ready."""
        deadline = time.monotonic() + seconds
        found = []
        for event_id in event_ids:
            reply = self.wait(tenant, event_id, seconds=max(0.0, deadline - time.monotonic()))
            found.append(reply if isinstance(reply, Analysis) else _pending(event_id))
        return found


def _pending(event_id: str) -> Analysis:
    return Analysis(
        status="pending",
        event_id=event_id,
        message="Not answered in time: the failure is in the log, and its answer will follow.",
    )


def _encode(event: AnyEvent) -> str:
    data = event.model_dump_json(exclude_defaults=False, exclude_none=True)
    if len(data.encode()) > MAX_EVENT_BYTES:
        raise EventTooLarge(f"event {event.event_id} has {len(data.encode())} bytes; at most {MAX_EVENT_BYTES} are accepted")
    return data
