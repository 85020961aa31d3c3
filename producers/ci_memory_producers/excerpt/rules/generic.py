"""Words of failure that no tool's own rule knows, and lines that hold them without meaning a failure."""

from __future__ import annotations

import re

from ci_memory_producers.excerpt.rules.rule import Extent, Rule, rule

GENERIC_RULES: tuple[Rule, ...] = (
    rule("error.line", 6, "error|fatal", r"^\W{0,4}(?:ERROR|Error|error|FATAL|Fatal|fatal)(?: \w+)?\s?[:!\]]", Extent.DETAIL),
    rule("fail.line", 6, "fail", r"^\W{0,4}(?:FAIL(?:ED|URE)?|[Ff]ail(?:ed|ure)?)\s?: "),
    rule("error.colon", 5, "error:|error -|[error]", r"(?:\b[Ee]rror:|\bERROR:|\[error\]|\bERROR -)", Extent.DETAIL),
    rule("failed.mark", 5, "\u2716|\u2717|\u2715|\u00d7", r"^\s*[\u2716\u2717\u2715\u00d7]", Extent.DETAIL),
    rule("failed.line", 4, "fail", r"^\W{0,4}(?:FAIL(?:ED|URE)?|Failed|Failure)\b", Extent.LINE),
    rule("build.failed", 1, "build fail|compilation fail", r"(?i:\b(?:build|compilation) fail(?:ed|ure)\b)", Extent.LINE),
    rule(
        "unable",
        4,
        "cannot |unable to|could not|couldn't|can't",
        r"(?i:\b(?:cannot|unable to|could not|couldn't|can't) \w)",
        Extent.LINE,
    ),
    rule(
        "missing",
        4,
        "not found|is missing|not defined|undefined|does not exist|doesn't exist|no such",
        r"(?i:\b(?:not found|is missing|not defined|undefined|doesn?'?t? exist|does not exist|no such)\b)",
        Extent.LINE,
    ),
    rule("failed.word", 3, "fail", r"(?i:\bfail(?:ed|ure|ures|s)?\b)", Extent.LINE),
    rule("error.word", 3, "error|exception", r"(?i:\berrors?\b|exception\b)", Extent.LINE),
    rule(
        "wrong.word",
        3,
        "invalid|illegal|unexpected|denied|refused|abort|mismatch|unknown|unrecognized|unsupported",
        r"(?i:\b(?:invalid|illegal|unexpected|denied|refused|abort(?:ed|ing)?|mismatch|unknown|unrecognized|unsupported)\b)",
        Extent.LINE,
    ),
)

BENIGN = re.compile(
    r"(?i:\b0 (?:errors?|failures?|failed|failing)\b|\b(?:errors?|failures?|failed)\s{0,20}[:=]\s{0,3}0\b|\bno (?:errors?|failures?)\b)"
    r"|^\s*(?:ok|PASS|PASSED|\u2713|\u221a|\u2714|\[ +OK|\[ +PASSED|SUCCESS|Get:\d|Compiling|Downloading|Downloaded|Unpacking|Setting up|Selecting|Installing|adding:|inflating:|Collecting|Fetching|Using)\b"
    r"|\bWARN(?:ING)?\b|\b[Ww]arning:|-Werror|-fno-|TEST-(?:PASS|KNOWN|OK|START)|DEPRECAT|deprecated"
    r"|^(?:\$|\+{1,3}|>|%) |^\s*(?:gcc|g\+\+|cc|clang\S*|/usr/bin/\S+) -"
    r"|\b(?:with|without|allow(?:ing)?|expected|ignor\w+|if|on|handle\w*|treat)[ -](?:errors?|failures?)\b",
)
"""Lines that hold a word of failure and mean none; they are never better than a word."""
