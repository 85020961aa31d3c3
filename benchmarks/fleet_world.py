"""What a simulated fleet is made of: root causes with their truth, repositories, and what reaches the memory, in its order.

Nothing here knows the memory: of the project, only the contract of events is used. Times are milliseconds since the epoch.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal

from ci_memory_producers.events import FailureEvent, FixType, PassEvent, Stage

START_MS = 1_767_571_200_000
"""When every world begins: Monday, 5 January 2026, 00:00 UTC."""
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

Kind = Literal["regression", "mass", "twin", "external", "outage", "flaky"]
"""How a cause behaves.

``regression``  fails on every run until a commit fixes it             ``mass``    a regression that fails many tests of a run
``twin``        a regression in a flaky test, with the flaky one's text  ``flaky``   fails in some runs, with the code unchanged
``external``    fails until somebody repairs something outside of the code (a credential, a quota), often without saying so
``outage``      fails in many repositories at once, and goes away by itself
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a world is."""

    repos: int
    days: int
    causes: int


@dataclass(frozen=True, slots=True)
class Words:
    """What people say of a cause: commits that fix it, commits that were meant to, and the names of the files they change."""

    fixes: tuple[str, ...]
    decoys: tuple[str, ...]
    files: tuple[str, ...]
    fix_type: FixType = "code_change"


@dataclass(frozen=True, slots=True)
class FailureText:
    """What a cause prints, before noise. ``later`` is what it prints from ``drift_day`` on; ``test`` names the failing test."""

    first: str
    later: str
    drift_day: float
    test: str = ""

    def on(self, day: float) -> str:
        """The text of that day."""
        return self.first if day < self.drift_day else self.later


@dataclass(frozen=True, slots=True)
class Cause:
    """A root cause. ``rate`` is the share of runs that a flaky one fails; ``source`` says where its text comes from."""

    cause_id: str
    kind: Kind
    stage: Stage
    text: FailureText
    words: Words
    source: str
    rate: float = 0.0
    twin_of: str = ""

    @property
    def fixed_by_commit(self) -> bool:
        """Whether a commit is what ends it."""
        return self.kind in ("regression", "mass", "twin")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit, the causes that it truly fixes, and the job in which they failed."""

    sha: str
    parent: str
    message: str
    author: str
    files: tuple[str, ...]
    fixes: frozenset[str] = frozenset()
    repairs_job: str = ""

    @property
    def subject(self) -> str:
        """The first line of its message."""
        return first_line(self.message)


@dataclass(frozen=True, slots=True)
class Report:
    """A person's report of what fixed the failure that was reported as ``failure_id``."""

    repo: str
    failure_id: str
    fix_type: FixType
    description: str
    commit: str
    author: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """Something reaches the memory at ``ms``. ``cause`` is the truth about a failure, '' for what is none."""

    ms: int
    event: FailureEvent | PassEvent | Report
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Outbreak:
    """One cause in many repositories within minutes. ``repos`` are those that it hits."""

    cause_id: str
    start_ms: int
    end_ms: int
    repos: tuple[str, ...]


@dataclass(slots=True)
class Truth:
    """What is true of a world, beside what it shows.

    ``says`` maps the words of a fix, its first line, to the causes that it truly fixes.
    ``first_fixed_ms`` is when the memory could first see a fix of a cause that truly worked: a job that passes, or a report.
    ``roles`` says what the words of any commit or report are: ``fix``, ``decoy``, ``wrong report``, ``merge``, …
    ``done`` counts what the world did, by kind.
    """

    says: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    roles: dict[str, str] = field(default_factory=dict)
    first_fixed_ms: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def fixed(self, cause_id: str, ms: int) -> None:
        """A fix of the cause that truly worked was seen at ``ms``."""
        self.first_fixed_ms[cause_id] = min(ms, self.first_fixed_ms.get(cause_id, ms))

    def right(self, suggestion: str, cause_id: str) -> bool:
        """Whether a suggestion's words are those of a fix that truly fixes the cause."""
        return cause_id in self.says.get(first_line(suggestion), ())

    def role(self, suggestion: str) -> str:
        """What a suggestion's words truly are."""
        return "fix" if self.says.get(first_line(suggestion)) else self.roles.get(first_line(suggestion), "unknown words")


@dataclass(frozen=True, slots=True)
class World:
    """A whole fleet's story: everything that reaches the memory, in the order of arrival, and the truth about it."""

    seed: int
    size: Size
    causes: dict[str, Cause]
    outbreaks: tuple[Outbreak, ...]
    arrivals: tuple[Arrival, ...]
    truth: Truth

    @property
    def seconds(self) -> float:
        """How long the story takes, in the world's own time."""
        return (self.arrivals[-1].ms - self.arrivals[0].ms) / 1000 if self.arrivals else 0.0


def first_line(text: str) -> str:
    """The first line of a text: a commit's subject."""
    return text.partition("\n")[0].strip()


def day_of(ms: int) -> float:
    """Days since the world began."""
    return (ms - START_MS) / DAY_MS
