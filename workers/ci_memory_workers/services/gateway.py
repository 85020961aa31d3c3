"""The story of a request at the HTTP door: who asks, whether they may and how much, and only then what is done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from ci_memory_producers.events import ANSWER, Analysis, Answer
from ci_memory_producers.quarantine_list import QuarantineEntry, QuarantineList

from ..domain.access_token import AccessToken, digest_of, parse_token
from ..errors import LogFull, LogUnreachable, Refusal
from .incoming import encode, read_events
from .ports.access import Door

MOST_WAITING, MOST_WAITING_OF_A_TOKEN = 2_000, 500
"""Requests that may wait for an answer at once."""
MOST_BODIES, MOST_BODIES_OF_A_TOKEN = 128, 16
"""Requests that may send events at once: each may hold a body in memory."""
MOST_UNPROVEN_BYTES = 64_000_000
"""Which bodies may hold together that are not proven before they are whole. They are not limited in number: whoever has no secret
could hold all places, and a provider does not come again."""
BUSY_SECONDS = 10.0
"""After which a request is worth sending again, when the log takes no more or Redis is out of reach."""
T = TypeVar("T")
_NO_TOKEN = AccessToken(token_id="", tenant="default", digest=digest_of(""), revoked_ms=1)


@dataclass(slots=True)
class Gateway:
    """``now_ms`` is the clock. Methods raise `Refusal`, whose ``reason`` says which kind."""

    door: Door
    now_ms: Callable[[], int]
    _waiting: Counter[str] = field(default_factory=Counter)
    _reading: Counter[str] = field(default_factory=Counter)
    _delivering: int = 0
    _unproven: int = 0

    @property
    def waiting(self) -> int:
        """How many requests wait for an answer."""
        return self._waiting.total()

    @property
    def bodies(self) -> int:
        """How many requests send events or deliveries."""
        return self._reading.total() + self._delivering

    async def admit(self, credentials: str) -> AccessToken:
        """Who asks: the token in ``Bearer TOKEN``."""
        scheme, _, given = credentials.partition(" ")
        parsed = parse_token(given.strip()) if scheme.lower() == "bearer" else None
        if parsed is None:
            raise Refusal("unauthenticated", "a token is needed: send it as `Authorization: Bearer TOKEN` (CI_MEMORY_TOKEN)")
        token_id, secret = parsed
        token = await _reached(self.door.token(token_id)) or _NO_TOKEN
        now = self.now_ms()
        # Both are asked whatever the first says: how long it takes tells nothing.
        proven, usable = token.proven_by(secret, now), token.usable(now)
        if not (proven and usable):
            raise Refusal("unauthenticated", "this token is unknown, revoked or past its end: ask for another one")
        await self._take(token, 1)
        return token

    async def report(self, token: AccessToken, body: bytes) -> list[str]:
        """Take events into the log; returns their ids. All are in the log when this returns, or none."""
        # In a thread: reading and redacting the largest body takes longer than others should wait for their turn.
        event_ids, payloads = await asyncio.to_thread(_read, body, token)
        await self._take(token, len(payloads) - 1)
        await _reached(self.door.append(payloads))
        return event_ids

    async def answer(self, token: AccessToken, event_id: str, seconds: float) -> Answer | None:
        """The answer to an event of this token's, or None when there is none after ``seconds``."""
        stored_id = token.stored_id(event_id)
        if seconds <= 0:
            data = await _reached(self.door.answer(token.tenant, stored_id, 0))
        else:
            data = await self._wait(token, stored_id, seconds)
        return ANSWER.validate_json(data).model_copy(update={"event_id": event_id}) if data else None

    async def _wait(self, token: AccessToken, stored_id: str, seconds: float) -> bytes | None:
        with _one_of(self._waiting, token.token_id, MOST_WAITING, MOST_WAITING_OF_A_TOKEN, "wait for answers: ask with wait=0"):
            return await _reached(self.door.answer(token.tenant, stored_id, seconds))

    def reading(self, token: AccessToken) -> AbstractContextManager[None]:
        """While a body is read and taken in. Raises `Refusal` when too many are."""
        return _one_of(
            self._reading, token.token_id, MOST_BODIES, MOST_BODIES_OF_A_TOKEN, "send events: send more of them in one"
        )

    @contextmanager
    def delivering(self) -> Iterator[Callable[[int], None]]:
        """While a delivery of a webhook is read and taken in: says that it holds so many bytes more, which raises `Refusal` when
        all of them hold too many.
        """
        held = 0

        def hold(length: int) -> None:
            nonlocal held
            if self._unproven + length > MOST_UNPROVEN_BYTES:
                told = "too many deliveries of webhooks are under way: come again later"
                raise Refusal("too_many_at_once", told, retry_after=1.0)
            held += length
            self._unproven += length

        self._delivering += 1
        try:
            yield hold
        finally:
            self._delivering -= 1
            self._unproven -= held

    async def quarantine(self, token: AccessToken, repo: str) -> QuarantineList:
        """What is known to be flaky in a repository; names no repository that the token may not touch."""
        if not token.covers(repo):
            problem = "is none of the repositories of this token"
            raise Refusal("out_of_scope", f"repo {problem}", problems=(("repo", problem),))
        data = await _reached(self.door.quarantine(token.tenant))
        if data is None:
            return QuarantineList()
        listed = QuarantineList.model_validate_json(data).of(repo)
        return listed.model_copy(update={"entries": tuple(_within(entry, token) for entry in listed.entries)})

    async def unread(self) -> int:
        """How many events no worker has read yet. Raises `LogUnreachable`."""
        return await self.door.unread()

    async def _take(self, token: AccessToken, cost: int) -> None:
        if cost >= token.events_per_minute:
            most = f"this token may send {token.events_per_minute} events a minute"
            raise Refusal("too_many_events", f"nothing was accepted: {most}, and one request may not carry more")
        wait_ms = await _reached(self.door.take(token, cost)) if cost else 0
        if wait_ms:
            told = f"this token may send {token.events_per_minute} events or questions a minute: nothing was accepted"
            raise Refusal("rate_limited", f"{told}; send it again later", retry_after=wait_ms / 1000)


def pending(event_id: str) -> Analysis:
    """What is said of an event that has no answer yet."""
    return Analysis(status="pending", event_id=event_id, message="Not answered yet: ask again, or wait with ?wait=30.")


@contextmanager
def _one_of(held: Counter[str], who: str, most: int, most_of_one: int, way_out: str) -> Iterator[None]:
    if held.total() >= most or held[who] >= most_of_one:
        raise Refusal("too_many_at_once", f"too many requests {way_out}, or come again later", retry_after=1.0)
    held[who] += 1
    try:
        yield
    finally:
        held[who] -= 1
        if not held[who]:
            del held[who]


def _read(body: bytes, token: AccessToken) -> tuple[list[str], list[bytes]]:
    events = read_events(body, token)
    return [event.event_id for event in events], encode(events, token)


def _within(entry: QuarantineEntry, token: AccessToken) -> QuarantineEntry:
    return entry.model_copy(update={"repositories": tuple(repo for repo in entry.repositories if token.covers(repo))})


async def _reached(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except LogFull as error:
        raise Refusal("busy", f"nothing was accepted: {error}; send it again later", retry_after=BUSY_SECONDS) from None
    except LogUnreachable as error:
        raise Refusal("unavailable", f"{error}; send it again later", retry_after=BUSY_SECONDS) from error
