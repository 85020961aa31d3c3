"""What the memory is compared with: the recipe's own rules, and chance. Both see the same events in the same order.

The recipe's rules: a signature is the stage and the first 100 characters of the error with its noise masked; the last fix wins;
confidence is (helpful - harmful) / (total + 1), with a helpful vote for every match and every fix, and a harmful one for every
rerun and for a resolved failure that was seen more than three times; flaky is what is so in more than half of its occurrences.
The recipe learns only from reports. Here it is given the fix of the next pass as well, in order of arrival: else it knew nothing.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from random import Random

from ci_memory_producers.events import FailureEvent, PassEvent
from fleet_played import Learned, Played, Told
from fleet_world import Report, World

_MASKS = (
    (re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}[.\d]*Z?"), "TIMESTAMP"),
    (re.compile(r"line \d+"), "line N"),
    (re.compile(r"(?:/[\w.-]+)+/"), ""),
    (re.compile(r"\d+"), "N"),
    (re.compile(r"0x[0-9a-fA-F]+"), "ADDR"),
)
SIGNATURE = 100


@dataclass(slots=True)
class _Entry:
    """A pattern as the recipe keeps it: one fix, one status, four counters."""

    causes: Counter[str] = field(default_factory=Counter)
    occurrences: int = 0
    flaky: int = 0
    helpful: int = 0
    harmful: int = 0
    status: str = "unresolved"
    fix: str = ""
    learned: dict[str, int] = field(default_factory=dict)

    @property
    def effectiveness(self) -> float:
        return (self.helpful - self.harmful) / (self.helpful + self.harmful + 1)

    @property
    def quarantined(self) -> bool:
        return self.occurrences > 0 and self.flaky / self.occurrences > 0.5


def signature(event: FailureEvent) -> str:
    """The recipe's signature."""
    text = event.error_message
    for mask, by in _MASKS:
        text = mask.sub(by, text)
    return f"{event.stage}:{text[:SIGNATURE]}"


class Recipe:
    """Plays a world by the recipe's rules."""

    def __init__(self) -> None:
        self.entries: dict[str, _Entry] = {}
        self.open: dict[tuple[str, str, str], dict[str, FailureEvent]] = defaultdict(dict)
        self.signatures: dict[str, str] = {}
        self.played = Played("recipe")

    def play(self, world: World) -> Played:
        """The whole story."""
        seen: set[str] = set()
        for arrival in world.arrivals:
            event = arrival.event
            if isinstance(event, Report):
                self._reported(event)
            elif event.event_id not in seen:
                seen.add(event.event_id)
                if isinstance(event, FailureEvent):
                    self.played.told.append((arrival, self._failed(event, arrival.cause)))
                else:
                    self._passed(event)
        return self._summed_up()

    def _failed(self, event: FailureEvent, cause: str) -> Told:
        name = self.signatures[event.event_id] = signature(event)
        known = name in self.entries
        entry = self.entries.setdefault(name, _Entry())
        self.played.calls[cause] += not known
        entry.occurrences += 1
        entry.causes[cause] += 1
        self.open[event.repo, event.branch, event.job][name] = event
        if known:
            entry.helpful += 1
            if entry.status == "resolved" and entry.occurrences > 3:
                entry.harmful += 1
        confidence = max(0.0, entry.effectiveness) if known else 0.0
        flaky = entry.quarantined or entry.status == "flaky"
        return Told(
            known, entry.fix if known else "", confidence, entry.quarantined, flaky, trials=(entry.helpful, entry.harmful, 0)
        )

    def _passed(self, event: PassEvent) -> None:
        for name, failed in self.open.pop((event.repo, event.branch, event.job), {}).items():
            entry = self.entries[name]
            if failed.commit_sha == event.commit_sha:
                self._rerun(entry)
            else:
                entry.learned[event.commit_message] = entry.learned.get(event.commit_message, 0) + 1
                self._fixed(entry, event.commit_message)

    def _reported(self, report: Report) -> None:
        name = self.signatures.get(report.failure_id)
        if name is not None:
            self._fixed(self.entries[name], report.description)

    def _fixed(self, entry: _Entry, fix: str) -> None:
        entry.status, entry.fix = "resolved", fix
        entry.helpful += 1

    def _rerun(self, entry: _Entry) -> None:
        entry.status = "flaky"
        entry.flaky += 1
        entry.harmful += 1

    def _summed_up(self) -> Played:
        events, flaky = Counter[str](), Counter[str]()
        for entry in self.entries.values():
            events.update(entry.causes)
            if entry.quarantined:
                flaky.update(entry.causes)
            self.played.learned += [Learned(frozenset(entry.causes), fix, times, 0, 0) for fix, times in entry.learned.items()]
        self.played.flaky = {cause for cause, count in flaky.items() if count * 2 > events[cause]}
        self.played.perhaps_flaky = self.played.flaky
        self.played.patterns = len(self.entries)
        return self.played


def chance(world: World) -> Played:
    """Any fix that was ever seen, with any confidence; as many causes flaky, and as many answers quarantined, as truly are."""
    rng, played = Random(f"chance {world.seed}"), Played("chance")
    share = sum(cause.kind == "flaky" for cause in world.causes.values()) / len(world.causes)
    fixes: list[str] = []
    seen: set[str] = set()
    for arrival in world.arrivals:
        event = arrival.event
        if isinstance(event, Report):
            fixes.append(event.description)
        elif isinstance(event, FailureEvent) and event.event_id not in seen:
            seen.add(event.event_id)
            fix = rng.choice(fixes) if fixes else ""
            told = Told(bool(fix), fix, rng.random(), rng.random() < share, flaky=False, trials=(1, 0, 0))
            played.told.append((arrival, told))
            played.calls[arrival.cause] += 1
        elif isinstance(event, PassEvent) and event.event_id not in seen and event.branch == event.default_branch:
            seen.add(event.event_id)
            fixes.append(event.commit_message)
    causes = [cause for cause in world.causes if any(arrival.cause == cause for arrival, _ in played.told)]
    played.flaky = {cause for cause in causes if rng.random() < share}
    played.perhaps_flaky = played.flaky
    played.learned = [Learned(frozenset({rng.choice(causes)}), rng.choice(fixes), 1, 0, 0) for _ in range(500)] if fixes else []
    played.patterns = len(played.told)
    return played
