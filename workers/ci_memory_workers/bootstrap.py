"""The one place that puts stories and adapters together: lazily, once a process, and anew after a fork."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from functools import cached_property
from importlib.resources import files

from ci_memory_producers.client import Producer
from ci_memory_producers.redact import redact

from .adapters.hook_file import read_hooks
from .adapters.redis_breaker import RedisBreaker
from .adapters.redis_job_logs import RedisOwedLogs
from .adapters.redis_notices import RedisNotices
from .adapters.redis_quarantine_list import RedisQuarantineLists
from .adapters.redis_recall import RedisRecall
from .adapters.redis_records import RedisRecords
from .adapters.rules_analyst import RulesAnalyst
from .domain.answer import Freshness
from .domain.breaker import BreakerPolicy
from .domain.category import Categorizer, Rule, parse_rules
from .domain.channel import watched_by
from .errors import InvalidSettings
from .services.analysis import AnalysisDesk
from .services.archive import Archivist
from .services.asking import AskingDesk
from .services.failures import FailureMemory
from .services.guarded_playbook import GuardedPlaybook
from .services.job_logs import LogDesk
from .services.learning import Learner
from .services.memory import Librarian
from .services.metered_analyst import MeteredAnalyst
from .services.notify import NotifyDesk
from .services.ports import Analyst
from .services.reading import TextReader
from .services.replay import Replayer
from .services.resolutions import ResolutionDesk
from .services.sweeps import Sweeper
from .settings import Settings
from .world import AEGIS_FILE, HOUR_S, Adapters, Send, now_ms

CHANNEL_BREAKER = BreakerPolicy(failures=3, pause_s=10, longest_pause_s=600, call_s=60)
"""When a channel that takes nothing is left alone."""

__all__ = ["AEGIS_FILE", "Bootstrap", "Container", "load_categorizer", "now_ms"]


def load_categorizer(settings: Settings) -> Categorizer:
    """The rules for categories: a user's own file first, then the packaged ones. Raises `InvalidSettings`."""
    own: tuple[Rule, ...] = ()
    if settings.rules_file is not None:
        try:
            own = parse_rules(settings.rules_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidSettings(f"CI_MEMORY_RULES_FILE: {error}") from error
    packaged = parse_rules((files(__package__) / "rules.toml").read_text(encoding="utf-8"))
    return Categorizer((*own, *packaged))


class Container(Adapters):
    """Everything that tasks and commands use, built when it is first asked for.

    ``send`` rings by Celery; commands that never ring leave it out. ``stopping`` says whether this process is to end soon.
    """

    def __init__(self, settings: Settings, send: Send | None = None, stopping: Callable[[], bool] = lambda: False) -> None:
        super().__init__(settings, send)
        self._stopping = stopping

    @property
    def _work_lease_ms(self) -> int:
        return int(self.settings.work_lease_seconds * 1000)

    @cached_property
    def analyst(self) -> Analyst:
        """The language model, where there is a key or a server of one's own; else the rules."""
        key, url = self.settings.openai_api_key.get_secret_value(), self.settings.openai_base_url
        if not self.settings.has_llm:
            return RulesAnalyst()
        from .adapters.openai_analyst import OpenAIAnalyst  # 660 ms, and only an analysis needs it

        model = OpenAIAnalyst(
            api_key=key or "none",
            base_url=url or None,
            model=self.settings.llm_model,
            timeout=self.settings.llm_timeout,
            redact=redact,
            stopping=self._stopping,
        )
        return MeteredAnalyst(model, self.llm_lane, now_ms, self.meters)

    @cached_property
    def failures(self) -> FailureMemory:
        """The story of a failure."""
        return FailureMemory(
            log=self.log,
            index=self.index,
            reader=TextReader(load_categorizer(self.settings)),
            watch=self.watch,
            meters=self.meters,
            bell=self.bell,
            horizon_ms=self.settings.dedupe_hours * HOUR_S * 1000,
            clock=now_ms,
            watched=watched_by(self.channels),
        )

    @cached_property
    def analysis(self) -> AnalysisDesk:
        """The story of a new failure."""
        return AnalysisDesk(
            index=self.index,
            knowledge=GuardedPlaybook(self.knowledge, self.aegis_breaker, now_ms),
            lookalikes=self.lookalikes,
            freshness=self.freshness,
            analyst=self.analyst,
            rules=RulesAnalyst(),
            bell=self.bell,
            lease_ms=self.settings.analysis_lease_ms,
            max_attempts=self.settings.llm_attempts,
            jitter=random.random,
        )

    def freshness(self, tenant: str) -> Freshness:
        """How much of what has come in is known."""
        return Freshness(self.index.totals(tenant, now_ms()).newest_ms, self.log.lag())

    @cached_property
    def job_logs(self) -> LogDesk:
        """The story of a job that a webhook tells of."""
        from .adapters.provider_api import ProviderLogs  # httpx, and only this needs it

        return LogDesk(
            index=self.index,
            owed=RedisOwedLogs(self.redis, kept_seconds=2 * self.settings.dedupe_hours * HOUR_S),
            logs=ProviderLogs(),
            reader=TextReader(load_categorizer(self.settings)),
            hooks=read_hooks(self.settings.webhooks_file),
            jitter=random.random,
        )

    @cached_property
    def notifier(self) -> NotifyDesk:
        """The story of a notification."""
        from .adapters.channel_file import read_channels
        from .adapters.code_hosts import CodeHosts
        from .adapters.slack_messages import SlackMessages  # slack_sdk, and only this needs it

        return NotifyDesk(
            index=self.index,
            notices=RedisNotices(self.redis, kept_seconds=self.settings.dedupe_hours * HOUR_S),
            host=CodeHosts(),
            chat=SlackMessages(),
            channels=read_channels(self.settings.notify_file),
            breaker=lambda channel: RedisBreaker(self.redis, f"channel:{channel.tenant}:{channel.name}", CHANNEL_BREAKER),
            lease_ms=4 * self._work_lease_ms,
            jitter=random.random,
        )

    @cached_property
    def resolutions(self) -> ResolutionDesk:
        """The story of a fix."""
        return ResolutionDesk(index=self.index, watch=self.watch, bell=self.bell, lease_ms=2 * self._work_lease_ms)

    @cached_property
    def learner(self) -> Learner:
        """The story of a fix that nobody reports."""
        return Learner(index=self.index, watch=self.watch, bell=self.bell, lease_ms=2 * self._work_lease_ms)

    @cached_property
    def librarian(self) -> Librarian:
        """Writes to Aegis."""
        flush_ms = int(self.settings.flush_seconds * 1000)
        return Librarian(
            index=self.index,
            knowledge=self.knowledge,
            archive=self.archive,
            flush_ms=flush_ms,
            lease_ms=4 * self._work_lease_ms,
        )

    @cached_property
    def archivist(self) -> Archivist:
        """Brings back what is known."""
        return Archivist(archive=self.archive, index=self.index, knowledge=self.knowledge, lookalikes=self.lookalikes)

    @cached_property
    def asking(self) -> AskingDesk:
        """The story of who asks first."""
        return AskingDesk(
            index=self.index,
            decisions=self.decisions,
            recall=RedisRecall(self.redis),
            reader=TextReader(load_categorizer(self.settings)),
            knowledge=self.knowledge,
            lookalikes=self.lookalikes,
            reports=Producer(self.settings.redis_url),
        )

    @cached_property
    def replayer(self) -> Replayer:
        """The story of a question."""
        return Replayer(RedisRecords(self.redis))

    @cached_property
    def sweeper(self) -> Sweeper:
        """What happens by the clock."""
        return Sweeper(
            index=self.index,
            bell=self.bell,
            lists=RedisQuarantineLists(self.redis),
            aging_days=self.settings.aging_days,
            quarantine=self.settings.quarantine_policy,
            quarantine_owner=self.settings.quarantine_owner,
        )


class Bootstrap:
    """Hands out the container of this process: sockets and database handles do not survive a fork."""

    def __init__(self, load: Callable[[], Settings], send: Send, stopping: Callable[[], bool] = lambda: False) -> None:
        self._load = load
        self._send = send
        self._stopping = stopping
        self._pid = 0
        self._container: Container | None = None

    def __call__(self) -> Container:
        """The container of this process."""
        if self._container is None or self._pid != os.getpid():
            self._container, self._pid = Container(self._load(), self._send, self._stopping), os.getpid()
        return self._container
