"""Buildkite: ``job.finished`` and ``build.finished`` ("Job events", "Build events").

Jobs, builds and pipelines look as in the REST API. A build that finished names no jobs: the API is asked for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ci_memory_producers.ci_env.values import at, job_name, leg_of, repo_of, text_of

from ...domain.job_ended import Ended, JobEnded, RunEnded
from ...domain.webhook import Hook
from .fields import (
    NotAJob,
    attempt_of,
    first_text,
    id_of,
    ms_of,
    name_of,
    number_of,
    objects,
    path_of,
    said,
    sha_of,
    stage_of,
    web_of,
)

_ENDS = {"passed": False, "failed": True, "timed_out": True}
_RUN_ENDS = {"passed", "failed", "canceled", "blocked"}
_BUILD = re.compile(r"https?://[^/?#]+/(?:[^?#]*/)?organizations/([\w.-]+)/pipelines/([\w.-]+)/builds/[0-9]+", re.ASCII)


def read(hook: Hook, _headers: Mapping[str, str], payload: Mapping[str, Any]) -> Ended | None:
    """See `webhook_payloads.read`. The event is read from the body, which the signature covers."""
    build, pipeline = at(payload, "build"), at(payload, "pipeline")
    match payload.get("event"):
        case "job.finished":
            return _job(hook.name, build, pipeline, at(payload, "job"))
        case "build.finished":
            return _run(hook.name, build, pipeline) if text_of(at(build, "state")) in _RUN_ENDS else None
    return None


def jobs_of(run: RunEnded, answers: Sequence[Any]) -> list[JobEnded]:
    """See `webhook_payloads.jobs_of`. The answer is the build; all of its executions are in it, retried ones too."""
    found: list[JobEnded] = []
    for build in answers:
        if text_of(at(build, "id")) != run.build_id:
            raise NotAJob("the id of the build is another one")
        jobs = (_job(run.hook, build, at(build, "pipeline"), job) for job in objects(at(build, "jobs")))
        found.extend(job for job in jobs if job is not None)
    return found


def _job(hook: str, build: Any, pipeline: Any, job: Any) -> JobEnded | None:
    failed = _ENDS.get(text_of(at(job, "state")))
    if failed is None or at(job, "type") != "script":
        return None
    run = _run(hook, build, pipeline)
    step = first_text(job, ("name",), ("step_key",)) or text_of(at(job, "command"), 4_000).split("\n")[0]
    leg = leg_of(_digits(at(job, "parallel_group_index")), _digits(at(job, "parallel_group_total")))
    return JobEnded(
        hook=hook,
        provider="buildkite",
        repo=run.repo,
        project=run.project,
        build_id=run.build_id,
        job=job_name(run.project.rpartition("/")[2], step, leg),
        job_id=id_of(at(job, "id"), "job.id"),
        attempt=attempt_of(at(job, "retries_count"), "job.retries_count"),
        stage=stage_of(step),
        failed=failed,
        branch=run.branch,
        default_branch=run.default_branch,
        commit_sha=run.commit_sha,
        url=web_of(at(job, "web_url")) or run.url,
        ended_ms=ms_of(at(job, "finished_at")),
        run_number=run.run_number,
        commit_message=run.commit_message,
        author=run.author,
    )


def _run(hook: str, build: Any, pipeline: Any) -> RunEnded:
    address = _BUILD.fullmatch(text_of(at(build, "url"), 900))
    if address is None:
        raise NotAJob("build.url is not the API's address of a build")
    return RunEnded(
        hook=hook,
        provider="buildkite",
        repo=name_of(repo_of(text_of(at(pipeline, "repository"))), "pipeline.repository"),
        project=path_of(f"{address[1]}/{address[2]}", "build.url"),
        build_id=id_of(at(build, "id"), "build.id"),
        ended_ms=ms_of(at(build, "finished_at")),
        run_number=number_of(at(build, "number"), "build.number"),
        branch="" if at(build, "tag") else text_of(at(build, "branch")),
        default_branch=text_of(at(pipeline, "default_branch")),
        commit_sha=sha_of(at(build, "commit")),
        commit_message=said(at(build, "message"), 4_000),
        author=said(first_text(build, ("author", "name"), ("creator", "name"))),
        url=web_of(at(build, "web_url")),
    )


def _digits(value: Any) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
