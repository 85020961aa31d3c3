"""From the payload of a webhook to what has ended by it; the rest is asked of the provider's API.

Field names are those of the providers' documentation. Places (repository, build, job, attempt) are named as `ci_env` names them
inside of the job, so that what a step reports and what a webhook tells is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...domain.job_ended import Ended, JobEnded, RunEnded
from ...domain.webhook import Hook, Provider
from . import buildkite, circleci, github, gitlab, jenkins
from .fields import NotAJob

__all__ = ["NotAJob", "jobs_of", "read"]

_READERS: dict[Provider, Callable[[Hook, Mapping[str, str], Mapping[str, Any]], Ended | None]] = {
    "github": github.read,
    "gitlab": gitlab.read,
    "buildkite": buildkite.read,
    "circleci": circleci.read,
    "jenkins": jenkins.read,
}
_LISTS: dict[Provider, Callable[[RunEnded, Sequence[Any]], list[JobEnded]]] = {
    "github": github.jobs_of,
    "gitlab": gitlab.jobs_of,
    "buildkite": buildkite.jobs_of,
    "circleci": circleci.jobs_of,
    "jenkins": jenkins.jobs_of,
}


def read(hook: Hook, headers: Mapping[str, str], payload: Mapping[str, Any]) -> Ended | None:
    """What has ended, failed or passed, by a delivery; None for one that tells of nothing. Raises `NotAJob`."""
    return _READERS[hook.provider](hook, headers, payload)


def jobs_of(run: RunEnded, answers: Sequence[Any]) -> list[JobEnded]:
    """The jobs of a run that failed or passed, by what the provider's API answered. Raises `NotAJob`."""
    return _LISTS[run.provider](run, answers)
