"""What services need of an analyst: the language model, or the rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ci_memory_producers.events import Category, Diagnosis, Stage

from .knowledge import Candidate


@dataclass(frozen=True, slots=True)
class FailureContext:
    """What an analyst is given of one failure: redacted, cut to size, and data only."""

    pattern_id: str
    stage: Stage
    category: Category
    signal: str
    error_message: str
    stack_trace: str = ""
    test_id: str = ""
    headline: str = ""
    build_id: str = ""
    branch: str = ""
    exit_code: int | None = None
    changed_files: tuple[str, ...] = ()
    generic: bool = False
    first_ms: int = 0
    """When it was seen first, by the clock of the log: who waits longest is analysed first."""
    mass_run: str = ""
    """The build and job, where most of its tests failed: one cause, probably. '' for others."""


@dataclass(frozen=True, slots=True)
class AnalystAnswer:
    """An analyst's answer. ``same_as`` is the pattern_id of the candidate that the failure is, with its reason, or None.

    ``tokens`` is what it used of a language model, 0 where that is not known.
    """

    diagnosis: Diagnosis
    analyst: str
    same_as: str | None = None
    reason: str = ""
    tokens: int = 0


class Analyst(Protocol):
    """Says why something failed. Raises `errors.Retryable` when it may work later, `errors.Permanent` when it never will."""

    name: str

    def analyze(self, failure: FailureContext, candidates: Sequence[Candidate]) -> AnalystAnswer:
        """Diagnose ``failure``; ``candidates`` are known patterns that it may be."""
        ...
