"""A rule that reads a category from a failure's text, and the file that rules are written in."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Any, Final, get_args

import re2

from ci_memory_producers.events import STAGES, Category, Stage

CATEGORIES: Final[tuple[Category, ...]] = get_args(Category)
_FIELDS: Final = frozenset(("name", "category", "patterns", "unless", "words", "stages", "example", "example_stage"))


class InvalidRule(ValueError):
    """A rule that can't be used. The message names the rule and the field."""

    def __init__(self, rule: str, field: str, problem: str) -> None:
        super().__init__(f"rule {rule}, field {field}: {problem}")
        self.rule = rule
        self.field = field


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``name`` is the signal it gives.

    ``patterns`` are RE2, any of them matches; none of ``unless`` may. ``words`` make it a fallback, tried after all rules
    with patterns. ``stages`` empty means every stage. ``example`` is a text that this rule must decide.
    """

    name: str
    category: Category
    patterns: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    stages: frozenset[Stage] = frozenset()
    example: str = ""
    example_stage: Stage = "test"


def parse_rules(toml_text: str) -> tuple[Rule, ...]:
    """The ``[[rule]]`` tables of ``toml_text`` in their order, which is the order they are tried in.

    Raises `InvalidRule` (a ValueError), naming the rule and the field.
    """
    try:
        tables = tomllib.loads(toml_text).get("rule", [])
    except tomllib.TOMLDecodeError as error:
        raise InvalidRule("(the file)", "(syntax)", str(error)) from error
    if not isinstance(tables, list):
        raise InvalidRule("(the file)", "rule", "write rules as [[rule]] tables")
    return tuple(_rule(table, number) for number, table in enumerate(tables, 1))


def word_pattern(word: str) -> str:
    """The RE2 pattern of a whole ``word``, lower case, also inside CamelCase and snake_case: "not" in ``ModuleNotFound``."""
    if not word.isalpha():
        return rf"(?:^|[^0-9A-Za-z]){re2.escape(word)}(?:[^0-9A-Za-z]|$)"
    return (
        rf"(?:^|[^A-Za-z]){word}(?:[^a-z]|$)|{word.capitalize()}(?:[^a-z]|$)"
        rf"|(?:^|[^A-Z]){word.upper()}(?:[^A-Za-z]|$|[A-Z][a-z])"
    )


def _rule(table: Any, number: int) -> Rule:
    if not isinstance(table, dict):
        raise InvalidRule(f"number {number}", "rule", "is not a table")
    name = table.get("name")
    if not isinstance(name, str) or not re2.fullmatch(r"[a-z][a-z0-9_]{1,59}", name):
        raise InvalidRule(f"number {number}", "name", "wants a snake_case name of 2 to 60 characters")
    if unknown := sorted(set(table) - _FIELDS):
        raise InvalidRule(name, unknown[0], f"is unknown; a rule has {', '.join(sorted(_FIELDS))}")
    category = table.get("category")
    if category not in CATEGORIES:
        raise InvalidRule(name, "category", f"{category!r} is none of {', '.join(CATEGORIES)}")
    patterns = _patterns(name, "patterns", table)
    words = frozenset(word.lower() for word in _texts(name, "words", table))
    if bool(patterns) == bool(words):
        raise InvalidRule(name, "patterns", "a rule has either patterns or words")
    stages = _stages(name, "stages", _texts(name, "stages", table))
    example = table.get("example", "")
    if not isinstance(example, str):
        raise InvalidRule(name, "example", "is not a text")
    example_stage = table.get("example_stage", min(stages, default="test"))
    _stages(name, "example_stage", (example_stage,))
    return Rule(name, category, patterns, _patterns(name, "unless", table), words, stages, example, example_stage)


def _texts(name: str, field: str, table: dict[str, Any]) -> tuple[str, ...]:
    value = table.get(field, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise InvalidRule(name, field, "wants a list of texts")
    return tuple(value)


def _patterns(name: str, field: str, table: dict[str, Any]) -> tuple[str, ...]:
    patterns = _texts(name, field, table)
    for pattern in patterns:
        try:
            re2.compile(pattern, _quiet())
        except re2.error as error:
            raise InvalidRule(name, field, f"{pattern!r} is not RE2: {error}") from error
    return patterns


def _quiet() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    return options


def _stages(name: str, field: str, values: tuple[str, ...]) -> frozenset[Stage]:
    for value in values:
        if value not in STAGES:
            raise InvalidRule(name, field, f"{value!r} is none of {', '.join(STAGES)}")
    return frozenset(stage for stage in STAGES if stage in values)
