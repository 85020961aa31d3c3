"""What services need to write down what a person decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from ...domain.pattern import Ruling

FixDecision = Literal["veto", "lift", "pin", "unpin"]


@dataclass(frozen=True, slots=True)
class Split:
    """A merge that was taken back: ``left`` is the pattern that stays, ``back`` the one that is its own again with
    ``fingerprints``; '' where the next failure makes it.
    """

    left: str
    back: str
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Alias:
    """A fingerprint that a pattern is recognised by besides its own: the pattern that it was (''), and who merged it, and why.

    ``ruling.by`` is '' where an analyst did.
    """

    fingerprint: str
    was: str
    ruling: Ruling | None


@dataclass(frozen=True, slots=True)
class Apart:
    """Two fingerprints that must never be one pattern again; ``pattern_id`` is the other's now, '' where it has none."""

    fingerprint: str
    other: str
    pattern_id: str
    ruling: Ruling


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for a pattern: by which fingerprints it is recognised besides its own, and what it is kept apart from."""

    aliases: tuple[Alias, ...] = ()
    apart: tuple[Apart, ...] = ()


class Decisions(Protocol):
    """What people decided. Every decision is one atomic step, journalled; ids of merged patterns mean the one that stays, where
    nothing else is said. All raise `UnknownPattern` for ids that nothing is known under, and `DecisionRefused` for what makes no
    sense, with what to do instead.
    """

    def merge(self, tenant: str, pattern_id: str, into: str, ruling: Ruling) -> str:
        """Make ``pattern_id`` one with ``into``; returns the pattern that stays."""
        ...

    def split(self, tenant: str, target: str, ruling: Ruling) -> Split:
        """Take the merge back by which a fingerprint, or a merged pattern's id, came to its pattern; kept apart for ever."""
        ...

    def about_fix(self, tenant: str, pattern_id: str, fix_id: str, decision: FixDecision, ruling: Ruling) -> str:
        """Veto or pin a fix, or take that back; returns the pattern. Raises `UnknownFix` too."""
        ...

    def own(self, tenant: str, pattern_id: str, owner: str, ruling: Ruling) -> str:
        """Say who looks after a pattern, '' for nobody; returns the pattern that stands for ``pattern_id``."""
        ...

    def forget(self, tenant: str, pattern_id: str, ruling: Ruling) -> None:
        """Forget a pattern: when it fails again it is new."""
        ...

    def forgotten(self, tenant: str, pattern_id: str) -> Ruling | None:
        """Who forgot a pattern, and why; None where nobody did."""
        ...

    def standing(self, tenant: str, pattern_id: str) -> Standing:
        """What holds for a pattern."""
        ...
