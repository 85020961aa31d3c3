"""What a process holds of patterns that it has read, so that it is told only what changes from failure to failure."""

from __future__ import annotations

from typing import Final, NamedTuple

from ..domain.pattern import Pattern

MOST_HELD: Final = 2_048
"""Fingerprints whose patterns are held, twice: the younger and the older ones."""


class Held(NamedTuple):
    """A pattern, as ``apply_batch.lua`` last told all of it. ``name`` is its id and its version, by a blank."""

    name: str
    pattern: Pattern


class HeldPatterns:
    """Patterns by tenant and fingerprint. They may be outdated: `Held.name` tells the index what is held, and it knows."""

    def __init__(self) -> None:
        self._young: dict[tuple[str, str], Held] = {}
        self._old: dict[tuple[str, str], Held] = {}

    def of(self, tenant: str, fingerprint: str) -> Held | None:
        """What is held, or None."""
        key = tenant, fingerprint
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self._keep(key, found)
        return found

    def keep(self, tenant: str, fingerprint: str, pattern: Pattern, version: str) -> None:
        """Hold a pattern from now on; unless ``version`` is '': what has none yet, and what is held already."""
        if version:
            self._keep((tenant, fingerprint), Held(f"{pattern.pattern_id} {version}", pattern))

    def _keep(self, key: tuple[str, str], held: Held) -> None:
        if len(self._young) >= MOST_HELD:
            self._old, self._young = self._young, {}
        self._young[key] = held
