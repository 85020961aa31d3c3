"""Which candidates of the playbook a new failure may be, and how the playbook is asked."""

from __future__ import annotations

QUERY_ERROR_CHARACTERS = 200
"""How much of the error the playbook is asked with (recipe: category, the first 200 characters of the error, stage)."""


def playbook_query(category: str, headline: str, stage: str) -> str:
    """The text to search the playbook with. The headline stands for the error: the head of a log says nothing."""
    return f"{category} {headline[:QUERY_ERROR_CHARACTERS]} {stage}"


def reflection_text(category: str, stage: str, headline: str, summary: str, likely_cause: str) -> str:
    """What a reflection says of a failure: written for the playbook's search and for people."""
    return f"{category} in {stage}: {headline}\n{summary}\nLikely cause: {likely_cause}"


def strategy_text(headline: str, fix_type: str, description: str) -> str:
    """What a strategy says: when you see this, do that."""
    return f"When you see: {headline}\nfix by ({fix_type}): {description}"
