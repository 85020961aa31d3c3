"""GitHub: ``workflow_job``, ``workflow_run`` and ``check_run`` ("Webhook events and payloads").

A run names its jobs by the API ("Workflow jobs"), so that a delivery that was lost costs nothing. A check of Actions is its job
(they share their id). A check of another app counts only where the hook names the app: what bots say is no failure of a build,
and other CI systems tell of their jobs themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ci_memory_producers.ci_env.values import at, branch_of, job_name, text_of

from ...domain.job_ended import Ended, JobEnded, RunEnded
from ...domain.webhook import Hook
from .fields import MOST_ATTEMPTS, ms_of, name_of, number_of, objects, path_of, said, sha_of, stage_of, web_of

_ENDS = {"success": False, "failure": True, "timed_out": True}
_RUN_ENDS = {"success", "failure", "timed_out", "cancelled"}
ACTIONS = "github-actions"


def read(hook: Hook, headers: Mapping[str, str], payload: Mapping[str, Any]) -> Ended | None:
    """See `webhook_payloads.read`."""
    if payload.get("action") != "completed":
        return None
    match headers.get("x-github-event", ""):
        case "workflow_job":
            return _job(hook.name, payload, at(payload, "workflow_job"))
        case "workflow_run":
            return _run(hook.name, payload, at(payload, "workflow_run"))
        case "check_run":
            return _check(hook, payload, at(payload, "check_run"))
    return None


def jobs_of(run: RunEnded, answers: Sequence[Any]) -> list[JobEnded]:
    """See `webhook_payloads.jobs_of`. Jobs that a new attempt did not run again are passed over."""
    about = {"repository": {"full_name": run.repo, "default_branch": run.default_branch}}
    items = [one for page in answers for one in ([page] if run.job_id else objects(at(page, "jobs")))]
    jobs = [job for item in items if (job := _job(run.hook, about, item)) is not None and job.ended_ms >= run.started_ms]
    if run.run_number is None:
        return jobs
    return [
        replace(job, run_number=run.run_number, branch=run.branch, commit_message=run.commit_message, author=run.author)
        for job in jobs
    ]


def _job(hook: str, payload: Mapping[str, Any], job: Any) -> JobEnded | None:
    failed = _ENDS.get(text_of(at(job, "conclusion")))
    if failed is None:
        return None
    repo = path_of(at(payload, "repository", "full_name"), "repository.full_name")
    named = text_of(at(job, "name"))
    return JobEnded(
        hook=hook,
        provider="github",
        repo=repo,
        project=repo,
        build_id=str(number_of(at(job, "run_id"), "workflow_job.run_id")),
        job=job_name(text_of(at(job, "workflow_name")), named, ""),
        job_id=str(number_of(at(job, "id"), "workflow_job.id")),
        attempt=_attempt(at(job, "run_attempt"), "workflow_job.run_attempt"),
        stage=stage_of(named),
        failed=failed,
        branch=text_of(at(job, "head_branch")),
        default_branch=text_of(at(payload, "repository", "default_branch")),
        commit_sha=sha_of(at(job, "head_sha")),
        url=web_of(at(job, "html_url")),
        ended_ms=ms_of(at(job, "completed_at")),
    )


def _run(hook: str, payload: Mapping[str, Any], run: Any) -> RunEnded | None:
    if text_of(at(run, "conclusion")) not in _RUN_ENDS:
        return None
    repo = path_of(at(payload, "repository", "full_name"), "repository.full_name")
    source = text_of(at(run, "head_repository", "full_name"))
    return RunEnded(
        hook=hook,
        provider="github",
        repo=repo,
        project=repo,
        build_id=str(number_of(at(run, "id"), "workflow_run.id")),
        attempt=_attempt(at(run, "run_attempt"), "workflow_run.run_attempt"),
        started_ms=ms_of(at(run, "run_started_at")),
        ended_ms=ms_of(at(run, "updated_at")),
        run_number=number_of(at(run, "run_number"), "workflow_run.run_number"),
        branch=branch_of(text_of(at(run, "head_branch")), source, repo),
        default_branch=text_of(at(payload, "repository", "default_branch")),
        commit_sha=sha_of(at(run, "head_sha")),
        commit_message=said(at(run, "head_commit", "message"), 4_000),
        author=said(at(run, "actor", "login")),
        url=web_of(at(run, "html_url")),
    )


def _check(hook: Hook, payload: Mapping[str, Any], check: Any) -> Ended | None:
    failed, app = _ENDS.get(text_of(at(check, "conclusion"))), text_of(at(check, "app", "slug"))
    if failed is None or (app != ACTIONS and app not in hook.check_apps):
        return None
    repo = path_of(at(payload, "repository", "full_name"), "repository.full_name")
    check_id = str(number_of(at(check, "id"), "check_run.id"))
    suite = number_of(at(check, "check_suite", "id"), "check_run.check_suite.id")
    ended_ms = ms_of(at(check, "completed_at"))
    if app == ACTIONS:
        return RunEnded(hook.name, "github", repo, repo, build_id=f"suite-{suite}", ended_ms=ended_ms, job_id=check_id)
    named = name_of(at(check, "name"), "check_run.name")
    return JobEnded(
        hook=hook.name,
        provider="github",
        repo=repo,
        project=repo,
        build_id=f"suite-{suite}",
        job=job_name(app, named, ""),
        job_id=check_id,
        attempt=1,
        stage=stage_of(named),
        failed=failed,
        branch=text_of(at(check, "check_suite", "head_branch")),
        default_branch=text_of(at(payload, "repository", "default_branch")),
        commit_sha=sha_of(at(check, "head_sha")),
        url=web_of(at(check, "html_url")),
        ended_ms=ended_ms,
        run_number=suite,  # suites of an app rise from commit to commit
        check=True,
    )


def _attempt(value: Any, field: str) -> int:
    return max(1, min(MOST_ATTEMPTS, number_of(value or 1, field)))
