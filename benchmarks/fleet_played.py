"""What a memory did in a world, in one form for all that are compared."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.fleet_world import Arrival


@dataclass(frozen=True, slots=True)
class Told:
    """The answer to a failure. ``fix`` is the suggested fix, '' where none is known; ``flaky`` says that the answer says so."""

    known: bool
    fix: str = ""
    confidence: float = 0.0
    quarantined: bool = False
    flaky: bool = False
    outbreak: bool | None = None
    pattern_id: str = ""
    tried: int = 0


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
    """A memory's whole story. ``flaky`` holds the causes that it takes for flaky at the end; ``calls`` are those of an LLM."""

    name: str
    told: list[tuple[Arrival, Told]] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    flaky: set[str] = field(default_factory=set)
    calls: int = 0
    patterns: int = 0
    seconds: float = 0.0
    notes: dict[str, float] = field(default_factory=dict)
