"""From the payload of a webhook to the job that it tells of; the rest is asked of the provider's API.

Field names are those of the documentation: GitHub "Webhook events and payloads" (workflow_job), GitLab "Webhook events" (job
events).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ci_memory_producers.ci_env.values import at, job_name, text_of
from ci_memory_producers.events import Stage

from ..domain.job_ended import JobEnded

_REPO = re.compile(r"[\w.-]{1,100}(?:/[\w.-]{1,100}){1,20}", re.ASCII)
_SHA = re.compile(r"[0-9a-f]{7,64}")
_STAGES: tuple[tuple[Stage, re.Pattern[str]], ...] = (
    ("verify", re.compile(r"verify|smoke|post-?deploy|canary")),
    ("deploy", re.compile(r"deploy|release|publish|rollout")),
    ("test", re.compile(r"test|spec|check|e2e|integration|lint")),
    ("build", re.compile(r"build|compile|package|install")),
)
_GITHUB_ENDS = {"success": False, "failure": True, "timed_out": True}
_GITLAB_ENDS = {"success": False, "failed": True}


class NotAJob(ValueError):
    """The payload lacks what the provider documents. Says which field."""


def read_github(hook: str, payload: Mapping[str, Any]) -> JobEnded | None:
    """A ``workflow_job`` delivery; None for one that says neither failed nor passed. Raises `NotAJob`."""
    job = at(payload, "workflow_job")
    failed = _GITHUB_ENDS.get(text_of(at(job, "conclusion")))
    if payload.get("action") != "completed" or failed is None:
        return None
    repo = _repo(at(payload, "repository", "full_name"), "repository.full_name")
    named = text_of(at(job, "name"))
    return JobEnded(
        hook=hook,
        provider="github",
        repo=repo,
        project=repo,
        build_id=str(_number(at(job, "run_id"), "workflow_job.run_id")),
        job=job_name(text_of(at(job, "workflow_name")), named, ""),
        job_id=_number(at(job, "id"), "workflow_job.id"),
        attempt=min(10_000, _number(at(job, "run_attempt") or 1, "workflow_job.run_attempt")),
        stage=_stage(named),
        failed=failed,
        branch=text_of(at(job, "head_branch")),
        default_branch=text_of(at(payload, "repository", "default_branch")),
        commit_sha=_sha(at(job, "head_sha")),
        url=_web(at(job, "html_url")),
        ended_ms=_ms(at(job, "completed_at")),
    )


def read_gitlab(hook: str, payload: Mapping[str, Any]) -> JobEnded | None:
    """A job event; None for one that says neither failed nor passed. Raises `NotAJob`."""
    failed = _GITLAB_ENDS.get(text_of(payload.get("build_status")))
    if payload.get("object_kind") != "build" or failed is None:
        return None
    repo = _repo(at(payload, "project", "path_with_namespace"), "project.path_with_namespace")
    ref = text_of(payload.get("ref"))
    own = not payload.get("tag") and not ref.startswith("refs/")
    job_id = _number(payload.get("build_id"), "build_id")
    web = _web(at(payload, "project", "web_url"))
    return JobEnded(
        hook=hook,
        provider="gitlab",
        repo=repo,
        project=str(_number(payload.get("project_id"), "project_id")),
        build_id=str(_number(payload.get("pipeline_id"), "pipeline_id")),
        job=text_of(payload.get("build_name")),
        job_id=job_id,
        attempt=min(10_000, _number(payload.get("retries_count") or 0, "retries_count") + 1),
        stage=_stage(text_of(payload.get("build_stage")) + " " + text_of(payload.get("build_name"))),
        failed=failed,
        branch=ref if own else "",
        default_branch=text_of(at(payload, "project", "default_branch")),
        commit_sha=_sha(payload.get("sha")),
        url=f"{web}/-/jobs/{job_id}" if web else "",
        ended_ms=_ms(payload.get("build_finished_at_iso") or payload.get("build_finished_at")),
    )


def _stage(name: str) -> Stage:
    """What the name of a job says; a job that says nothing tests."""
    said = name.lower()
    return next((stage for stage, words in _STAGES if words.search(said)), "test")


def _repo(value: Any, field: str) -> str:
    # It becomes a part of an address that is asked: nothing but names may be in it.
    if not isinstance(value, str) or not _REPO.fullmatch(value) or any(set(part) <= {"."} for part in value.split("/")):
        raise NotAJob(f"{field} is no repository")
    return value


def _number(value: Any, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise NotAJob(f"{field} is no number")
    return value


def _sha(value: Any) -> str:
    return value if isinstance(value, str) and _SHA.fullmatch(value) else ""


def _web(value: Any) -> str:
    found = text_of(value, 900)
    return found if found.startswith(("https://", "http://")) else ""


def _ms(value: Any) -> int:
    """``2026-11-25T01:02:03Z``, or GitLab's ``2026-11-25 01:02:03 UTC``, in ms; 0 for anything else."""
    text = text_of(value, 40).removesuffix(" UTC")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
