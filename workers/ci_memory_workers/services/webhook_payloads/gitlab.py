"""GitLab: job events and pipeline events ("Webhook events").

The jobs that a pipeline event lists are those that were not retried, without a count of retries. So the API is asked for all of
them ("Jobs API", ``include_retried``): which attempt a job is, is its rank among the jobs of its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ci_memory_producers.ci_env.values import at, text_of

from ...domain.job_ended import Ended, JobEnded, RunEnded
from ...domain.webhook import Hook
from .fields import MOST_ATTEMPTS, attempt_of, ms_of, number_of, objects, path_of, said, sha_of, stage_of, web_of

_ENDS = {"success": False, "failed": True}
_RUN_ENDS = {"success", "failed", "canceled"}


def read(hook: Hook, headers: Mapping[str, str], payload: Mapping[str, Any]) -> Ended | None:
    """See `webhook_payloads.read`."""
    match headers.get("x-gitlab-event", ""), payload.get("object_kind"):
        case "Job Hook", "build":
            return _job(hook.name, payload)
        case "Pipeline Hook", "pipeline":
            return _run(hook.name, payload, at(payload, "object_attributes"))
    return None


def jobs_of(run: RunEnded, answers: Sequence[Any]) -> list[JobEnded]:
    """See `webhook_payloads.jobs_of`."""
    items = sorted(
        (item for page in answers for item in objects(page)), key=lambda item: number_of(item.get("id"), "the id of a job")
    )
    attempts: Counter[str] = Counter()
    found = []
    for item in items:
        named = text_of(item.get("name"))
        attempts[named] += 1
        failed = _ENDS.get(text_of(item.get("status")))
        if failed is not None:
            found.append(_listed(run, item, named, min(MOST_ATTEMPTS, attempts[named]), failed=failed))
    return found


def _job(hook: str, payload: Mapping[str, Any]) -> JobEnded | None:
    failed = _ENDS.get(text_of(payload.get("build_status")))
    if failed is None:
        return None
    repo = path_of(at(payload, "project", "path_with_namespace"), "project.path_with_namespace")
    job_id = number_of(payload.get("build_id"), "build_id")
    web = web_of(at(payload, "project", "web_url"))
    return JobEnded(
        hook=hook,
        provider="gitlab",
        repo=repo,
        project=str(number_of(payload.get("project_id"), "project_id")),
        build_id=str(number_of(payload.get("pipeline_id"), "pipeline_id")),
        job=text_of(payload.get("build_name")),
        job_id=str(job_id),
        attempt=attempt_of(payload.get("retries_count"), "retries_count"),
        stage=stage_of(text_of(payload.get("build_stage")) + " " + text_of(payload.get("build_name"))),
        failed=failed,
        branch=_branch(payload),
        default_branch=text_of(at(payload, "project", "default_branch")),
        commit_sha=sha_of(payload.get("sha")),
        url=f"{web}/-/jobs/{job_id}" if web else "",
        ended_ms=ms_of(payload.get("build_finished_at_iso") or payload.get("build_finished_at")),
    )


def _run(hook: str, payload: Mapping[str, Any], run: Any) -> RunEnded | None:
    if text_of(at(run, "status")) not in _RUN_ENDS:
        return None
    merge = at(payload, "merge_request")
    own = at(merge, "source_project_id") == at(merge, "target_project_id")
    return RunEnded(
        hook=hook,
        provider="gitlab",
        repo=path_of(at(payload, "project", "path_with_namespace"), "project.path_with_namespace"),
        project=str(number_of(at(payload, "project", "id"), "project.id")),
        build_id=str(number_of(at(run, "id"), "object_attributes.id")),
        ended_ms=ms_of(at(run, "finished_at")),
        run_number=number_of(at(run, "iid"), "object_attributes.iid"),
        # A fork's branch has its owner's name before it, and the payload doesn't tell that.
        branch=(text_of(at(merge, "source_branch")) if own else "") if merge else _branch(run),
        default_branch=text_of(at(payload, "project", "default_branch")),
        commit_sha=sha_of(at(run, "sha")),
        commit_message=said(at(payload, "commit", "message"), 4_000),
        author=said(at(payload, "commit", "author", "name")),
        url=web_of(at(run, "url")),
    )


def _listed(run: RunEnded, item: Mapping[str, Any], named: str, attempt: int, *, failed: bool) -> JobEnded:
    return JobEnded(
        hook=run.hook,
        provider="gitlab",
        repo=run.repo,
        project=run.project,
        build_id=run.build_id,
        job=named,
        job_id=str(item["id"]),
        attempt=attempt,
        stage=stage_of(text_of(item.get("stage")) + " " + named),
        failed=failed,
        branch=run.branch,
        default_branch=run.default_branch,
        commit_sha=run.commit_sha,
        url=web_of(item.get("web_url")),
        ended_ms=ms_of(item.get("finished_at")),
        run_number=run.run_number,
        commit_message=run.commit_message,
        author=run.author,
    )


def _branch(told: Any) -> str:
    ref = text_of(at(told, "ref"))
    return "" if at(told, "tag") or ref.startswith("refs/") else ref
