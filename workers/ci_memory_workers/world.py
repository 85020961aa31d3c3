"""The adapters of a process, each built when it is first asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property

from redis import Redis

from ci_memory_producers.connection import connect
from ci_memory_producers.redact import redact

from .adapters.bell import CeleryBell
from .adapters.event_log import RedisEventLog
from .adapters.log_limit import LogLimit
from .adapters.redis_archive import RedisArchive
from .adapters.redis_breaker import RedisBreaker
from .adapters.redis_decisions import RedisDecisions
from .adapters.redis_index import RedisIndex
from .adapters.redis_llm_lane import RedisLlmLane
from .adapters.redis_meters import RedisMeters
from .adapters.redis_watch import RedisFixWatch
from .adapters.slots import Slots
from .adapters.sweep_lock import SweepLock
from .domain.channel import Channel
from .errors import InvalidSettings
from .services.ports import Knowledge, Lookalikes
from .settings import Settings

HOUR_S = 3_600
AEGIS_FILE = "aegis.db"
Send = Callable[[str, Sequence[str], str], object]


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class Adapters:
    """What touches the world. ``send`` rings by Celery; commands that never ring leave it out."""

    def __init__(self, settings: Settings, send: Send | None = None) -> None:
        self.settings = settings
        self._send = send

    @cached_property
    def redis(self) -> Redis:
        """A connection pool to Redis, bytes in and out."""
        return connect(
            self.settings.redis_url,
            socket_timeout=30,
            socket_connect_timeout=5,
            health_check_interval=30,
        )

    @cached_property
    def index(self) -> RedisIndex:
        """What is hot."""
        return RedisIndex(
            self.redis,
            dedupe_seconds=self.settings.dedupe_hours * HOUR_S,
            answer_seconds=self.settings.answer_hours * HOUR_S,
            flush_ms=int(self.settings.flush_seconds * 1000),
            notified=lambda tenant: any(channel.tenant == tenant for channel in self.channels),
            clock=now_ms,
        )

    @cached_property
    def channels(self) -> tuple[Channel, ...]:
        """Who is notified, without the secrets that only the telling needs; nobody without a file."""
        if self.settings.notify_file is None:
            return ()
        from .adapters.channel_file import read_channels  # only where somebody is notified

        return read_channels(self.settings.notify_file, with_secrets=False)

    @cached_property
    def decisions(self) -> RedisDecisions:
        """What people decided."""
        return RedisDecisions(self.redis)

    @cached_property
    def log(self) -> RedisEventLog:
        """The event log, its group made."""
        log = RedisEventLog(self.redis, redact)
        log.ensure_group()
        return log

    @cached_property
    def log_limit(self) -> LogLimit:
        """How long the log may be."""
        return LogLimit(self.redis, self.settings.log_limit)

    @cached_property
    def watch(self) -> RedisFixWatch:
        """Files that fixes changed."""
        return RedisFixWatch(self.redis, flush_ms=int(self.settings.flush_seconds * 1000))

    @cached_property
    def slots(self) -> Slots:
        """Who reads which share of the log."""
        return Slots(self.redis, int(self.settings.slot_lease_seconds * 1000))

    @cached_property
    def meters(self) -> RedisMeters:
        """How long things take."""
        return RedisMeters(self.redis)

    @cached_property
    def sweep_lock(self) -> SweepLock:
        """One sweep of a kind at a time."""
        return SweepLock(self.redis)

    @cached_property
    def bell(self) -> CeleryBell:
        """Rings for owed work."""
        return CeleryBell(self.redis, self._send or _no_send)

    @cached_property
    def knowledge(self) -> Knowledge:
        """Aegis: the server of the settings, else local mode."""
        from .adapters.aegis import open_knowledge  # 250 ms, and only analysis and memory need it

        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        return open_knowledge(
            aegis_url=self.settings.aegis_url or None,
            aegis_api_key=self.settings.aegis_api_key.get_secret_value(),
            local_path=self.settings.data_dir / AEGIS_FILE,
            redact=redact,
            rate_per_minute=self.settings.aegis_rate_per_minute,
            search_timeout=self.settings.aegis_search_timeout,
        )

    @cached_property
    def aegis_breaker(self) -> RedisBreaker:
        """Whether Aegis is asked, as all workers see it."""
        return RedisBreaker(self.redis, "aegis", self.settings.aegis_breaker)

    @cached_property
    def lookalikes(self) -> Lookalikes:
        """Error texts of known patterns."""
        from .adapters.known_texts import KnownTexts  # numpy, and only an analysis needs it

        return KnownTexts(self.redis)

    @cached_property
    def llm_lane(self) -> RedisLlmLane:
        """The limits of the language model, which all workers share."""
        return RedisLlmLane(self.redis, self.settings.llm_limits)

    @cached_property
    def archive(self) -> RedisArchive:
        """What is hot, a whole pattern at a time."""
        return RedisArchive(self.redis)


def _no_send(task: str, args: Sequence[str], queue: str) -> object:
    raise InvalidSettings(f"this command cannot ring for {task}: it has no connection to Celery")
