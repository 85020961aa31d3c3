"""What somebody is notified of: one execution of a job, with its failures, or that the job passes again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

NO_BRANCH = "@"
"""Before a commit that stands for a branch nobody knows."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it failed, as the event says it. ``ms`` is when the event came in; texts are redacted."""

    repo: str
    branch: str
    default_branch: str
    commit: str
    build_id: str
    job: str
    attempt: int
    provider: str
    url: str
    run_number: int | None
    ms: int

    @property
    def on_default_branch(self) -> bool:
        """Whether the repository's default branch is what failed."""
        return bool(self.branch) and self.branch == self.default_branch

    @property
    def web_url(self) -> str:
        """Where people see what was built: the host of its address; '' where that is none."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return ""
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

    @property
    def work_id(self) -> str:
        """The same for everything that one execution of the job reports."""
        return _digest(self.repo, self.build_id, self.job, str(self.attempt))

    @property
    def line(self) -> str:
        """The job on its branch; where the branch is unknown, at its commit."""
        return _digest(self.repo, self.branch or NO_BRANCH + self.commit, self.job)

    @property
    def job_anywhere(self) -> str:
        """The job on whatever branch, where that is unknown (GitLab's job events of a merge request don't tell it); else ''."""
        return "" if self.branch else _digest(self.repo, self.job)

    @property
    def order(self) -> str:
        """Sorts the executions of a line as text: by run and attempt; by time where the provider counts no runs."""
        run, attempt, ms = (self.run_number, self.attempt, 0) if self.run_number is not None else (0, 0, self.ms)
        return f"{run:019d}{attempt:06d}{ms:016d}"


@dataclass(frozen=True, slots=True)
class Noted:
    """An event of which somebody is to be notified; ``final`` says that its answer will not change any more."""

    event_id: str
    place: Place
    passed: bool
    test_id: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """All that is to be told of one execution of a job; or of an ``outbreak``, by its pattern, once it is over.

    ``events`` are the test ids of its failures by their event ids, as they came; ``failures`` counts those beyond too. ``told``
    has for each channel a digest of what it was told last, ``tries`` how often that has failed in a row. ``overtaken`` says that
    a later execution of the job is known of; ``outbreak_told`` names the channels that know of the outbreak.
    """

    work_id: str
    place: Place
    line: str
    passed: bool
    overtaken: bool
    revision: int
    first_ms: int
    outbreak: str = ""
    outbreak_told: frozenset[str] = frozenset()
    failures: int = 0
    events: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    tries: Mapping[str, int] = field(default_factory=dict)


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()
