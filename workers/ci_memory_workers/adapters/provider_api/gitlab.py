"""GitLab's "Jobs API": a job, its trace, the jobs of a pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ci_memory_producers.ci_env.values import at, text_of
from ci_memory_producers.excerpt import Excerpt
from ci_memory_producers.redact import redact

from ...domain.job_ended import JobEnded, RunEnded
from ...domain.webhook import Hook
from ...services.ports.job_logs import Leg, RunFacts
from .client import MOST_PAGES, ProviderClient

_PAGE = 100


def facts(client: ProviderClient, hook: Hook, job: JobEnded) -> RunFacts:
    """See `JobLogs.facts`."""
    if job.run_number is not None:
        return RunFacts()
    found = client.json(hook, f"/projects/{job.project}/jobs/{job.job_id}")
    number = at(found, "pipeline", "iid")
    return RunFacts(
        run_number=number if isinstance(number, int) else None,
        commit_message=redact(text_of(at(found, "commit", "message"), 4_000)),
        author=redact(text_of(at(found, "commit", "author_name"))),
    )


def excerpt(client: ProviderClient, hook: Hook, job: JobEnded, _leg: Leg | None) -> Excerpt:
    """See `JobLogs.excerpt`."""
    return client.log(hook, f"/projects/{job.project}/jobs/{job.job_id}/trace")


def jobs(client: ProviderClient, hook: Hook, run: RunEnded) -> Sequence[Any]:
    """See `JobLogs.jobs`."""
    path = f"/projects/{run.project}/pipelines/{run.build_id}/jobs?include_retried=true&per_page={_PAGE}"
    pages = []
    for page in range(1, MOST_PAGES + 1):
        pages.append(client.json(hook, f"{path}&page={page}"))
        if not isinstance(pages[-1], list) or len(pages[-1]) < _PAGE:
            break
    return pages
