"""Every setting, in one place. Read at the edge only: tasks, commands and bootstrap; never in services or domain."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ci_memory_producers.connection import SCHEMES, SentinelAddress
from ci_memory_producers.keys import DEFAULT_LOG_LIMIT
from ci_memory_producers.rendezvous import default_data_dir, find_url

from .broker import Broker, broker_of
from .domain.breaker import BreakerPolicy
from .domain.flaky import QuarantinePolicy
from .domain.llm_limits import LlmLimits
from .errors import InvalidSettings

LONGEST_PAUSE_SECONDS = 600.0
LONGEST_PAUSE_OF_AEGIS_SECONDS = 60.0


class Settings(BaseSettings):
    """Settings come from the environment, prefix ``CI_MEMORY_``; OpenAI's own names stay as they are."""

    model_config = SettingsConfigDict(env_prefix="CI_MEMORY_", extra="ignore", frozen=True)

    url: str = ""
    """``redis://``, ``rediss://``, ``sentinel://`` or ``unix://``. Empty: what ``ci-memory up`` started on this machine."""
    data_dir: Path = Field(default_factory=default_data_dir)
    """Where the embedded server and the local Aegis keep their files."""

    slots: int = Field(default=2, ge=1, le=64)
    """How many drains read the event log at once, over all workers."""
    batch: int = Field(default=100, ge=1, le=1_000)
    """Most events of one batch."""
    log_limit: int = Field(default=DEFAULT_LOG_LIMIT, ge=1_000)
    """Most events that the log holds. When it is full, producers are told to back off, and keep theirs on disk."""
    drain_seconds: float = Field(default=10.0, gt=0, le=300)
    """How long a drain reads before it hands over to its successor."""
    slot_lease_seconds: float = Field(default=10.0, ge=2, le=600)
    """After how long without a sign of life another drain may take a slot."""
    dedupe_hours: int = Field(default=72, ge=1, le=720)
    """How long an event is recognised as already counted. Older events go to the dead letters."""
    answer_hours: int = Field(default=72, ge=1, le=720)
    """How long an answer can be fetched."""
    work_lease_seconds: float = Field(default=30.0, ge=1, le=600)
    """How long a piece of work may take before its worker is given up, and another takes it over; learning and fixes take twice
    as long, writing to Aegis and notifying four times, and an analysis as long as the LLM may take and this."""
    max_deliveries: int = Field(default=5, ge=2, le=100)
    """How often an event is tried, before it goes to the dead letters."""

    flush_seconds: float = Field(default=30.0, ge=0, le=3_600)
    """How long counts of a pattern may be collected before they are written to Aegis."""
    ring_seconds: float = Field(default=5.0, gt=0, le=300)
    """How often beat looks for slots without a drain and for overdue work."""
    sweep_seconds: float = Field(default=300.0, gt=0, le=86_400)
    """How often beat looks for patterns to age and to quarantine."""
    aging_days: int = Field(default=90, ge=1)
    quarantine_ratio: float = Field(default=0.5, ge=0, le=1)
    quarantine_min_episodes: int = Field(default=3, ge=1)
    quarantine_leave_ratio: float = Field(default=0.2, ge=0, le=1)
    quarantine_clean_runs: int = Field(default=20, ge=1)
    quarantine_days: int = Field(default=14, ge=1)
    quarantine_most: int = Field(default=100, ge=0)
    """Most patterns of a tenant in quarantine at once. See `domain.flaky.QuarantinePolicy` for all of these."""
    quarantine_owner: str = ""
    """Who looks after what is in quarantine, where ``ci-memory patterns own`` has named nobody."""

    rules_file: Path | None = None
    """Own category rules, TOML, which come before the packaged ones."""

    aegis_url: str = ""
    """An Aegis server. Empty: local mode, one SQLite file in ``data_dir``."""
    aegis_api_key: SecretStr = SecretStr("")
    aegis_rate_per_minute: int = Field(default=60, ge=1)
    """Most calls a minute to an Aegis server (its own default limit is 60)."""
    aegis_search_timeout: float = Field(default=5.0, gt=0, le=60)
    """Seconds that the analysis of a new failure waits for Aegis's playbook."""
    aegis_breaker_failures: int = Field(default=3, ge=1)
    """After so many failed searches in a row new failures are analysed without the playbook for a while, then one tries."""
    aegis_pause_seconds: float = Field(default=5.0, gt=0, le=60)
    """How long that while is at first; it doubles with each try that fails, up to a minute."""

    llm_model: str = "gpt-4o-mini"
    llm_timeout: float = Field(default=30.0, gt=0, le=300)
    """Seconds for one analysis by the LLM, all in all."""
    llm_attempts: int = Field(default=12, ge=1)
    """How often the LLM is tried for one failure while it is out of reach; then the rules' analysis stays."""
    llm_rate_per_minute: int = Field(default=120, ge=1, le=1_000_000)
    """Most calls a minute to the LLM, of all workers together; the oldest failure first."""
    llm_tokens_per_day: int = Field(default=2_000_000, ge=0)
    """Most tokens a day (UTC), of all workers together; 0: no limit. An analysis takes 2,000 to 8,000."""
    llm_breaker_failures: int = Field(default=3, ge=1)
    """After so many failed calls in a row nobody asks the LLM for a while, then one worker tries."""
    llm_pause_seconds: float = Field(default=10.0, gt=0, le=600)
    """How long that while is at first; it doubles with each try that fails, up to ten minutes."""
    llm_price_per_million_tokens: float = Field(default=0.0, ge=0)
    """What a million of its tokens costs, for the metrics; 0: nobody has said."""
    openai_api_key: SecretStr = Field(default=SecretStr(""), validation_alias="OPENAI_API_KEY")
    openai_base_url: str = Field(default="", validation_alias="OPENAI_BASE_URL")

    flower_port: int = Field(default=5555, ge=0, le=65_535)
    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(default=8085, ge=0, le=65_535)
    """Where `ci-memory gateway` listens, plain HTTP: put what speaks TLS before it."""
    gateway_metrics_host: str = "127.0.0.1"
    gateway_metrics_port: int | None = Field(default=None, ge=0, le=65_535)
    """Where it serves its own metrics, without a token: keep it from runners, and out of the proxy. Unset: nowhere."""
    webhooks_file: Path | None = None
    """Which webhooks of CI providers are expected, TOML (see `ops/webhooks.toml`). Gateway and workers read it."""
    notify_file: Path | None = None
    """Who is notified of what, TOML (see `ops/notify.toml`). All workers read it."""
    webhook_grace_seconds: float = Field(default=10.0, ge=0, le=600)
    """How long after a webhook the log of its job is fetched: what the job's own steps report is read first."""

    @cached_property
    def redis_url(self) -> str:
        """Where Redis is. Raises `InvalidSettings` when nothing says so."""
        url = self.url or find_url(self.data_dir)
        if not url:
            raise InvalidSettings(
                "no server: start one with `ci-memory up`, or set CI_MEMORY_URL (redis://, rediss://, sentinel:// or unix://)"
            )
        if not url.startswith(SCHEMES):
            scheme = f"{url.partition('://')[0]}://" if "://" in url else "it"
            told = f"CI_MEMORY_URL: {scheme} is not redis://, rediss://, sentinel:// or unix://"
            door = ": a gateway is for CI jobs, and what runs here needs the Redis behind it" if scheme.startswith("http") else ""
            raise InvalidSettings(f"{told}{door}")
        if url.startswith("sentinel://"):
            try:
                SentinelAddress.of(url)
            except ValueError:
                # The cause may repeat a part of the password.
                raise InvalidSettings("CI_MEMORY_URL: a sentinel:// URL is sentinel://host:port,host:port/service/db") from None
        return url

    @property
    def broker(self) -> Broker:
        """The same server, as Celery spells it."""
        return broker_of(self.redis_url)

    @property
    def has_llm(self) -> bool:
        """Whether there is a language model: a key, or a server of one's own."""
        return bool(self.openai_api_key.get_secret_value() or self.openai_base_url)

    @property
    def analysis_lease_ms(self) -> int:
        """How long an analysis may take before another worker takes it over."""
        return int((self.llm_timeout + self.work_lease_seconds) * 1000)

    @property
    def llm_limits(self) -> LlmLimits:
        """What all workers together may ask of the LLM."""
        return LlmLimits(
            rate_per_minute=self.llm_rate_per_minute,
            tokens_per_day=self.llm_tokens_per_day,
            failures=self.llm_breaker_failures,
            pause_s=self.llm_pause_seconds,
            longest_pause_s=LONGEST_PAUSE_SECONDS,
            call_s=self.llm_timeout + 5,
        )

    @property
    def aegis_breaker(self) -> BreakerPolicy:
        """When the playbook is left alone."""
        return BreakerPolicy(
            failures=self.aegis_breaker_failures,
            pause_s=self.aegis_pause_seconds,
            longest_pause_s=LONGEST_PAUSE_OF_AEGIS_SECONDS,
            call_s=2 * self.aegis_search_timeout + 5,
        )

    @property
    def quarantine_policy(self) -> QuarantinePolicy:
        """When a pattern is quarantined."""
        return QuarantinePolicy(
            ratio=self.quarantine_ratio,
            min_episodes=self.quarantine_min_episodes,
            leave_ratio=self.quarantine_leave_ratio,
            clean_runs=self.quarantine_clean_runs,
            days=self.quarantine_days,
            most=self.quarantine_most,
        )


def load() -> Settings:
    """The settings of this process. Raises `InvalidSettings`, naming each variable that makes no sense."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(f"{_variable(e['loc'])}: {e['msg']}" for e in error.errors())
        raise InvalidSettings(problems) from None


def _variable(loc: tuple[int | str, ...]) -> str:
    name = str(loc[0])
    return name if name.isupper() else f"CI_MEMORY_{name.upper()}"
