"""The story of a job that a webhook tells of: its log is fetched, read as a step of the job would have read it, and reported.

What a step of the job has reported itself is not counted again: the step told it while the job ran, the webhook came after.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ci_memory_producers.ci_env.values import MAX_NAME, job_name
from ci_memory_producers.events import STAGES, FailureEvent, PassEvent
from ci_memory_producers.excerpt import UnreadableLog
from ci_memory_producers.junit_events import failure_event
from ci_memory_producers.redact import redact

from ..domain.access_token import covers
from ..domain.backoff import delay
from ..domain.job_ended import Ended, JobEnded, RunEnded
from ..domain.webhook import Hook
from ..errors import LogFull, LogNotThere, LogRefused
from .incoming import redacted
from .ports import Index, Lease
from .ports.job_logs import JobLogs, Leg, OwedLogs, RunFacts
from .reading import TextReader
from .webhook_payloads import NotAJob, jobs_of

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
        """Fetch and report one job, or owe those of a run, if that is due. Returns what came of it, in a word."""
        lease = self.index.take("logs", tenant, work_id, now_ms=now_ms, lease_ms=LEASE_MS)
        if lease is None:
            return "not_due"
        ended = self.owed.ended(tenant, work_id)
        hook = self.hooks.get(ended.hook) if ended else None
        if ended is None or hook is None or hook.tenant != tenant:
            self.index.finish(lease)
            return "gone"
        if not self.owed.has_read_until(ended.ended_ms):
            # What the job's own steps have reported may be among what nobody has read.
            self.index.finish(lease, again_ms=now_ms + BUSY_MS)
            return "busy"
        try:
            came = self._follow(tenant, hook, ended, now_ms)
        except LogFull:
            self.index.finish(lease, again_ms=now_ms + BUSY_MS)
            return "busy"
        except LogNotThere as error:
            return self._later(lease, error, now_ms)
        except (LogRefused, UnreadableLog, NotAJob) as error:
            which = ended.job_id or ended.build_id
            log.warning("no log of a job hook=%s job=%s reason=%s", ended.hook, which, getattr(error, "reason", "unreadable"))
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

    def _follow(self, tenant: str, hook: Hook, ended: Ended, now_ms: int) -> str:
        if isinstance(ended, RunEnded):
            return self._owe_jobs(tenant, hook, ended, now_ms)
        if ended.failed and self.owed.told_by_itself(tenant, ended):
            return "told_by_itself"
        facts = self.logs.facts(hook, ended)
        came = [self._report(tenant, hook, _of_leg(ended, leg), leg, facts) for leg in facts.legs or (None,)]
        return next((word for word in ("reported", "told_by_itself") if word in came), "passed")

    def _owe_jobs(self, tenant: str, hook: Hook, run: RunEnded, now_ms: int) -> str:
        """Those that no delivery has told of; each delivery may be lost, and the jobs of a run are known for sure."""
        jobs = jobs_of(run, self.logs.jobs(hook, run))
        new = [self.owed.owe(tenant, job, now_ms) for job in jobs if covers(hook.repositories, job.repo)]
        return "owed" if any(new) else "known"

    def _report(self, tenant: str, hook: Hook, job: JobEnded, leg: Leg | None, facts: RunFacts) -> str:
        where = _place(tenant, job, facts)
        if not job.failed:
            self.owed.append(tenant, job, [_encoded(PassEvent(**where))])
            return "passed"
        if leg is not None and self.owed.told_by_itself(tenant, job):
            return "told_by_itself"
        found = [
            failure_event(where, redact(one.text), redact(one.stack_trace), redact(one.test_id))
            for one in self.logs.excerpt(hook, job, leg).failures
        ]
        new = [event for event in found if not self.owed.counted(tenant, job, self._fingerprints(event))]
        self.owed.append(tenant, job, [_encoded(event) for event in new])
        return "reported" if new else "told_by_itself"

    def _fingerprints(self, event: FailureEvent) -> list[str]:
        # The stage is a guess here, and a part of the fingerprint: the step may have said another one.
        text, trace = event.error_message, event.stack_trace or ""
        return [self.reader.read(text, trace, stage, event.test_id).said.fingerprint for stage in STAGES]


def _of_leg(job: JobEnded, leg: Leg | None) -> JobEnded:
    return replace(job, job=job_name("", job.job, leg.name), failed=leg.failed) if leg else job


def _place(tenant: str, job: JobEnded, facts: RunFacts) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "provider": job.provider,
        "repo": job.repo,
        "build_id": job.build_id,
        "run_number": facts.run_number if job.run_number is None else job.run_number,
        "job": job.job,
        "attempt": job.attempt,
        "stage": job.stage,
        "branch": facts.branch or job.branch,
        "default_branch": job.default_branch,
        "commit_sha": job.commit_sha,
        "commit_message": (facts.commit_message or job.commit_message)[:4_000],
        "author": (facts.author or job.author)[:MAX_NAME],
        "url": job.url,
    }


def _encoded(event: FailureEvent | PassEvent) -> bytes:
    return redacted(event).model_dump_json(exclude_none=True).encode()
