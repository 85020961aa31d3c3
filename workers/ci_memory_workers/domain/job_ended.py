"""A job that has ended, as a provider's webhook tells it."""

from __future__ import annotations

from dataclasses import dataclass

from ci_memory_producers.events import Stage

from .webhook import Provider


@dataclass(frozen=True, slots=True)
class JobEnded:
    """``job_id`` is the provider's, of this very execution; ``project`` what its API calls the repository.

    ``ended_ms`` is 0 where the provider doesn't say it.
    """

    hook: str
    provider: Provider
    repo: str
    project: str
    build_id: str
    job: str
    job_id: int
    attempt: int
    stage: Stage
    failed: bool
    branch: str
    default_branch: str
    commit_sha: str
    url: str
    ended_ms: int
