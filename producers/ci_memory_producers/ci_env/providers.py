"""How each CI provider names what it knows.

Variables are those of the providers' documentation: GitHub Actions (variables reference), GitLab (predefined CI/CD variables),
Jenkins (global variables, git plugin, branch API plugin), Buildkite (environment variables), CircleCI (project values and
variables).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ci_memory_producers.ci_env.values import (
    MAX_NAME,
    Environment,
    at,
    branch_of,
    job_name,
    leg_of,
    number_of,
    reader,
    repo_of,
    text_of,
    web_address,
)


@dataclass(frozen=True, slots=True)
class CiFacts:
    """A job as its provider names it; empty or None where the provider doesn't say.

    ``build_id`` is one run of the pipeline, ``run_number`` rises from run to run, ``attempt`` from 1 with every retry inside of
    a run. ``job`` names the job so that the same job has the same name in every run, its matrix or parallel leg included.
    ``job_id`` is the provider's id of this very execution. ``branch`` of a fork is ``owner:branch``: a fork's main is not ours;
    it is empty for a tag. ``commit_sha`` is what was pushed, not the merge that a provider makes of it.
    """

    provider: str = ""
    repo: str = ""
    build_id: str = ""
    run_number: int | None = None
    job: str = ""
    job_id: str = ""
    attempt: int | None = None
    branch: str = ""
    default_branch: str = ""
    commit_sha: str = ""
    author: str = ""
    url: str = ""


def github(environ: Environment, event: Mapping[str, Any]) -> CiFacts:
    """``GITHUB_JOB`` doesn't tell the legs of a matrix apart: ``CI_MEMORY_MATRIX: ${{ toJSON(matrix) }}`` does.

    For a pull request ``GITHUB_SHA`` is a merge into the target branch; the event has the commit that was pushed.
    """
    get = reader(environ)
    repo, run = get("GITHUB_REPOSITORY"), get("GITHUB_RUN_ID")
    head = at(event, "pull_request", "head")
    branch = get("GITHUB_HEAD_REF") or ("" if get("GITHUB_REF_TYPE") == "tag" else get("GITHUB_REF_NAME"))
    source = text_of(at(head, "repo", "full_name"))
    server = get("GITHUB_SERVER_URL")
    attempt = number_of(get("GITHUB_RUN_ATTEMPT"))
    url = f"{server}/{repo}/actions/runs/{run}" if server and repo and run else ""
    return CiFacts(
        provider="github",
        repo=repo,
        build_id=run,
        run_number=number_of(get("GITHUB_RUN_NUMBER")),
        job=job_name(get("GITHUB_WORKFLOW"), get("GITHUB_JOB"), _matrix(environ)),
        attempt=attempt,
        branch=branch_of(branch, source, repo) if get("GITHUB_HEAD_REF") else branch,
        default_branch=text_of(at(event, "repository", "default_branch")),
        commit_sha=text_of(at(head, "sha")) or get("GITHUB_SHA"),
        author=get("GITHUB_ACTOR"),
        url=web_address(f"{url}/attempts/{attempt}" if url and attempt else url),
    )


def gitlab(environ: Environment, _event: Mapping[str, Any]) -> CiFacts:
    """``CI_JOB_NAME`` has the leg already: ``test 1/3`` or ``test: [3.12, linux]``.

    A retried job is a new job of the same pipeline. ``CI_JOB_RETRY_COUNT`` (GitLab 19.3) counts that from 0; before, nothing
    in the environment does, so ``attempt`` is None and not a guess, and only ``job_id`` tells a job and its retry apart.
    """
    get = reader(environ)
    retries = number_of(get("CI_JOB_RETRY_COUNT"))
    repo = get("CI_MERGE_REQUEST_PROJECT_PATH") or get("CI_PROJECT_PATH")
    source = get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME")
    branch = source or ("" if get("CI_COMMIT_TAG") else get("CI_COMMIT_REF_NAME"))
    return CiFacts(
        provider="gitlab",
        repo=repo,
        build_id=get("CI_PIPELINE_ID"),
        run_number=number_of(get("CI_PIPELINE_IID")),
        job=get("CI_JOB_NAME"),
        job_id=get("CI_JOB_ID"),
        attempt=None if retries is None else retries + 1,
        branch=branch_of(branch, get("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH"), repo) if source else branch,
        default_branch=get("CI_DEFAULT_BRANCH"),
        commit_sha=get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or get("CI_COMMIT_SHA"),
        author=get("CI_COMMIT_AUTHOR").partition("<")[0].strip() or get("GITLAB_USER_LOGIN"),
        url=web_address(get("CI_JOB_URL") or get("CI_PIPELINE_URL")),
    )


def jenkins(environ: Environment, _event: Mapping[str, Any]) -> CiFacts:
    """A build that is run again is a new build: its attempt is always the first.

    Build numbers rise within ``JOB_NAME`` (of a multibranch project that ends in the branch), so the job keeps that name.
    """
    get = reader(environ)
    job, number = get("JOB_NAME"), get("BUILD_NUMBER")
    branch = get("CHANGE_BRANCH") or get("BRANCH_NAME") or get("GIT_BRANCH").removeprefix("origin/")
    fork, tag = get("CHANGE_FORK"), text_of(environ.get("BUILD_TAG"), 4 * MAX_NAME)
    return CiFacts(
        provider="jenkins",
        repo=repo_of(get("GIT_URL") or get("GIT_URL_1")),
        build_id=(tag or (f"{job}#{number}" if job and number else number))[-MAX_NAME:],  # the end tells builds apart
        run_number=number_of(number),
        job=job,
        job_id=number,
        attempt=1,
        branch="" if get("TAG_NAME") else f"{fork.split('/')[0]}:{branch}"[:MAX_NAME] if fork else branch,
        default_branch=get("BRANCH_NAME") if get("BRANCH_IS_PRIMARY") == "true" else "",
        commit_sha=get("GIT_COMMIT"),
        author=get("CHANGE_AUTHOR"),
        url=web_address(get("BUILD_URL")),
    )


def buildkite(environ: Environment, _event: Mapping[str, Any]) -> CiFacts:
    """``BUILDKITE_COMMIT`` may be a name such as HEAD: that is no commit. Numbers rise within a pipeline, which is in the job."""
    get = reader(environ)
    retries = number_of(get("BUILDKITE_RETRY_COUNT"))
    leg = leg_of(get("BUILDKITE_PARALLEL_JOB"), get("BUILDKITE_PARALLEL_JOB_COUNT"))
    step = get("BUILDKITE_LABEL") or get("BUILDKITE_STEP_KEY") or get("BUILDKITE_COMMAND").split("\n")[0]
    job_id, url = get("BUILDKITE_JOB_ID"), get("BUILDKITE_BUILD_URL")
    commit = get("BUILDKITE_COMMIT")
    return CiFacts(
        provider="buildkite",
        repo=repo_of(get("BUILDKITE_REPO")),
        build_id=get("BUILDKITE_BUILD_ID"),
        run_number=number_of(get("BUILDKITE_BUILD_NUMBER")),
        job=job_name(get("BUILDKITE_PIPELINE_SLUG"), step, leg),
        job_id=job_id,
        attempt=None if retries is None else retries + 1,
        branch="" if get("BUILDKITE_TAG") else get("BUILDKITE_BRANCH"),
        default_branch=get("BUILDKITE_PIPELINE_DEFAULT_BRANCH"),
        commit_sha=commit if commit and set(commit.lower()) <= set("0123456789abcdef") else "",
        author=get("BUILDKITE_BUILD_AUTHOR") or get("BUILDKITE_BUILD_CREATOR"),
        url=web_address(f"{url}#{job_id}" if url and job_id else url),
    )


def circleci(environ: Environment, _event: Mapping[str, Any]) -> CiFacts:
    """A rerun is a new workflow with new job numbers: its attempt is always the first. Job numbers rise within a project."""
    get = reader(environ)
    owner, name = get("CIRCLE_PROJECT_USERNAME"), get("CIRCLE_PROJECT_REPONAME")
    return CiFacts(
        provider="circleci",
        repo=f"{owner}/{name}"[:MAX_NAME] if owner and name else repo_of(get("CIRCLE_REPOSITORY_URL")),
        build_id=get("CIRCLE_WORKFLOW_ID") or get("CIRCLE_BUILD_NUM"),
        run_number=number_of(get("CIRCLE_BUILD_NUM")),
        job=job_name("", get("CIRCLE_JOB"), leg_of(get("CIRCLE_NODE_INDEX"), get("CIRCLE_NODE_TOTAL"))),
        job_id=get("CIRCLE_WORKFLOW_JOB_ID"),
        attempt=1,
        branch=get("CIRCLE_BRANCH"),
        commit_sha=get("CIRCLE_SHA1"),
        author=get("CIRCLE_USERNAME") or get("CIRCLE_PR_USERNAME"),
        url=web_address(get("CIRCLE_BUILD_URL")),
    )


def generic(environ: Environment) -> CiFacts:
    """Any other system that says ``CI``: the names that several of them share."""
    get = reader(environ)

    def first(*names: str) -> str:
        return next((value for name in names if (value := get(name))), "")

    return CiFacts(
        provider="generic",
        repo=(get("CI_REPO") or repo_of(first("CI_REPO_CLONE_URL", "CI_REPOSITORY_URL", "GIT_URL"))),
        build_id=first("CI_BUILD_ID", "CI_PIPELINE_ID", "CI_PIPELINE_NUMBER", "CI_BUILD_NUMBER", "BUILD_ID", "BUILD_NUMBER"),
        run_number=number_of(first("CI_PIPELINE_NUMBER", "CI_BUILD_NUMBER", "BUILD_NUMBER")),
        job=first("CI_JOB_NAME", "CI_WORKFLOW_NAME", "JOB_NAME"),
        branch=first("CI_COMMIT_SOURCE_BRANCH", "CI_COMMIT_BRANCH", "CI_BRANCH", "GIT_BRANCH"),
        default_branch=first("CI_REPO_DEFAULT_BRANCH", "CI_DEFAULT_BRANCH"),
        commit_sha=first("CI_COMMIT_SHA", "CI_COMMIT_ID", "GIT_COMMIT"),
        author=first("CI_COMMIT_AUTHOR", "CI_COMMITTER_NAME"),
        url=web_address(first("CI_PIPELINE_URL", "CI_BUILD_URL", "BUILD_URL")),
    )


def _matrix(environ: Environment) -> str:
    """``ubuntu, 3.12`` of ``CI_MEMORY_MATRIX``, which holds the matrix as JSON or any text that names the leg."""
    text = environ.get("CI_MEMORY_MATRIX", "")
    try:
        matrix = json.loads(text)
    except (ValueError, RecursionError):
        return text_of(text)
    if not isinstance(matrix, dict):
        return "" if matrix is None else text_of(text)
    return text_of(", ".join(value if isinstance(value, str) else json.dumps(value) for value in matrix.values()))
