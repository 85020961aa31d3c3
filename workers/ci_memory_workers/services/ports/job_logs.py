"""What reading the logs of jobs needs of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ci_memory_producers.excerpt import Excerpt

from ...domain.job_ended import JobEnded
from ...domain.webhook import Hook


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the provider's API knows of a run and its webhook does not tell. Empty or None where it doesn't say."""

    run_number: int | None = None
    branch: str = ""
    commit_message: str = ""
    author: str = ""


class JobLogs(Protocol):
    """The log of jobs at a provider. Raises `LogNotThere` (try again later) and `LogRefused` (never)."""

    def facts(self, hook: Hook, job: JobEnded) -> RunFacts:
        """What is known of the job's run."""
        ...

    def excerpt(self, hook: Hook, job: JobEnded) -> Excerpt:
        """The failing part of the job's log. Raises `excerpt.UnreadableLog` too."""
        ...


class OwedLogs(Protocol):
    """Jobs whose logs are owed, and what is known of their builds already."""

    def job(self, tenant: str, work_id: str) -> JobEnded | None:
        """The job of a piece of owed work; None when it has expired."""
        ...

    def tried(self, tenant: str, work_id: str) -> int:
        """Count one more try; returns how many there were, this one included."""
        ...

    def has_read_until(self, ms: int) -> bool:
        """Whether workers have read all events that came in before ``ms``."""
        ...

    def told_by_itself(self, tenant: str, job: JobEnded) -> bool:
        """Whether a step of this very job has reported failures of it."""
        ...

    def counted(self, tenant: str, job: JobEnded, fingerprints: Sequence[str]) -> bool:
        """Whether one of these fingerprints was reported in this build by a job that no webhook has told of."""
        ...

    def append(self, tenant: str, job: JobEnded, payloads: Sequence[bytes]) -> None:
        """Append events to the log, and keep that a webhook has told of this job. Raises `LogFull`."""
        ...
