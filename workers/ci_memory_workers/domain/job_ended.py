"""What has ended, as a provider's webhook tells it: a job, or a run of many whose jobs the provider's API names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ci_memory_producers.events import Stage

from .webhook import Provider


@dataclass(frozen=True, slots=True)
class JobEnded:
    """``job_id`` is the provider's, of this very execution; ``project`` what its API calls the repository.

    ``ended_ms`` is 0 where the provider doesn't say it; ``run_number`` is None, and texts are empty, where it has to be asked.
    ``check`` says that it is no job but a check of another app at GitHub, which has an output and no log.
    """

    hook: str
    provider: Provider
    repo: str
    project: str
    build_id: str
    job: str
    job_id: str
    attempt: int
    stage: Stage
    failed: bool
    branch: str
    default_branch: str
    commit_sha: str
    url: str
    ended_ms: int
    run_number: int | None = None
    commit_message: str = ""
    author: str = ""
    check: bool = False
    kind: Literal["job"] = "job"


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run, build, pipeline or workflow; ``job_id`` is set where only one of its jobs is to be asked for.

    ``repo`` is empty where only the API knows it. Jobs that ended before ``started_ms`` were told by an earlier attempt.
    """

    hook: str
    provider: Provider
    repo: str
    project: str
    build_id: str
    ended_ms: int
    job_id: str = ""
    attempt: int = 1
    started_ms: int = 0
    run_number: int | None = None
    branch: str = ""
    default_branch: str = ""
    commit_sha: str = ""
    commit_message: str = ""
    author: str = ""
    url: str = ""
    kind: Literal["run"] = "run"


Ended = JobEnded | RunEnded
