"""The story of a job that a webhook tells of: its log is fetched, read as a step of the job would have read it, and reported.

What a step of the job has reported itself is not counted again: the step told it while the job ran, the webhook came after.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ci_memory_producers.events import STAGES, FailureEvent, PassEvent
from ci_memory_producers.excerpt import UnreadableLog
from ci_memory_producers.junit_events import failure_event
from ci_memory_producers.redact import redact

from ..domain.backoff import delay
from ..domain.job_ended import JobEnded
from ..domain.webhook import Hook
from ..errors import LogFull, LogNotThere, LogRefused
from .incoming import redacted
from .ports import Index, Lease
from .ports.job_logs import JobLogs, OwedLogs, RunFacts
from .reading import TextReader

LEASE_MS = 180_000
MOST_TRIES = 8
BUSY_MS = 15_000
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LogDesk:
    """What it needs; ``hooks`` are the webhooks by name, ``jitter`` gives a number between 0 and 1."""

    index: Index
    owed: OwedLogs
    logs: JobLogs
    reader: TextReader
    hooks: Mapping[str, Hook]
    jitter: Callable[[], float]

    def collect(self, tenant: str, work_id: str, now_ms: int) -> str:
        """Fetch and report one job, if that is due. Returns what came of it, in a word."""
        lease = self.index.take("logs", tenant, work_id, now_ms=now_ms, lease_ms=LEASE_MS)
        if lease is None:
            return "not_due"
        job = self.owed.job(tenant, work_id)
        hook = self.hooks.get(job.hook) if job else None
        if job is None or hook is None or hook.tenant != tenant:
            self.index.finish(lease)
            return "gone"
        if not self.owed.has_read_until(job.ended_ms):
            # What the job's own steps have reported may be among what nobody has read.
            self.index.finish(lease, again_ms=now_ms + BUSY_MS)
            return "busy"
        try:
            came = self._report(tenant, hook, job)
        except LogFull:
            self.index.finish(lease, again_ms=now_ms + BUSY_MS)
            return "busy"
        except LogNotThere as error:
            return self._later(lease, error, now_ms)
        except (LogRefused, UnreadableLog) as error:
            log.warning("no log of a job hook=%s job=%s reason=%s", job.hook, job.job_id, getattr(error, "reason", "unreadable"))
            came = "no_log"
        self.index.finish(lease)
        return came

    def _later(self, lease: Lease, error: LogNotThere, now_ms: int) -> str:
        tries = self.owed.tried(lease.tenant, lease.work_id)
        if tries >= MOST_TRIES:
            log.warning("no log after %s tries work=%s", tries, lease.work_id)
            self.index.finish(lease)
            return "given_up"
        wait = delay(tries, jitter=self.jitter(), retry_after=error.retry_after)
        self.index.finish(lease, again_ms=now_ms + int(wait * 1000))
        return "later"

    def _report(self, tenant: str, hook: Hook, job: JobEnded) -> str:
        if job.failed and self.owed.told_by_itself(tenant, job):
            return "told_by_itself"
        where = _place(tenant, job, self.logs.facts(hook, job))
        if not job.failed:
            self.owed.append(tenant, job, [_encoded(PassEvent(**where))])
            return "passed"
        found = [
            failure_event(where, redact(one.text), redact(one.stack_trace), redact(one.test_id))
            for one in self.logs.excerpt(hook, job).failures
        ]
        new = [event for event in found if not self.owed.counted(tenant, job, self._fingerprints(event))]
        self.owed.append(tenant, job, [_encoded(event) for event in new])
        return "reported" if new else "told_by_itself"

    def _fingerprints(self, event: FailureEvent) -> list[str]:
        # The stage is a guess here, and a part of the fingerprint: the step may have said another one.
        text, trace = event.error_message, event.stack_trace or ""
        return [self.reader.read(text, trace, stage, event.test_id).said.fingerprint for stage in STAGES]


def _place(tenant: str, job: JobEnded, facts: RunFacts) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "provider": job.provider,
        "repo": job.repo,
        "build_id": job.build_id,
        "run_number": facts.run_number,
        "job": job.job,
        "attempt": job.attempt,
        "stage": job.stage,
        "branch": facts.branch or job.branch,
        "default_branch": job.default_branch,
        "commit_sha": job.commit_sha,
        "commit_message": facts.commit_message,
        "author": facts.author,
        "url": job.url,
    }


def _encoded(event: FailureEvent | PassEvent) -> bytes:
    return redacted(event).model_dump_json(exclude_none=True).encode()
