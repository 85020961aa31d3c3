"""Lines that say of themselves that they are errors, and words of failure that no tool's own rule knows."""

from __future__ import annotations

import re

from ci_memory_producers.excerpt.rules.rule import Extent, Rule, rule

GENERIC_RULES: tuple[Rule, ...] = (
    rule(
        "error.line",
        6,
        "error:|error]|error!|fatal:|fatal]|fatal!",
        r"^\W{0,4}(?:ERROR|Error|error|FATAL|Fatal|fatal)[:!\]]",
    ),
    rule("fail.line", 6, "fail: |failed: |failure: ", r"^\W{0,4}(?:FAIL(?:ED|URE)?|[Ff]ail(?:ed|ure)?): "),
    rule("fail.named", 6, " - failed. | - failed: ", r"^[\w./:-]{1,200} - (?i:failed)[.:] (?P<why>\S.*)", Extent.LINE),
)

WORDS = re.compile(
    r"(?i)\b(?:errors?|errored|fail(?:ed|ure|ures|s)?|exception|fatal|cannot|can't|could not|couldn't|unable to|not found|missing"
    r"|undefined|not defined|no such|does(?: not|n't) exist|invalid|illegal|unexpected|denied|refused|abort(?:ed|ing)?|mismatch"
    r"|unknown|unrecognized|unsupported|not (?:available|installed|supported|allowed|permitted)|timed out|killed)\b"
)
"""Words that say that something went wrong, in a line that nothing else explains."""
BENIGN = re.compile(
    r"(?i:\b(?:0|no) (?:errors?|failures?|failed|failing)\b|\b(?:errors?|failures?|failed)\s{0,20}[:=]\s{0,3}0\b)"
    r"|^\s*(?:ok|PASS|PASSED|\u2713|\u221a|\u2714|SUCCESS|Compiling|Downloading|Installing|Fetching|Using)\b"
    r"|\bWARN(?:ING)?\b|\b[Ww]arning:|-Werror|DEPRECAT|deprecated|^(?:\$|\+{1,3}|>|%) "
)
"""Lines that hold such a word and mean nothing by it."""
