"""The story of a question: what would this policy have done, or this way to read failures? Nothing is changed by asking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..domain.fingerprint import fingerprint
from ..domain.replay import History, Outcome, Policy, history_of, play
from .ports.replay import Recorded


@dataclass(frozen=True, slots=True)
class Replayed:
    """A history, and what each policy would have done. ``oldest_ms`` is when records begin at all; 0 where there are none."""

    history: History
    outcomes: tuple[Outcome, ...]
    oldest_ms: int


@dataclass(frozen=True, slots=True)
class Reread:
    """What becomes of patterns when their failures are read as this version reads them. All are pattern ids, sorted.

    ``same`` keep a fingerprint that they are recognised by; ``changed`` get another; ``no_text`` have no text left. ``unsure``
    have only their masked text, which lacks what a fingerprint may be made of: that it is the same can be seen from it, no more.
    ``merged`` are patterns that would be one, as far as whole texts say.
    """

    same: tuple[str, ...]
    changed: tuple[str, ...]
    unsure: tuple[str, ...]
    no_text: tuple[str, ...]
    merged: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Replayer:
    """What replay needs."""

    recorded: Recorded

    def policies(self, tenant: str, policies: Sequence[Policy], *, since_ms: int, now_ms: int) -> Replayed:
        """Play what was recorded since ``since_ms`` through each policy, until ``now_ms``."""
        history = history_of(self.recorded.records(tenant, since_ms))
        outcomes = tuple(play(history, policy, now_ms) for policy in policies)
        return Replayed(history, outcomes, self.recorded.oldest_ms(tenant))

    def fingerprints(self, tenant: str) -> Reread:
        """Read the kept texts of a tenant's patterns anew, with the fingerprint of this version."""
        owners = dict(self.recorded.fingerprints(tenant))
        patterns = set(owners.values())
        read = self._read_samples(tenant, sorted(patterns))
        hints = self._read_texts(tenant, patterns - read.keys())
        same = {pattern_id for pattern_id, value in (hints | read).items() if owners.get(value) == pattern_id}
        standing: dict[str, set[str]] = defaultdict(set)
        for pattern_id, value in read.items():
            standing[value] |= {pattern_id, owners.get(value, pattern_id)}
        return Reread(
            same=tuple(sorted(same)),
            changed=tuple(sorted(read.keys() - same)),
            unsure=tuple(sorted(hints.keys() - same)),
            no_text=tuple(sorted(patterns - read.keys() - hints.keys())),
            merged=tuple(_joined(standing.values())),
        )

    def _read_samples(self, tenant: str, patterns: list[str]) -> dict[str, str]:
        return {
            sample.pattern_id: fingerprint(
                sample.error_message, stage=sample.stage, test_id=sample.test_id, stack_trace=sample.stack_trace
            ).value
            for sample in self.recorded.samples(tenant, patterns)
        }

    def _read_texts(self, tenant: str, wanted: set[str]) -> dict[str, str]:
        return {
            text.pattern_id: fingerprint(text.masked, stage=text.stage, test_id=text.test_key).value
            for text in self.recorded.texts(tenant)
            if text.pattern_id in wanted
        }


def _joined(groups: Iterable[set[str]]) -> list[tuple[str, ...]]:
    """Groups that share a member are one; those of a single member are left out."""
    group_of: dict[str, set[str]] = {}
    for group in groups:
        one = set(group).union(*(group_of[member] for member in group if member in group_of))
        group_of |= dict.fromkeys(one, one)
    return sorted({tuple(sorted(group)) for group in group_of.values() if len(group) > 1})
