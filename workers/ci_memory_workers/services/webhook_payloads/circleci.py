"""CircleCI: ``job-completed`` and ``workflow-completed`` ("Outbound webhooks reference").

A rerun is a new workflow with new job numbers. The jobs of a workflow are asked of the API v2. A job with parallelism is one job
to webhooks and several to its steps: its legs are known when its log is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ci_memory_producers.ci_env.values import at, text_of

from ...domain.job_ended import Ended, JobEnded, RunEnded
from ...domain.webhook import Hook
from .fields import first_text, id_of, ms_of, name_of, number_of, objects, path_of, said, sha_of, stage_of, web_of

_ENDS = {"success": False, "failed": True, "timedout": True, "infrastructure_fail": True}
_RUN_ENDS = {"success", "failed", "canceled"}
_BY_NAME = {"gh", "github", "bb", "bitbucket"}
"""The first part of a project's slug, where owner and repository follow; elsewhere ids do."""


def read(hook: Hook, _headers: Mapping[str, str], payload: Mapping[str, Any]) -> Ended | None:
    """See `webhook_payloads.read`. The event is read from the body, which the signature covers."""
    job = at(payload, "job")
    match payload.get("type"):
        case "job-completed":
            return _job(_run(hook.name, payload), job, "number") if _ended(job) else None
        case "workflow-completed":
            return _run(hook.name, payload) if text_of(at(payload, "workflow", "status")) in _RUN_ENDS else None
    return None


def jobs_of(run: RunEnded, answers: Sequence[Any]) -> list[JobEnded]:
    """See `webhook_payloads.jobs_of`. An approval is a job without a number."""
    items = (item for page in answers for item in objects(at(page, "items")))
    return [_job(run, item, "job_number") for item in items if _ended(item) and item.get("job_number") is not None]


def _ended(job: Any) -> bool:
    return text_of(at(job, "status")) in _ENDS


def _job(run: RunEnded, job: Any, numbered: str) -> JobEnded:
    number = number_of(at(job, numbered), f"job.{numbered}")
    named = name_of(at(job, "name"), "job.name")
    return JobEnded(
        hook=run.hook,
        provider="circleci",
        repo=run.repo,
        project=run.project,
        build_id=run.build_id,
        job=named,
        job_id=str(number),
        attempt=1,
        stage=stage_of(named),
        failed=_ENDS[text_of(at(job, "status"))],
        branch=run.branch,
        default_branch="",
        commit_sha=run.commit_sha,
        url=f"{run.url}/jobs/{number}" if run.url else "",
        ended_ms=ms_of(at(job, "stopped_at")),
        run_number=number,
        commit_message=run.commit_message,
        author=run.author,
    )


def _run(hook: str, payload: Mapping[str, Any]) -> RunEnded:
    slug = path_of(at(payload, "project", "slug"), "project.slug")
    system, _, owned = slug.partition("/")
    owner, name = text_of(at(payload, "organization", "name")), text_of(at(payload, "project", "name"))
    vcs, git = at(payload, "pipeline", "vcs"), at(payload, "pipeline", "trigger_parameters", "git")
    trigger = at(payload, "pipeline", "trigger_parameters")
    message = first_text(vcs, ("commit", "subject"), limit=2_000), first_text(vcs, ("commit", "body"), limit=2_000)
    return RunEnded(
        hook=hook,
        provider="circleci",
        repo=owned if system in _BY_NAME else name_of(f"{owner}/{name}" if owner and name else "", "organization.name"),
        project=slug,
        build_id=id_of(at(payload, "workflow", "id"), "workflow.id"),
        ended_ms=ms_of(at(payload, "workflow", "stopped_at")),
        branch="" if text_of(at(vcs, "tag")) or text_of(at(git, "tag")) else text_of(at(vcs, "branch") or at(git, "branch")),
        commit_sha=sha_of(at(vcs, "revision") or at(git, "checkout_sha")),
        commit_message=said("\n".join(part for part in message if part), 4_000)
        or said(first_text(trigger, *((app, "commit_message") for app in ("gitlab", "github_app")), limit=4_000), 4_000),
        author=said(first_text(vcs, ("commit", "author", "name")))
        or said(first_text(trigger, *((app, "commit_author_name") for app in ("gitlab", "github_app")))),
        url=web_of(at(payload, "workflow", "url")),
    )
