"""How long to wait before trying again."""

from __future__ import annotations

FIRST_S = 2.0
LONGEST_S = 600.0
LONGEST_WISH_S = 3_600.0
"""The longest delay that the other side may ask for."""


def delay(attempt: int, *, jitter: float, retry_after: float | None = None) -> float:
    """Seconds until the next try after ``attempt`` (1 is the first) failed; ``jitter`` is uniform in [0, 1).

    Exponential with equal jitter (half of the delay is random), at most `LONGEST_S`; at least what the other side asks for,
    up to `LONGEST_WISH_S`.
    """
    ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(attempt - 1, 20))
    return max(ceiling * (0.5 + jitter / 2), min(retry_after or 0.0, LONGEST_WISH_S))
