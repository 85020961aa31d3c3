"""How sure a suggestion may be."""

from __future__ import annotations

from math import sqrt


def confidence(worked: int, failed: int) -> float:
    """The chance that a fix works again, less one standard deviation: between 0 and 1, and 0 where nothing was tried.

    Outcomes are Bernoulli trials under a uniform prior, so the posterior is Beta(1 + worked, 1 + failed). Its mean is
    a / (a + b), its variance ab / ((a + b)^2 (a + b + 1)) (Gelman et al., Bayesian Data Analysis, appendix A). Taking a standard
    deviation off keeps one success (.43) below seven of eight (.68).
    """
    if worked + failed == 0:
        return 0.0
    a, b = 1 + worked, 1 + failed
    deviation = sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
    return round(max(0.0, a / (a + b) - deviation), 4)
