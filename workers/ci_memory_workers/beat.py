"""Beat for any number of machines: whoever claims a period in Redis first sends its ring, and no other does.

There is no leader, and so nothing to fail over: a beat that dies is not missed while another runs, and what it has sent is not
sent again. A beat that starts finds what is overdue by the claims that have run out; it keeps no file.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery.beat import Scheduler, SchedulingError
from redis import Redis, RedisError

from ci_memory_producers.connection import connect

from .settings import load

log = logging.getLogger(__name__)

SHORTEST_WAIT_S = 0.01
TROUBLE_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0
TIMEOUT_S = 5.0


def claim_key(name: str) -> str:
    """Exists from the moment when an entry of the schedule was sent until it is due again."""
    return f"ci-memory:beat:{name}"


class Claims:
    """Who sends what: the first to claim an entry in its period. Raises what redis raises."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def claim(self, name: str, period_s: float) -> bool:
        """Whether the entry is due, and ours to send."""
        return bool(self._client.set(claim_key(name), "1", nx=True, px=max(1, round(period_s * 1000))))

    def give_back(self, name: str) -> None:
        """It was not sent after all: the next to look may send it."""
        self._client.delete(claim_key(name))

    def due_in(self, name: str) -> float:
        """Seconds until the entry may be claimed."""
        left: Any = self._client.pttl(claim_key(name))
        return max(0, int(left)) / 1000


class ClaimingScheduler(Scheduler):
    """Celery's ``beat_scheduler``. Every period is a number of seconds."""

    def __init__(self, *args: Any, claims: Callable[[], Claims] | None = None, **kwargs: Any) -> None:
        self._claims = (claims or _claims_of_this_server)()
        super().__init__(*args, **kwargs)

    def install_default_entries(self, data: object) -> None:
        """None: there is no result backend whose results Celery would have to clean up."""

    def tick(self, *_: Any, **__: Any) -> float:
        """Send what is due and nobody has sent. Returns how many seconds to sleep."""
        waits = [self._send_if_ours(name, entry) for name, entry in self.schedule.items()]
        return min([LONGEST_WAIT_S, *waits])

    def _send_if_ours(self, name: str, entry: Any) -> float:
        period_s = float(entry.schedule.run_every.total_seconds())
        try:
            if not self._claims.claim(name, period_s):
                return max(SHORTEST_WAIT_S, self._claims.due_in(name))
            try:
                self.apply_async(entry, producer=self.producer, advance=False)
            except SchedulingError as error:
                log.warning("not sent, given back entry=%s error=%s", name, type(error.__cause__).__name__)
                self._claims.give_back(name)
                return TROUBLE_WAIT_S
        except RedisError as error:
            log.warning("no claim without Redis entry=%s error=%s", name, type(error).__name__)
            return TROUBLE_WAIT_S
        return period_s


def _claims_of_this_server() -> Claims:
    return Claims(connect(load().redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S))
