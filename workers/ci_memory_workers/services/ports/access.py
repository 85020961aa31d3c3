"""What the HTTP door needs of the world: tokens, the log, answers, and a way to wait for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ...domain.access_token import AccessToken
from ...domain.job_ended import Ended


class TokenStore(Protocol):
    """Keeps the records of tokens."""

    def add(self, token: AccessToken) -> None:
        """Keep a new one."""
        ...

    def get(self, token_id: str) -> AccessToken | None:
        """One by its id."""
        ...

    def all(self) -> list[AccessToken]:
        """All, oldest first."""
        ...

    def replace(self, before: AccessToken, after: AccessToken) -> bool:
        """Put ``after`` in the place of ``before``; False when it has been changed meanwhile, and then nothing is written."""
        ...


class Door(Protocol):
    """The memory as the HTTP door sees it. Every method raises `LogUnreachable`."""

    async def token(self, token_id: str) -> AccessToken | None:
        """The record of a token."""
        ...

    async def take(self, token: AccessToken, cost: int) -> int:
        """Take ``cost`` from what the token may do in a minute: 0 when taken, else nothing is taken and it is the ms to wait."""
        ...

    async def append(self, payloads: Sequence[bytes]) -> None:
        """Append events (JSON) to the log, all or none. Raises `LogFull`."""
        ...

    async def answer(self, tenant: str, event_id: str, seconds: float) -> bytes | None:
        """The answer to an event (JSON); waits up to ``seconds`` for it."""
        ...

    async def quarantine(self, tenant: str) -> bytes | None:
        """The published list of what is in quarantine (JSON); None before the first sweep."""
        ...

    async def owe_log(self, tenant: str, delivery: str, ended: Ended | None, *, due_ms: int, kept_ms: int) -> str:
        """Write down that a job's log is owed, or a run's jobs: ``owed``, ``known`` (it is, or was) or ``replayed`` (the delivery
        was taken in before). ``delivery`` is a digest of it; where nothing has ended it is only remembered. Raises `LogFull`.
        """
        ...

    async def unread(self) -> int:
        """How many entries of the log no worker has read yet."""
        ...
