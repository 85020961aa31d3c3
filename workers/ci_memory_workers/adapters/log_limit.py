"""How long the log may be, said to producers: as the settings say, and nothing more while the server's memory runs out."""

from __future__ import annotations

from typing import Any

from redis import Redis

from ci_memory_producers.keys import LOG_LIMIT_KEY

FULL_SHARE = 0.85
"""Of ``maxmemory``. What is left is for the workers: a server that is full lets nobody write, and then nothing is worked off."""


class LogLimit:
    """Writes what producers read (`ci_memory_producers.log_room`); raises what redis raises."""

    def __init__(self, client: Redis, most: int) -> None:
        self._client = client
        self._most = most

    def announce(self) -> int:
        """Write the limit as it is now; returns it."""
        memory: Any = self._client.info("memory")
        full = memory["maxmemory"] and memory["used_memory"] >= FULL_SHARE * memory["maxmemory"]
        limit = 0 if full else self._most
        self._client.set(LOG_LIMIT_KEY, limit)
        return limit
