"""What lines say, as data: one table of rules for each family of tools, strongest first where two know the same line."""

from __future__ import annotations

from ci_memory_producers.excerpt.rules.build_tools import BUILD_TOOL_RULES
from ci_memory_producers.excerpt.rules.compilers import COMPILER_RULES
from ci_memory_producers.excerpt.rules.generic import GENERIC_RULES
from ci_memory_producers.excerpt.rules.providers import PROVIDER_RULES
from ci_memory_producers.excerpt.rules.rule import Extent, Rule
from ci_memory_producers.excerpt.rules.runtimes import RUNTIME_RULES
from ci_memory_producers.excerpt.rules.test_runners import TEST_RUNNER_RULES

RULES: tuple[Rule, ...] = (
    *PROVIDER_RULES,
    *TEST_RUNNER_RULES,
    *COMPILER_RULES,
    *BUILD_TOOL_RULES,
    *RUNTIME_RULES,
    *GENERIC_RULES,
)
"""All rules; the first that matches a line names it."""

__all__ = ["RULES", "Extent", "Rule"]
