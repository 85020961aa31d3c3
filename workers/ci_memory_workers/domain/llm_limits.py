"""How much of a language model is used: limits, and how many tokens a question has before it is asked."""

from __future__ import annotations

import math
from dataclasses import dataclass

MINUTE_MS = 60_000
CHARS_A_TOKEN = 3
"""Logs have fewer characters a token than prose (about 4): paths, hashes and numbers."""
PROMPT_TOKENS = 900
ANSWER_TOKENS = 600


@dataclass(frozen=True, slots=True)
class LlmLimits:
    """What all workers together may ask of the model.

    ``tokens_per_day`` 0 is no limit; days are UTC. After ``failures`` failed calls in a row nobody asks for ``pause_s`` seconds,
    twice as long after each try that fails again, up to ``longest_pause_s``. A call that says nothing for ``call_s`` has died.
    """

    rate_per_minute: int
    tokens_per_day: int
    failures: int
    pause_s: float
    longest_pause_s: float
    call_s: float

    @property
    def burst(self) -> int:
        """Calls that may be made at once after a pause: what ten seconds allow."""
        return max(1, self.rate_per_minute // 6)


def estimated_tokens(texts: list[str], *, most_chars: int) -> int:
    """About how many tokens a question of these texts has, with its answer; at most ``most_chars`` characters of it are sent."""
    chars = min(sum(map(len, texts)), most_chars)
    return PROMPT_TOKENS + ANSWER_TOKENS + math.ceil(chars / CHARS_A_TOKEN)
