"""GitHub's REST API: "Workflow jobs" (a log answers with 302 and a signed address), "Workflow runs", "Check runs"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ci_memory_producers.ci_env.values import at, branch_of, text_of
from ci_memory_producers.excerpt import Excerpt
from ci_memory_producers.redact import redact

from ...domain.job_ended import JobEnded, RunEnded
from ...domain.webhook import Hook
from ...services.ports.job_logs import Leg, RunFacts
from .client import MOST_PAGES, ProviderClient, spooled

_PAGE = 100


def facts(client: ProviderClient, hook: Hook, job: JobEnded) -> RunFacts:
    """See `JobLogs.facts`."""
    if job.run_number is not None:
        return RunFacts()
    found = client.json(hook, f"/repos/{job.project}/actions/runs/{job.build_id}")
    number, source = at(found, "run_number"), text_of(at(found, "head_repository", "full_name"))
    return RunFacts(
        run_number=number if isinstance(number, int) else None,
        branch=branch_of(text_of(at(found, "head_branch")), source, job.repo),
        commit_message=redact(text_of(at(found, "head_commit", "message"), 4_000)),
        author=redact(text_of(at(found, "actor", "login"))),
    )


def excerpt(client: ProviderClient, hook: Hook, job: JobEnded, _leg: Leg | None) -> Excerpt:
    """See `JobLogs.excerpt`."""
    if job.check:
        return spooled(_output(client, hook, job))
    return client.log(hook, f"/repos/{job.project}/actions/jobs/{job.job_id}/logs")


def jobs(client: ProviderClient, hook: Hook, run: RunEnded) -> Sequence[Any]:
    """See `JobLogs.jobs`. The check of a job has the job's id."""
    if run.job_id:
        return [client.json(hook, f"/repos/{run.project}/actions/jobs/{run.job_id}")]
    path = f"/repos/{run.project}/actions/runs/{run.build_id}/attempts/{run.attempt}/jobs"
    pages = []
    for page in range(1, MOST_PAGES + 1):
        pages.append(client.json(hook, f"{path}?per_page={_PAGE}&page={page}"))
        total = at(pages[-1], "total_count")
        if not isinstance(total, int) or total <= page * _PAGE:
            break
    return pages


def _output(client: ProviderClient, hook: Hook, job: JobEnded) -> list[bytes]:
    """What a check says of itself: title, summary and text, and each annotation as a compiler would print it."""
    path = f"/repos/{job.project}/check-runs/{job.job_id}"
    check, notes = client.json(hook, path), client.json(hook, f"{path}/annotations?per_page={_PAGE}")
    said = [text_of(at(check, "output", part), 65_535) for part in ("title", "summary", "text")]
    said += [_annotation(note) for note in notes if isinstance(note, Mapping)] if isinstance(notes, list) else []
    return [(part + "\n").encode() for part in said if part]


def _annotation(note: Mapping[str, Any]) -> str:
    level = {"failure": "error", "warning": "warning"}.get(text_of(note.get("annotation_level")), "note")
    title, message = text_of(note.get("title")), text_of(note.get("message"), 4_000)
    line = note.get("start_line")
    place = f"{text_of(note.get('path'))}:{line if isinstance(line, int) else 1}"
    return f"{place}: {level}: {': '.join(part for part in (title, message) if part)}"
