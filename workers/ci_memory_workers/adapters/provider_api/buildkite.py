"""Buildkite's REST API: "Builds" and "Jobs" (scopes ``read_builds`` and ``read_build_logs``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ci_memory_producers.excerpt import Excerpt

from ...domain.job_ended import JobEnded, RunEnded
from ...domain.webhook import Hook
from ...services.ports.job_logs import Leg, RunFacts
from .client import ProviderClient


def facts(_client: ProviderClient, _hook: Hook, _job: JobEnded) -> RunFacts:
    """See `JobLogs.facts`. The webhook has told everything."""
    return RunFacts()


def excerpt(client: ProviderClient, hook: Hook, job: JobEnded, _leg: Leg | None) -> Excerpt:
    """See `JobLogs.excerpt`."""
    return client.log(hook, f"{_build(job)}/jobs/{job.job_id}/log", accept="text/plain")


def jobs(client: ProviderClient, hook: Hook, run: RunEnded) -> Sequence[Any]:
    """See `JobLogs.jobs`."""
    return [client.json(hook, f"{_build(run)}?include_retried_jobs=true")]


def _build(ended: JobEnded | RunEnded) -> str:
    organization, _, pipeline = ended.project.partition("/")
    return f"/organizations/{organization}/pipelines/{pipeline}/builds/{ended.run_number}"
