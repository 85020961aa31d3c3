"""A pattern's life as it is replayed: what the scripts in ``adapters/lua`` change of it, without its texts."""

from __future__ import annotations

from ..pattern import Pattern, Quarantine, Status


class PatternLife:
    """Counts and status of one pattern, at a time."""

    def __init__(self, pattern_id: str) -> None:
        self.status: Status = "unresolved"
        self.last_ms = 0
        self._pattern_id = pattern_id
        self._before: Status = "unresolved"
        self._first_ms = 0
        self._failures = 0
        self._episodes = 0
        self._flaky_episodes = 0
        self._broken_in: set[str] = set()
        self._quarantine = Quarantine()

    def failed(self, ms: int, *, counts: bool) -> bool:
        """It failed; ``counts`` where that begins an episode. Returns whether that brought it back from the deprecated."""
        self._first_ms = self._first_ms or ms
        self.last_ms = max(self.last_ms, ms)
        self._failures += 1
        self._episodes += counts
        revived = self.status == "deprecated"
        if revived:
            self.status = self._before
        return revived

    def turned_flaky(self) -> None:
        """One of its episodes is flaky. That it was resolved was inferred: records hold nothing that a person reported."""
        self._flaky_episodes += 1
        if self.status in ("unresolved", "resolved", "deprecated"):
            self.status = "flaky"

    def was_fixed(self) -> None:
        """A commit ended it somewhere: what is not flaky is resolved, until it is."""
        if self.status == "unresolved":
            self.status = "resolved"

    def broke(self, line: str, broken: bool) -> None:
        """It is broken in a line, or no longer."""
        if broken:
            self._broken_in.add(line)
        else:
            self._broken_in.discard(line)

    def enters(self, status: Status, now_ms: int, *, until_ms: int = 0) -> None:
        """A sweep decides on its status, as ``set_status.lua`` writes it."""
        if status != self.status:
            self._before = self.status
        counts = self._episodes, self._flaky_episodes
        held = self._quarantine
        if status == "quarantined":
            self._quarantine = Quarantine(now_ms, until_ms, *counts, held.entries + 1)
        elif self.status == "quarantined" and status != "deprecated":
            self._quarantine = Quarantine(held.since_ms, held.until_ms, *counts, held.entries)
        self.status = status

    def pattern(self) -> Pattern:
        """As the rules see it."""
        return Pattern(
            pattern_id=self._pattern_id,
            status=self.status,
            category="unknown",
            signal="",
            stage="test",
            fingerprint="",
            test_key="",
            headline="",
            generic=False,
            occurrences=self._failures,
            episodes=self._episodes,
            flaky_episodes=self._flaky_episodes,
            repositories=0,
            match_votes=0,
            recurred=0,
            first_ms=self._first_ms,
            last_ms=self.last_ms,
            revision=0,
            quarantine=self._quarantine,
            broken=bool(self._broken_in),
        )
