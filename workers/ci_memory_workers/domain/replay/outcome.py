"""What a policy would have done."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .regressions import Regression


@dataclass(frozen=True, slots=True)
class Spell:
    """A pattern in quarantine from ``since_ms`` on, and why; ``until_ms`` is 0 while it goes on, ``end`` says how it ended."""

    pattern_id: str
    since_ms: int
    reason: str
    until_ms: int = 0
    end: str = ""

    def ended(self, ms: int, end: str) -> Spell:
        """The same, over."""
        return replace(self, until_ms=ms, end=end)


@dataclass(frozen=True, slots=True)
class HiddenBuild:
    """A job of a build that failed while the pattern was in quarantine: it would not have blocked. ``ms`` is its first failure.

    ``regression`` says that it was real.
    """

    pattern_id: str
    place: str
    job: str
    ms: int
    regression: Regression | None = None


@dataclass(frozen=True, slots=True)
class Deprecated:
    """A pattern that was not seen for so long that it was deprecated."""

    pattern_id: str
    ms: int


@dataclass(frozen=True, slots=True)
class HiddenRegression:
    """A real regression, of which failing builds at ``places`` ('repo#build') were hidden. Those before quarantine were not."""

    regression: Regression
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a policy would have done: quarantines, what they would have hidden, and what would have been deprecated."""

    spells: tuple[Spell, ...] = ()
    hidden: tuple[HiddenBuild, ...] = ()
    deprecated: tuple[Deprecated, ...] = ()

    @property
    def quarantined(self) -> tuple[str, ...]:
        """Patterns that would have been in quarantine at some time."""
        return tuple(sorted({spell.pattern_id for spell in self.spells}))

    @property
    def released(self) -> tuple[Spell, ...]:
        """Quarantines that would have ended."""
        return tuple(spell for spell in self.spells if spell.until_ms)

    @property
    def hidden_regressions(self) -> tuple[HiddenRegression, ...]:
        """Real regressions of which builds would have been hidden: the certain ones first, then by time."""
        places: dict[Regression, dict[str, None]] = {}
        for build in self.hidden:
            if build.regression is not None:
                places.setdefault(build.regression, {})[build.place] = None
        found = [HiddenRegression(regression, tuple(where)) for regression, where in places.items()]
        return tuple(sorted(found, key=lambda one: (not one.regression.certain, one.regression.first_ms, one.places)))
