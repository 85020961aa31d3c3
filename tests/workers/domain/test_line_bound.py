"""Patterns that are matched line by line must match a text exactly where they match one of its lines."""

from __future__ import annotations

from importlib.resources import files

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.domain.category import Categorizer
from ci_memory_workers.domain.line_bound import lines_of, stays_in_line, steps_of
from ci_memory_workers.domain.rule import Rule, parse_rules

RULES = parse_rules((files("ci_memory_workers") / "rules.toml").read_text(encoding="utf-8"))
CATEGORIZER = Categorizer(RULES)
PATTERNS = sorted({pattern for rule in RULES for pattern in (*rule.patterns, *rule.unless)})
BOUND = [pattern for pattern in PATTERNS if stays_in_line(pattern)]
LINES = sorted({line for rule in RULES for line in rule.example.split("\n")})
TEXTS = st.lists(
    st.one_of(st.sampled_from(LINES), st.sampled_from(LINES).map(lambda line: line[len(line) // 2 :]), st.text(max_size=20)),
    max_size=8,
).map("\n".join)


@pytest.mark.parametrize(
    "pattern", [r"(?i)no space", r"(?m)^E[ \t]+x$", r"\bENOSPC\b", r"a[^\s,]*b", r"[^\n]*:", r"\x27.+", r"\[\w+\]", r"\x{203A}"]
)
def test_a_pattern_without_breaks_stays_in_its_line(pattern: str) -> None:
    assert stays_in_line(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"a\sb",
        r"a\nb",
        r"a[^b]c",
        r"^a",
        r"a$",
        r"(?s)a.b",
        r"(?m)a(?s:.)b",
        r"\Aa",
        r"a\z",
        r"a\Wb",
        r"[\S\s]",
        r"[\x00-\x7f]",
        r"\x0ab",
        r"\x{a}",
        r"[[:space:]]",
        "a\nb",
        r"\pZ",
        r"\p{Zl}",
        r"\Qa\E",
        r"(?m)a[\s]b",
        r"(?ms)a",
        r"(?m)a(?-m:$)",
        r"\012",
    ],
)
def test_a_pattern_that_may_reach_further_does_not(pattern: str) -> None:
    re2.compile(pattern)

    assert not stays_in_line(pattern)


def test_most_rules_are_read_line_by_line() -> None:
    assert len(BOUND) > 0.98 * len(PATTERNS)


@given(TEXTS)
def test_a_text_is_categorized_as_by_its_patterns_on_the_whole_text(text: str) -> None:
    plain = text.encode("utf-8", "replace").decode()
    expected = {pattern for pattern, _, _ in CATEGORIZER._owners if re2.search(pattern, plain) is not None}

    assert {CATEGORIZER._owners[number][0] for number in CATEGORIZER._matching(plain)} == expected


@given(TEXTS)
def test_what_was_read_before_changes_no_verdict(text: str) -> None:
    fresh = Categorizer(RULES[::7])
    verdict = fresh.categorize(text, "test")

    for _ in range(3):
        assert fresh.categorize(text, "test") == verdict
        assert fresh.categorize(text, "test").why == verdict.why


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_memory_workers.domain.category._MOST_REMEMBERED", 10)
    categorizer = Categorizer(RULES[:3])

    for number in range(50):
        for _ in range(2):
            assert categorizer.categorize(f"no space left on device {number}", "test").signal == "disk_full"
    categorizer.categorize("x" * 1_000, "test")

    assert len(categorizer._known) <= 11
    assert len(categorizer._seen) <= 11
    assert "x" * 1_000 not in categorizer._seen


def test_a_rule_of_ones_own_may_reach_over_lines() -> None:
    own = Rule("own", "environment_config", (r"begin\s+end",))

    assert Categorizer((own,)).categorize("begin\nend", "test").signal == "own"
    assert Categorizer((own,)).categorize("begin\nand end", "test").signal == ""


SEVERAL = [pattern for pattern in PATTERNS if not stays_in_line(pattern)]


def test_the_parts_of_a_pattern_of_several_lines_are_found() -> None:
    assert lines_of(r"(?i)BUILD FAILED\n(?:[^\n]*\n){0,3}cannot find") == ("(?i)BUILD FAILED", "(?i)cannot find")
    assert lines_of(r"(?m)^\s*Expected: .*\s+Received") == (r"(?m)^\s*Expected: .*", "(?m)Received")


@pytest.mark.parametrize("pattern", [r"a\nb|c", r"(?:a\nb)+", r"(?s).", r"\n", ""])
def test_of_some_patterns_no_part_is_known(pattern: str) -> None:
    assert lines_of(pattern) == ()


@given(st.sampled_from(SEVERAL), TEXTS)
def test_a_text_that_matches_has_a_line_for_each_part(pattern: str, text: str) -> None:
    lines = text.split("\n")

    if re2.search(pattern, text) is not None:
        assert all(any(re2.search(part, line) is not None for line in lines) for part in lines_of(pattern))


@given(st.sampled_from([rule for rule in RULES if set(rule.patterns) & set(SEVERAL)]))
def test_the_bits_of_lines_say_which_pattern_may_match(rule: Rule) -> None:
    found = 0
    for line in rule.example.split("\n"):
        found |= CATEGORIZER.part_of_several(line)

    may = any(found & needed == needed for needed, _ in CATEGORIZER.several)
    assert may or not CATEGORIZER.rules_of_several(rule.example)


@pytest.mark.parametrize(
    ("pattern", "steps"),
    [
        (r"a\nb", 1),
        (r"a(?:.*\n){2,5}b", 5),
        (r"a\s+b", 1),
        (r"(?i)(?P<x>a\n)?[^x]{1,3}?(?:b\nc|d)", 5),
        (r"(?m)^\s*a$", 1),
        (r"(?:a|b)+c", 0),
        (r"a[\s\S]*b", None),
        (r"(?s)a.b", None),
        (r"a(?s:.)b", None),
        (r"(?:.*\n)*b", None),
        (r"a(?i:\n){2}", None),
        (r"a\n{3,}", None),
        (r"\Qa(\E\n", None),
    ],
)
def test_how_many_lines_a_match_may_take_is_known_or_unknown(pattern: str, steps: int | None) -> None:
    re2.compile(pattern)

    assert steps_of(pattern) == steps


@given(st.sampled_from([*SEVERAL, r"a\nb", r"a(?:.*\n){0,2}b", r"a\s*b", r"[^x]{1,3}b"]), st.one_of(TEXTS, st.text("ab\n x")))
def test_no_match_takes_more_lines(pattern: str, text: str) -> None:
    steps, match = steps_of(pattern), re2.search(pattern, text)

    if steps is not None and match is not None:
        assert sum(bool(line.strip()) for line in match.group().split("\n")[1:]) <= steps
