"""Jobs and their logs, from the APIs of CI providers: one file a provider, one way to ask them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ci_memory_producers.excerpt import Excerpt

from ...domain.job_ended import JobEnded, RunEnded
from ...domain.webhook import Hook, Provider
from ...services.ports.job_logs import Leg, RunFacts
from . import buildkite, circleci, github, gitlab, jenkins
from .client import ProviderClient, headers_for

__all__ = ["ProviderLogs", "headers_for"]


class _Api(Protocol):
    def facts(self, client: ProviderClient, hook: Hook, job: JobEnded, /) -> RunFacts: ...

    def excerpt(self, client: ProviderClient, hook: Hook, job: JobEnded, leg: Leg | None, /) -> Excerpt: ...

    def jobs(self, client: ProviderClient, hook: Hook, run: RunEnded, /) -> Sequence[Any]: ...


_APIS: dict[Provider, _Api] = {
    "github": github,
    "gitlab": gitlab,
    "buildkite": buildkite,
    "circleci": circleci,
    "jenkins": jenkins,
}


class ProviderLogs:
    """Satisfies `services.ports.job_logs.JobLogs`."""

    def __init__(self) -> None:
        self._client = ProviderClient()

    def facts(self, hook: Hook, job: JobEnded) -> RunFacts:
        """See `JobLogs.facts`."""
        return _APIS[hook.provider].facts(self._client, hook, job)

    def excerpt(self, hook: Hook, job: JobEnded, leg: Leg | None) -> Excerpt:
        """See `JobLogs.excerpt`."""
        return _APIS[hook.provider].excerpt(self._client, hook, job, leg)

    def jobs(self, hook: Hook, run: RunEnded) -> Sequence[Any]:
        """See `JobLogs.jobs`."""
        return _APIS[hook.provider].jobs(self._client, hook, run)
