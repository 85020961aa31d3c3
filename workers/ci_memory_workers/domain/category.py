"""The category of a failure: what its text structurally is, and only then the words that stand in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import re2

from ci_memory_producers.events import Category, Stage

from .rule import InvalidRule, Rule, parse_rules

__all__ = ["Categorizer", "InvalidRule", "Rule", "Verdict", "parse_rules"]

_MAX_TEXT: Final = 48_000
_SET_MEMORY: Final = 256 << 20
_LONGEST_QUOTE: Final = 120
# The words inside snake_case and CamelCase: "ModuleNotFoundError" holds module, not, found, error.
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d{3}(?!\d)")


@dataclass(frozen=True, slots=True)
class Verdict:
    """``signal`` is the name of the rule that decided, empty where none did; ``why`` quotes what it matched."""

    category: Category
    signal: str
    why: str


class Categorizer:
    """Tries rules in their order: those with patterns first, then those with words. Built once; safe to share."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [rule for rule in rules if rule.patterns]
        self._fallback = [rule for rule in rules if rule.words]
        # Each pattern of the set: (the rule it belongs to, the pattern, or None where it forbids the rule).
        self._owner: list[tuple[int, re2._Regexp | None]] = []
        options = re2.Options()
        options.max_mem = _SET_MEMORY
        self._set = re2.Set.SearchSet(options)
        for index, rule in enumerate(self._rules):
            for pattern in rule.patterns:
                self._set.Add(pattern)
                self._owner.append((index, re2.compile(pattern)))
            for pattern in rule.unless:
                self._set.Add(pattern)
                self._owner.append((index, None))
        self._set.Compile()

    def categorize(self, text: str, stage: Stage, *, test_id: str = "") -> Verdict:
        """The verdict on a failure's ``text`` in ``stage``. ``test_id`` says that a test framework reported it."""
        data = text[-_MAX_TEXT:].encode("utf-8", "replace")
        decided = self._decide(data, stage)
        if decided is not None:
            rule, pattern = decided
            return Verdict(rule.category, rule.name, f"{rule.name}: {_quote(pattern, data)}")
        words = frozenset(map(str.lower, _WORD.findall(text[-_MAX_TEXT:])))
        for rule in self._fallback:
            if (not rule.stages or stage in rule.stages) and not words.isdisjoint(rule.words):
                return Verdict(rule.category, rule.name, f"{rule.name}: the word {min(words & rule.words)!r}")
        if test_id:
            return Verdict("test_assertion", "failed_test", "failed_test: a test framework reported it")
        return Verdict("unknown", "", "no rule matches")

    def _decide(self, data: bytes, stage: Stage) -> tuple[Rule, re2._Regexp] | None:
        """The first rule with a match in ``data`` that holds in ``stage``, and the pattern that matched."""
        found: dict[int, re2._Regexp] = {}
        forbidden: set[int] = set()
        for match in self._set.Match(data) or ():
            index, pattern = self._owner[match]
            if pattern is None:
                forbidden.add(index)
            elif not self._rules[index].stages or stage in self._rules[index].stages:
                found.setdefault(index, pattern)
        first = min(found.keys() - forbidden, default=None)
        return None if first is None else (self._rules[first], found[first])


def _quote(pattern: re2._Regexp, data: bytes) -> str:
    match = pattern.search(data)
    quoted = match.group().decode("utf-8", "replace") if match is not None else ""
    return " ".join(quoted.split())[:_LONGEST_QUOTE]
