"""Jenkins: what the Notification plugin sends (``JobState``, ``BuildState``, ``ScmState``, as JSON).

A freestyle build says what was checked out. A Pipeline does not, so its build is asked for that. Addresses are made from the
names in ``build.url``; the one that the payload spells out (``full_url``) is shown, and never asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote

from ci_memory_producers.ci_env.values import MAX_NAME, at, repo_of, text_of

from ...domain.job_ended import Ended, JobEnded, RunEnded
from ...domain.webhook import Hook
from .fields import NotAJob, name_of, number_of, objects, sha_of, stage_of, web_of

_ENDS = {"SUCCESS": False, "FAILURE": True, "UNSTABLE": True}
_PHASES = {"COMPLETED", "FINALIZED"}
MOST_FOLDERS = 40


def read(hook: Hook, _headers: Mapping[str, str], payload: Mapping[str, Any]) -> Ended | None:
    """See `webhook_payloads.read`. Both phases of a build tell of the same."""
    build = at(payload, "build")
    if text_of(at(build, "phase")) not in _PHASES or text_of(at(build, "status")) not in _ENDS:
        return None
    run = _run(hook.name, build)
    repo = repo_of(text_of(at(build, "scm", "url"), 1_000))
    if not repo:
        return run
    told = replace(run, repo=name_of(repo, "build.scm.url"), commit_sha=sha_of(at(build, "scm", "commit")))
    return _job(replace(told, branch=_branch(text_of(at(build, "scm", "branch")))), text_of(at(build, "status")))


def jobs_of(run: RunEnded, answers: Sequence[Any]) -> list[JobEnded]:
    """See `webhook_payloads.jobs_of`. The answer is the build. Of several checkouts the last is its own: libraries come first."""
    found = []
    for build in answers:
        checkouts = [one for one in objects(at(build, "actions")) if one.get("remoteUrls")]
        if not checkouts or text_of(at(build, "result")) not in _ENDS:
            continue
        remotes, revision = checkouts[-1]["remoteUrls"], checkouts[-1].get("lastBuiltRevision")
        url = text_of(remotes[0], 1_000) if isinstance(remotes, list) else ""
        branches = objects(at(revision, "branch"))
        told = replace(
            run,
            repo=name_of(repo_of(url), "remoteUrls"),
            commit_sha=sha_of(at(revision, "SHA1")),
            branch=_branch(text_of(branches[0].get("name"))) if branches else "",
        )
        found.append(_job(told, text_of(at(build, "result"))))
    return found


def _run(hook: str, build: Any) -> RunEnded:
    number = number_of(at(build, "number"), "build.number")
    *names, last = _names(text_of(at(build, "url"), 2_000))
    if last != str(number) or not names:
        raise NotAJob("build.url is no address of this build")
    timestamp = at(build, "timestamp")
    return RunEnded(
        hook=hook,
        provider="jenkins",
        repo="",
        project="/".join(f"job/{quote(name, safe='')}" for name in names),
        build_id=f"jenkins-{'-'.join(name.replace('/', '-') for name in names)}-{number}"[:MAX_NAME],
        ended_ms=timestamp if isinstance(timestamp, int) and 0 <= timestamp < 2**53 else 0,
        run_number=number,
        url=web_of(at(build, "full_url")),
    )


def _job(run: RunEnded, status: str) -> JobEnded:
    named = "/".join(unquote(part) for part in run.project.split("/")[1::2])
    return JobEnded(
        hook=run.hook,
        provider="jenkins",
        repo=run.repo,
        project=run.project,
        build_id=run.build_id,
        job=named[:MAX_NAME],
        job_id=f"{run.project}/{run.run_number}",
        attempt=1,
        stage=stage_of(named),
        failed=_ENDS[status],
        branch=run.branch,
        default_branch="",
        commit_sha=run.commit_sha,
        url=run.url,
        ended_ms=run.ended_ms,
        run_number=run.run_number,
    )


def _names(url: str) -> list[str]:
    """The names in ``job/app/job/feature%252Fx/12/``: folders, the job, the number of the build."""
    parts = url.strip("/").split("/")
    if len(parts) > 2 * MOST_FOLDERS or len(parts) % 2 == 0 or set(parts[:-1:2]) - {"job"}:
        raise NotAJob("build.url is no address of a build")
    names = [unquote(part) for part in (*parts[1:-1:2], parts[-1])]
    if not all(name and name.isprintable() and set(name) - {"."} for name in names):
        raise NotAJob("build.url is no address of a build")
    return names


def _branch(said: str) -> str:
    return said.removeprefix("refs/remotes/").removeprefix("origin/")
