"""Jobs whose logs are owed, and runs whose jobs are to be asked for, in Redis; and what the index knows of their builds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from redis import Redis
from redis.exceptions import OutOfMemoryError, ResponseError

from ci_memory_producers.keys import DEFAULT_LOG_LIMIT, FIELD, LOG_LIMIT_KEY, STREAM

from ..domain.job_ended import Ended, JobEnded
from ..errors import LogFull
from ..names import GROUP
from .pattern_codec import digest, prefix, text
from .redis_due import TENANTS
from .scripts import Scripts

MOST_OWED = 20_000
"""Jobs and runs of a tenant whose logs are owed."""
_ENDED: TypeAdapter[Ended] = TypeAdapter(Annotated[Ended, Field(discriminator="kind")])


def encode(ended: Ended) -> bytes:
    """A job or a run, as owed work keeps it."""
    return _ENDED.dump_json(ended)


def work_id_of(ended: Ended) -> str:
    """The same for each delivery about the same execution of a job; of a run, for each that tells of the same end."""
    if isinstance(ended, JobEnded):
        return digest(ended.hook, ended.repo, ended.job_id, str(ended.failed))
    said = (ended.build_id, ended.job_id, str(ended.attempt), str(ended.ended_ms))
    return digest("run", ended.hook, ended.project, *said)


class RedisOwedLogs:
    """Satisfies `services.ports.job_logs.OwedLogs`; raises what redis raises. Keys live for ``kept_seconds``."""

    def __init__(self, client: Redis, *, kept_seconds: int) -> None:
        self._client = client
        self._kept_seconds = kept_seconds
        self._scripts = Scripts(client)

    def ended(self, tenant: str, work_id: str) -> Ended | None:
        """See `OwedLogs.ended`."""
        data: Any = self._client.get(f"{prefix(tenant)}joblog:{work_id}")
        return _ENDED.validate_json(data) if data else None

    def owe(self, tenant: str, job: JobEnded, due_ms: int) -> bool:
        """See `OwedLogs.owe`."""
        said = (work_id_of(job), encode(job), due_ms, self._kept_seconds, MOST_OWED)
        came = self._scripts.run("owe_log", [prefix(tenant), TENANTS], tenant, "", *said)
        if came == b"full":
            raise LogFull("too many logs are owed already")
        return bool(came == b"owed")

    def tried(self, tenant: str, work_id: str) -> int:
        """See `OwedLogs.tried`."""
        key = f"{prefix(tenant)}joblog_tries:{work_id}"
        tries = int(self._client.incr(key))
        self._client.expire(key, self._kept_seconds)
        return tries

    def has_read_until(self, ms: int) -> bool:
        """See `OwedLogs.has_read_until`."""
        try:
            groups: Any = self._client.xinfo_groups(STREAM)
        except ResponseError as error:
            if "no such key" in str(error):
                return True
            raise
        for group in groups:
            if text(group["name"]) == GROUP:
                return group.get("lag") == 0 or int(text(group["last-delivered-id"]).partition("-")[0]) >= ms
        return True

    def told_by_itself(self, tenant: str, job: JobEnded) -> bool:
        """See `OwedLogs.told_by_itself`."""
        return digest(job.job) in self._jobs_that_failed(tenant, job) - self._told_of(tenant, job)

    def counted(self, tenant: str, job: JobEnded, fingerprints: Sequence[str]) -> bool:
        """See `OwedLogs.counted`."""
        found: Any = self._client.hmget(f"{prefix(tenant)}fingerprints", list(fingerprints))
        patterns = {text(one) for one in found if one}
        return bool(patterns) and bool(self._jobs_that_failed(tenant, job, patterns) - self._told_of(tenant, job))

    def append(self, tenant: str, job: JobEnded, payloads: Sequence[bytes]) -> None:
        """See `OwedLogs.append`."""
        if not payloads:
            return
        told = self._told_key(tenant, job)
        self._client.sadd(told, digest(job.job))
        self._client.expire(told, self._kept_seconds)
        try:
            room = self._scripts.run("append_events", [STREAM, LOG_LIMIT_KEY], DEFAULT_LOG_LIMIT, FIELD, *payloads)
        except OutOfMemoryError:
            raise LogFull("Redis is full") from None
        if not room:
            raise LogFull("the log has more to read than it may hold")

    def _told_key(self, tenant: str, job: JobEnded) -> str:
        return f"{prefix(tenant)}told:{digest(job.repo, job.build_id)}"

    def _told_of(self, tenant: str, job: JobEnded) -> set[str]:
        members: Any = self._client.smembers(self._told_key(tenant, job))
        return {text(member) for member in members}

    def _jobs_that_failed(self, tenant: str, job: JobEnded, patterns: set[str] | None = None) -> set[str]:
        """Digests of the jobs of this build that have failed (`apply_batch.lua`: ``e|job|pattern`` of its run)."""
        fields: Any = self._client.hkeys(f"{prefix(tenant)}run:{digest(job.repo, job.build_id)}")
        episodes = (text(field).split("|") for field in fields if field.startswith(b"e|"))
        return {parts[1] for parts in episodes if patterns is None or parts[2] in patterns}
