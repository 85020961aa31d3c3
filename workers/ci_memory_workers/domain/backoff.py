"""How long to wait before trying again."""

from __future__ import annotations

FIRST_S = 2.0
LONGEST_S = 600.0


def delay(attempt: int, *, jitter: float, retry_after: float | None = None) -> float:
    """Seconds until the next try after ``attempt`` (1 is the first) failed; ``jitter`` is uniform in [0, 1).

    Exponential with equal jitter (half of the delay is random), at most `LONGEST_S`, at least what the other side asks for.
    """
    ceiling = min(LONGEST_S, FIRST_S * 2.0 ** min(attempt - 1, 20))
    return max(ceiling * (0.5 + jitter / 2), retry_after or 0.0)
