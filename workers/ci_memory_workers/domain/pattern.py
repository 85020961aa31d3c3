"""What is known of a recurring failure, and what becomes of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from ci_memory_producers.events import Category, Diagnosis, FixType, Stage

Status = Literal["unresolved", "resolved", "flaky", "quarantined", "deprecated"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person decided: who, why, and when, in ms since the epoch."""

    by: str
    why: str
    ms: int


@dataclass(frozen=True, slots=True)
class Fix:
    """One way in which a pattern was fixed, with the outcomes that speak for and against it.

    A *trial* is one use of the fix. ``worked`` and ``failed`` count trials that a person reported, ``learned_worked`` and
    ``learned_failed`` those that were inferred from the runs of a job; ``pending`` ones have no verdict yet. ``repositories``
    counts where it was tried. ``learned`` says that nobody reported the fix: it was read from a commit. A person's ``veto`` or
    ``pin`` outranks all of that. ``files`` are what it changed in ``repo``, the telling ones; ``changed_file`` is the one of them
    that another commit changed last, at ``changed_ms`` (0: none has).
    """

    fix_id: str
    fix_type: FixType
    description: str
    commit: str
    fixed_by: str
    repo: str
    resolved_ms: int
    learned: bool = False
    files: tuple[str, ...] = ()
    worked: int = 0
    failed: int = 0
    learned_worked: int = 0
    learned_failed: int = 0
    pending: int = 0
    repositories: int = 0
    last_worked_ms: int = 0
    changed_ms: int = 0
    changed_file: str = ""
    veto: Ruling | None = None
    pin: Ruling | None = None

    @property
    def vetoed(self) -> bool:
        """Never suggested for this pattern."""
        return self.veto is not None

    @property
    def pinned(self) -> bool:
        """Suggested first, whatever the outcomes say."""
        return self.pin is not None

    @property
    def proved_ms(self) -> int:
        """When it last worked, or else was recorded."""
        return max(self.resolved_ms, self.last_worked_ms)

    @property
    def changed_since(self) -> bool:
        """Whether one of its files was changed since it last proved itself."""
        return self.changed_ms > self.proved_ms

    @property
    def all_worked(self) -> int:
        """Trials that worked."""
        return self.worked + self.learned_worked

    @property
    def all_failed(self) -> int:
        """Trials that failed."""
        return self.failed + self.learned_failed


OUTBREAK_WINDOW_MS = 15 * 60_000
"""Within which time failures make an outbreak, by the clock of the event log."""
OUTBREAK_TAIL_MS = 60 * 60_000
"""How long after its last failure an outbreak goes on: the last builds that it hit come in one by one."""


@dataclass(frozen=True, slots=True)
class Span:
    """When an outbreak was: from its first failure to its last, in ms since the epoch."""

    since_ms: int
    last_ms: int

    def covers(self, ms: int) -> bool:
        """Whether a failure at ``ms`` belongs to it."""
        return self.since_ms <= ms <= self.last_ms + OUTBREAK_TAIL_MS


@dataclass(frozen=True, slots=True)
class Outbreak(Span):
    """One failure in many builds of many repositories within minutes: one incident, and probably the infrastructure."""

    builds: int
    repositories: int


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A pattern's quarantine, or its last one; times are ms since the epoch.

    The counts are those when it entered or left: what came since is the difference. ``entries`` counts how often it entered.
    """

    since_ms: int = 0
    until_ms: int = 0
    episodes: int = 0
    flaky_episodes: int = 0
    entries: int = 0


@dataclass(frozen=True)
class Pattern:
    """A failure that may come again. Times are milliseconds since the epoch, by the clock of the event log.

    ``occurrences`` counts events, ``episodes`` distinct (repository, build, job), ``flaky_episodes`` those of them that passed
    when run again. ``analysed`` is empty until an analyst has spoken; ``attempts`` counts its tries, ``takes`` how often a worker
    began one; ``analyst_reason`` is what the analyst gave as its reason, or, where rules answered, why the language model did not
    (an error's ``reason``). ``owner`` is who looks after it, as a person said. ``broken`` says that it fails on a default branch
    now, on several commits in a row. ``revision`` grows with every change.
    """

    pattern_id: str
    status: Status
    category: Category
    signal: str
    stage: Stage
    fingerprint: str
    test_key: str
    headline: str
    generic: bool
    occurrences: int
    episodes: int
    flaky_episodes: int
    repositories: int
    match_votes: int
    recurred: int
    first_ms: int
    last_ms: int
    revision: int
    analysed: Literal["", "provisional", "final"] = ""
    analyst: str = ""
    analyst_reason: str = ""
    diagnosis: Diagnosis | None = None
    attempts: int = 0
    takes: int = 0
    status_reason: str = ""
    fix: Fix | None = None
    fixes: tuple[Fix, ...] = ()
    reflection_id: str = ""
    merged_into: str = ""
    outbreak: Outbreak | None = None
    quarantine: Quarantine = Quarantine()
    broken: bool = False
    owner: str = ""
    repeated: bool = False
    """Whether it once failed again before it went away."""

    def recounted(self, **fields: Any) -> Pattern:
        """The same pattern with other ``fields``: `dataclasses.replace` for what a drain does with each failure, in a fifth of
        its time.
        """
        other = object.__new__(Pattern)
        vars(other).update(vars(self))
        vars(other).update(fields)
        return other


def fix_identity(fix_type: FixType, description: str, commit: str) -> str:
    """What makes two reports the same fix: the commit where there is one, else the words, without case and spacing."""
    what = commit.lower() or " ".join(description.lower().split())
    return hashlib.blake2b(f"{fix_type}\x1f{what}".encode("utf-8", "replace"), digest_size=6).hexdigest()
