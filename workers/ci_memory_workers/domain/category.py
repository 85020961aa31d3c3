"""The category of a failure: what its text structurally is, and only then the words that stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import re2

from ci_memory_producers.events import Category, Stage

from .log_lines import without_colours
from .rule import InvalidRule, Rule, parse_rules, word_pattern

__all__ = ["Categorizer", "InvalidRule", "Rule", "Verdict", "parse_rules"]

_MAX_TEXT: Final = 48_000
_LONGEST_QUOTE: Final = 120


@dataclass(frozen=True, slots=True)
class Verdict:
    """``signal`` is the name of the rule that decided, empty where none did; ``why`` quotes what it matched."""

    category: Category
    signal: str
    why: str


class Categorizer:
    """Tries rules in their order: those with patterns first, then those with words. Built once; safe to share.

    `re2.Filter` looks for the literals that each pattern needs, all in one pass, and runs only the patterns whose
    literals are there: a text costs tens of microseconds whatever the number of rules.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [*(rule for rule in rules if rule.patterns), *(rule for rule in rules if rule.words)]
        self._filter = re2.Filter()
        # For each pattern of the filter: the rule it belongs to, and whether it speaks for the rule or against it.
        self._owner: list[tuple[int, bool]] = []
        for index, rule in enumerate(self._rules):
            words = tuple(word_pattern(word) for word in sorted(rule.words))
            for speaks_for, patterns in ((True, (*rule.patterns, *words)), (False, rule.unless)):
                for pattern in patterns:
                    self._filter.Add(pattern)
                    self._owner.append((index, speaks_for))
        if self._owner:
            self._filter.Compile()

    def categorize(self, text: str, stage: Stage, *, test_id: str = "") -> Verdict:
        """The verdict on a failure's ``text`` in ``stage``. ``test_id`` says that a test framework reported it."""
        data = without_colours(text[-_MAX_TEXT:]).encode("utf-8", "replace")
        if (decided := self._decide(data, stage)) is not None:
            rule, number = decided
            return Verdict(rule.category, rule.name, f"{rule.name}: {self._quote(number, data)}")
        if test_id:
            return Verdict("test_assertion", "failed_test", "failed_test: a test framework reported it")
        return Verdict("unknown", "", "no rule matches")

    def _decide(self, data: bytes, stage: Stage) -> tuple[Rule, int] | None:
        """The first rule that matches ``data`` and holds in ``stage``, with the number of the pattern that matched."""
        found: dict[int, int] = {}
        against: set[int] = set()
        for number in (self._filter.Match(data) or ()) if self._owner else ():
            index, speaks_for = self._owner[number]
            stages = self._rules[index].stages
            if not speaks_for:
                against.add(index)
            elif not stages or stage in stages:
                found.setdefault(index, number)
        first = min(found.keys() - against, default=None)
        return None if first is None else (self._rules[first], found[first])

    def _quote(self, number: int, data: bytes) -> str:
        match = self._filter.re(number).search(data)
        quoted = match.group().decode("utf-8", "replace") if match is not None else ""
        return " ".join(quoted.split())[:_LONGEST_QUOTE]
