"""The memory as the HTTP door sees it: Redis, without a thread a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from ci_memory_producers.keys import DEFAULT_LOG_LIMIT, FIELD, LOG_LIMIT_KEY, STREAM, quarantine_key, result_key

from ..domain.access_token import AccessToken
from ..domain.job_ended import Ended
from ..errors import LogFull, LogUnreachable
from ..names import GROUP
from .access_codec import TOKENS, decode_token
from .async_redis import connect
from .pattern_codec import prefix
from .redis_due import TENANTS
from .redis_job_logs import MOST_OWED, encode, work_id_of
from .scripts import source
from .wake_calls import POP_SECONDS, WakeCalls

CONNECTIONS = 32
REPLY_SECONDS = 5.0
CANCEL_SECONDS = 0.1


def rate_key(token_id: str) -> str:
    """What is left of a token's allowance."""
    return f"ci-memory:token-rate:{token_id}"


class RedisDoor:
    """Satisfies `services.ports.access.Door`, while it is open."""

    def __init__(self, url: str) -> None:
        self._client = connect(url, connections=CONNECTIONS, reply_seconds=REPLY_SECONDS)
        self._blocking = connect(url, connections=1, reply_seconds=POP_SECONDS + REPLY_SECONDS)
        self._calls = WakeCalls(self._client, self._blocking)
        self._append = self._client.register_script(source("append_events"))
        self._owe_log = self._client.register_script(source("owe_log"))
        self._take = self._client.register_script(source("take_rate"))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """Waits on behalf of others while it is open; closes the connections then."""
        listener = asyncio.create_task(self._calls.listen(), name="wake-calls")
        try:
            yield self
        finally:
            self._calls.stop()
            while not listener.done():
                # Once is not enough: a client that is just connecting may take a cancellation for a failed connection.
                listener.cancel()
                await asyncio.wait({listener}, timeout=CANCEL_SECONDS)
            await self._client.aclose()
            await self._blocking.aclose()

    def stop_waiting(self) -> None:
        """Let all who wait go, without an answer: the process is about to stop."""
        self._calls.stop()

    async def token(self, token_id: str) -> AccessToken | None:
        """See `Door.token`."""
        with _reached():
            data: Any = await self._client.hget(TOKENS, token_id)
        return decode_token(data) if data else None

    async def take(self, token: AccessToken, cost: int) -> int:
        """See `Door.take`. All gateways of a server share the allowance."""
        with _reached():
            return int(await self._take(keys=[rate_key(token.token_id)], args=[cost, token.events_per_minute]))

    async def append(self, payloads: Sequence[bytes]) -> None:
        """See `Door.append`."""
        with _reached():
            appended = await self._append(keys=[STREAM, LOG_LIMIT_KEY], args=[DEFAULT_LOG_LIMIT, FIELD, *payloads])
        if not appended:
            raise LogFull("the log has more to read than it may hold")

    async def answer(self, tenant: str, event_id: str, seconds: float) -> bytes | None:
        """See `Door.answer`."""
        with _reached():
            if seconds > 0:
                return await self._calls.answer(tenant, event_id, seconds)
            found: Any = await self._client.get(result_key(tenant, event_id))
        return None if found is None else bytes(found)

    async def quarantine(self, tenant: str) -> bytes | None:
        """See `Door.quarantine`."""
        with _reached():
            found: Any = await self._client.get(quarantine_key(tenant))
        return None if found is None else bytes(found)

    async def owe_log(self, tenant: str, delivery: str, ended: Ended | None, *, due_ms: int, kept_ms: int) -> str:
        """See `Door.owe_log`."""
        said = (work_id_of(ended), encode(ended)) if ended else ("", b"")
        with _reached():
            came: Any = await self._owe_log(
                keys=[prefix(tenant), TENANTS],
                args=[tenant, delivery, *said, due_ms, kept_ms // 1000, MOST_OWED],
            )
        if came == b"full":
            raise LogFull("too many logs are owed already")
        return str(came.decode())

    async def unread(self) -> int:
        """See `Door.unread`."""
        with _reached():
            try:
                groups: Any = await self._client.xinfo_groups(STREAM)
            except ResponseError as error:
                if "no such key" in str(error):
                    return 0
                raise
        lags = [group.get("lag") for group in groups if group["name"] == GROUP.encode()]
        return int(lags[0] or 0) if lags else 0


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except OutOfMemoryError:
        raise LogFull("Redis is full") from None
    except ResponseError as error:
        if str(error).startswith(("OOM", "MISCONF")):
            raise LogFull("Redis takes no writes now") from None
        raise LogUnreachable(f"Redis refuses: {type(error).__name__}") from error
    except RedisError as error:
        raise LogUnreachable(f"Redis is out of reach: {type(error).__name__}") from error
