"""Whether the log has room: a log that grows without end would fill the server, and then nobody is answered."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from redis import Redis, RedisError
from redis.client import Pipeline
from redis.exceptions import NoPermissionError

from .keys import DEFAULT_LOG_LIMIT, LOG_LIMIT_KEY, STREAM

FRESH_SECONDS = 1.0
"""How long a reading counts. Each push brings a new one with its reply, so that only the first has to ask."""


class LogRoom:
    """The length of the log and its limit, as the server said last. Workers shorten the log by what they are done with."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._room = 0
        self._read_at = float("-inf")
        self._may_ask = True

    def for_more(self, count: int) -> bool:
        """Whether ``count`` entries more are welcome. Raises what redis raises."""
        if self._may_ask and (time.monotonic() - self._read_at > FRESH_SECONDS or self._room < count):
            pipeline = self._client.pipeline(transaction=False)
            self.ask_in(pipeline)
            self.hear(pipeline.execute(raise_on_error=False))
        return not self._may_ask or self._room >= count

    def ask_in(self, pipeline: Pipeline) -> None:
        """Ask for a reading in the same round trip as other commands; its replies are the last two, for `hear`."""
        if self._may_ask:
            pipeline.xlen(STREAM)
            pipeline.get(LOG_LIMIT_KEY)

    def hear(self, replies: Sequence[Any]) -> None:
        """Take in the replies to `ask_in`, the last of ``replies``. Raises what redis said, but for a missing permission."""
        if not self._may_ask:
            return
        length, limit = replies[-2:]
        if isinstance(length, NoPermissionError) or isinstance(limit, NoPermissionError):
            # An older list of rights: what it allows goes on.
            self._may_ask = False
            return
        for reply in (length, limit):
            if isinstance(reply, RedisError):
                raise reply
        self._room = (int(limit) if limit else DEFAULT_LOG_LIMIT) - int(length)
        self._read_at = time.monotonic()
