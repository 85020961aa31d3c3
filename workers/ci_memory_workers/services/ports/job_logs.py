"""What reading the logs of jobs needs of the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ci_memory_producers.excerpt import Excerpt

from ...domain.job_ended import Ended, JobEnded, RunEnded
from ...domain.webhook import Hook


@dataclass(frozen=True, slots=True)
class Leg:
    """One of several that a job runs in parallel, which its steps know apart (``2/5``); ``log_parts`` says to its provider's
    adapter where its log is.
    """

    name: str
    failed: bool
    log_parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What the provider's API knows of a run and its webhook does not tell. Empty or None where it doesn't say.

    ``legs`` are those that failed or passed; none for a job that is told as a whole.
    """

    run_number: int | None = None
    branch: str = ""
    commit_message: str = ""
    author: str = ""
    legs: tuple[Leg, ...] = ()


class JobLogs(Protocol):
    """The log of jobs at a provider. Raises `LogNotThere` (try again later) and `LogRefused` (never)."""

    def facts(self, hook: Hook, job: JobEnded) -> RunFacts:
        """What is known of the job's run."""
        ...

    def excerpt(self, hook: Hook, job: JobEnded, leg: Leg | None) -> Excerpt:
        """The failing part of the job's log, or of one leg's. Raises `excerpt.UnreadableLog` too."""
        ...

    def jobs(self, hook: Hook, run: RunEnded) -> Sequence[Any]:
        """What the provider's API answers about the jobs of a run, page by page (JSON)."""
        ...


class OwedLogs(Protocol):
    """Jobs whose logs are owed, and what is known of their builds already."""

    def ended(self, tenant: str, work_id: str) -> Ended | None:
        """The job or the run of a piece of owed work; None when it has expired."""
        ...

    def owe(self, tenant: str, job: JobEnded, due_ms: int) -> bool:
        """Write down that the log of a job is owed; False where it is or was. Raises `LogFull`."""
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
