"""What a memory did in a world, in one form for all that are compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fleet_world import Arrival


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to a failure. ``fix`` is the suggested fix, '' where none is known; ``flaky`` says that the answer says so.

    ``trials`` are those of the fix: how many worked, how many failed, how many are pending; ``learned``: nobody reported it.
    ``outbreak`` is None where a memory has no word for it. ``knew_better``: a right fix was known, and another was suggested.
    """

    known: bool
    fix: str = ""
    confidence: float = 0.0
    quarantined: bool = False
    flaky: bool = False
    outbreak: bool | None = None
    pattern_id: str = ""
    trials: tuple[int, int, int] = (0, 0, 0)
    learned: bool = False
    repositories: int = 0
    flaky_episodes: int = 0
    knew_better: bool = False

    @property
    def tried(self) -> bool:
        """Whether the fix has worked or failed before."""
        return self.trials[0] + self.trials[1] > 0


@dataclass(frozen=True, slots=True)
class Learned:
    """A fix that nobody reported, as it is held at the end; ``causes`` are those that its pattern was seen with."""

    causes: frozenset[str]
    fix: str
    worked: int
    failed: int
    pending: int


@dataclass(slots=True)
class Played:
    """A memory's whole story. ``calls`` are those of an LLM, by the true cause.

    ``flaky`` holds the causes that it takes for flaky at the end, ``perhaps_flaky`` these and those that its evidence says are.
    """

    name: str
    told: list[tuple[Arrival, Told]] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    flaky: set[str] = field(default_factory=set)
    perhaps_flaky: set[str] = field(default_factory=set)
    calls: Counter[str] = field(default_factory=Counter)
    patterns: int = 0
    seconds: float = 0.0
    notes: dict[str, float] = field(default_factory=dict)
