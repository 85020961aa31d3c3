"""The story of a delivery: what a provider's webhook says at the HTTP door. It carries no log: a worker fetches it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from ..domain.access_token import covers
from ..domain.job_ended import Ended
from ..domain.webhook import Hook
from ..errors import LogFull, LogUnreachable, Refusal
from .ports.access import Door
from .webhook_payloads import NotAJob, read

BUSY_SECONDS = 30.0
_NO_HOOK = Hook("", "github", "default", "nobody knows this", "", "")
STAMP_MS = 300_000
"""How far the time at which a provider says that it sent may be from ours."""


@dataclass(frozen=True, slots=True)
class WebhookDesk:
    """``hooks`` are those that are expected, by name; ``horizon_ms`` is how old what they tell may be, and how long it is known;
    a log is due ``grace_ms`` after the job has ended, so that what its own steps report is read first.
    """

    door: Door
    hooks: Mapping[str, Hook]
    horizon_ms: int
    grace_ms: int
    now_ms: Callable[[], int]

    def proven(self, name: str, headers: Mapping[str, str], body: bytes) -> Hook:
        """The hook that a delivery is for. Raises `Refusal`, the same one for a hook that there is none of."""
        hook = self.hooks.get(name, _NO_HOOK)
        proven = hook.proven(headers, body)
        if not proven or hook is _NO_HOOK:
            raise Refusal("unauthenticated", "the delivery is not signed with the secret of this hook")
        return hook

    async def take(self, name: str, headers: Mapping[str, str], body: bytes) -> str:
        """Take a delivery in; returns what came of it: ``owed`` (the log will be fetched), ``known`` or ``nothing``.

        Raises `Refusal`: for a replay, for what is older than `horizon_ms`, and when too much is owed.
        """
        hook = self.proven(name, headers, body)
        now = self.now_ms()
        stamped = hook.stamped_ms(headers)
        if stamped is not None and abs(now - stamped) > STAMP_MS:
            raise Refusal("replayed", "the delivery was sent some minutes ago, or the clocks of here and there differ")
        ended = _read(hook, headers, body)
        if ended is not None:
            self._look_at(hook, ended, now)
        delivery = hashlib.sha256(body).hexdigest()[:32]
        try:
            came = await self.door.owe_log(hook.tenant, delivery, ended, due_ms=now + self.grace_ms, kept_ms=2 * self.horizon_ms)
        except LogFull as error:
            raise Refusal("busy", f"nothing was accepted: {error}; send it again later", retry_after=BUSY_SECONDS) from None
        except LogUnreachable as error:
            raise Refusal("unavailable", f"{error}; send it again later", retry_after=BUSY_SECONDS) from error
        if came == "replayed":
            raise Refusal("replayed", "this delivery was taken in before")
        return came if ended is not None else "nothing"

    def _look_at(self, hook: Hook, ended: Ended, now: int) -> None:
        # Of a run whose repository only the API knows, its jobs are looked at.
        if ended.repo and not covers(hook.repositories, ended.repo):
            problem = ("repository", "is none of the repositories of this hook")
            raise Refusal("out_of_scope", " ".join(problem), problems=(problem,))
        if ended.ended_ms and ended.ended_ms < now - self.horizon_ms:
            raise Refusal("replayed", "it has ended too long ago: whether it was counted is no longer known")


def _read(hook: Hook, headers: Mapping[str, str], body: bytes) -> Ended | None:
    try:
        payload: Any = from_json(body, allow_inf_nan=False)
    except ValueError:
        raise Refusal("malformed_json", "the body is no JSON: set the webhook's content type to application/json") from None
    if not isinstance(payload, dict):
        raise Refusal("invalid_event", "the body is no JSON object")
    try:
        return read(hook, headers, payload)
    except NotAJob as error:
        raise Refusal("invalid_event", str(error), problems=((str(error).split(" ")[0], str(error)),)) from None
