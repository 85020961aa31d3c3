"""The category of a failure: what its text structurally is, and only then the words that stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Final

import re2

from ci_memory_producers.events import Category, Stage

from .line_bound import lines_of, stays_in_line, steps_of
from .log_lines import without_colours
from .rule import InvalidRule, Rule, parse_rules, word_pattern

__all__ = ["Categorizer", "InvalidRule", "Rule", "Verdict", "parse_rules"]

_MAX_TEXT: Final = 48_000
_LONGEST_QUOTE: Final = 120
_LONGEST_REMEMBERED: Final = 300
_MOST_REMEMBERED: Final = 32_768


@dataclass(frozen=True, slots=True)
class Verdict:
    """``signal`` is the name of the rule that decided, empty where none did."""

    category: Category
    signal: str
    told: str = ""
    pattern: str = field(default="", repr=False, compare=False)
    text: str = field(default="", repr=False, compare=False)

    @property
    def why(self) -> str:
        """What decided; quotes what the rule matched. Looked for when it is asked for: most failures are known and never ask."""
        if not self.pattern:
            return self.told
        match = re2.compile(self.pattern.encode()).search(self.text.encode("utf-8", "replace"))
        said = match.group().decode("utf-8", "replace") if match is not None else ""
        return f"{self.signal}: {' '.join(said.split())[:_LONGEST_QUOTE]}"


class _Patterns:
    """Patterns by their numbers. `re2.Filter` looks for the literals that each needs, all in one pass, and runs only the patterns
    whose literals are there: a text costs tens of microseconds whatever the number of rules.
    """

    def __init__(self) -> None:
        self._filter = re2.Filter()
        self.numbers: list[int] = []

    def add(self, pattern: str, number: int) -> None:
        self._filter.Add(pattern)
        self.numbers.append(number)

    def compile(self) -> None:
        if self.numbers:
            self._filter.Compile()

    def matching(self, text: str) -> tuple[int, ...]:
        if not self.numbers:
            return ()
        return tuple(self.numbers[at] for at in self._filter.Match(text.encode("utf-8", "replace")) or ())


class Categorizer:
    """Tries rules in their order: those with patterns first, then those with words. Built once; safe to share.

    What stays within a line is matched line by line, and remembered by the line: the lines of a failure come again when it does.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [*(rule for rule in rules if rule.patterns), *(rule for rule in rules if rule.words)]
        # For each pattern: itself, the rule it belongs to, and whether it speaks for the rule or against it.
        self._owners: list[tuple[str, int, bool]] = []
        self._of_lines, self._of_texts = _Patterns(), _Patterns()
        for index, rule in enumerate(self._rules):
            # The break before or after a word is what its pattern takes for the line's edge.
            words = tuple((word_pattern(word), True) for word in sorted(rule.words))
            for speaks_for, patterns in ((True, (*_with_reach(rule.patterns), *words)), (False, _with_reach(rule.unless))):
                for pattern, of_line in patterns:
                    (self._of_lines if of_line else self._of_texts).add(pattern, len(self._owners))
                    self._owners.append((pattern, index, speaks_for))
        self._of_lines.compile()
        self._of_texts.compile()
        self._parts, self.several = _parts([self._owners[number][0] for number in self._of_texts.numbers])
        # What each line that was read twice matches, and the lines that were read once.
        self._known: dict[str, tuple[int, ...]] = {}
        self._seen: set[str] = set()

    def categorize(self, text: str, stage: Stage, *, test_id: str = "") -> Verdict:
        """The verdict on a failure's ``text`` in ``stage``. ``test_id`` says that a test framework reported it."""
        text = without_colours(text[-_MAX_TEXT:])
        if (decided := self._decide(text, stage)) is not None:
            rule, number = decided
            return Verdict(rule.category, rule.name, pattern=self._owners[number][0], text=text)
        if test_id:
            return Verdict("test_assertion", "failed_test", "failed_test: a test framework reported it")
        return Verdict("unknown", "", "no rule matches")

    def rules_of_line(self, line: str) -> tuple[int, ...]:
        """What one line says by itself: equal for lines that say the same. Of several lines, at least what each says."""
        known = self._known.get(line)
        return self._remembered(line) if known is None else known

    def rules_of_several(self, text: str) -> tuple[int, ...]:
        """What patterns of several lines say of a ``text``."""
        return self._of_texts.matching(without_colours(text))

    def part_of_several(self, line: str) -> int:
        """Bits: which parts of patterns of several lines ``line`` may be. A text matches one of these patterns only where all
        bits of one of `several` are among those of so many of its lines in a row, and one; those of white space don't count.
        """
        return reduce(or_, [1 << number for number in self._parts.Match(line.encode("utf-8", "replace")) or ()], 0)

    def _decide(self, text: str, stage: Stage) -> tuple[Rule, int] | None:
        """The first rule that matches ``text`` and holds in ``stage``, with the number of the pattern that matched."""
        found: dict[int, int] = {}
        against: set[int] = set()
        for number in self._matching(text):
            _, index, speaks_for = self._owners[number]
            stages = self._rules[index].stages
            if not speaks_for:
                against.add(index)
            elif not stages or stage in stages:
                found.setdefault(index, number)
        first = min(found.keys() - against, default=None)
        return None if first is None else (self._rules[first], found[first])

    def _matching(self, text: str) -> list[int]:
        """The numbers of the patterns that match ``text``, in their order."""
        numbers, unknown = set(self._of_texts.matching(text)), []
        for line in text.split("\n"):
            known = self._known.get(line)
            if known is None:
                unknown.append(line)
            elif known:
                numbers.update(known)
        if unknown:
            numbers.update(self._read(unknown))
        return sorted(numbers)

    def _read(self, lines: Sequence[str]) -> Iterator[int]:
        """What ``lines`` match: new ones all at once, which is cheaper; those that come again one by one, for good."""
        new = [line for line in dict.fromkeys(lines) if line not in self._seen]
        if new:
            yield from self._of_lines.matching("\n".join(new))
        for line in set(lines).difference(new):
            yield from self._remembered(line)
        if len(self._seen) > _MOST_REMEMBERED:
            self._known, self._seen = {}, set()
        self._seen.update(line for line in new if len(line) <= _LONGEST_REMEMBERED)

    def _remembered(self, line: str) -> tuple[int, ...]:
        found = self._of_lines.matching(line)
        if len(line) <= _LONGEST_REMEMBERED and "\n" not in line:
            if len(self._known) > _MOST_REMEMBERED:
                self._known, self._seen = {}, set()
            self._known[line] = found
        return found


def _parts(patterns: Sequence[str]) -> tuple[re2.Set, tuple[tuple[int, int | None], ...]]:
    """What finds the parts of ``patterns`` in a line; and of each pattern the bits of its parts, and its `steps_of`."""
    parts, bits, several = re2.Set.SearchSet(), 0, []
    for pattern in patterns:
        lines = [line for line in lines_of(pattern) if re2.search(line, "") is None]  # any line has a part that may be empty
        several.append((((1 << len(lines)) - 1) << bits, steps_of(pattern)))
        bits += len(lines)
        for line in lines:
            parts.Add(line)
    parts.Compile()
    return parts, tuple(several)


def _with_reach(patterns: Sequence[str]) -> Iterator[tuple[str, bool]]:
    return ((pattern, stays_in_line(pattern)) for pattern in patterns)
