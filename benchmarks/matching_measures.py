"""Measures of a ranking, and of a decision taken by a threshold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Row = dict[str, Any]
Decision = tuple[float, bool]
"""The score of what was ranked first, and whether it is right."""
PRECISION: Final = 0.95


def recall_at(ranks: Sequence[int], k: int) -> float:
    """The share of queries whose answer is among the first ``k``; ranks begin with 0."""
    return sum(rank < k for rank in ranks) / len(ranks)


def ranks_of(scores: NDArray[np.float64], answers: Sequence[int]) -> list[int]:
    """The rank of each query's answer, ties counted against it; a score of 0 finds nothing."""
    found = []
    for row, answer in zip(scores, answers, strict=True):
        score = row[answer]
        found.append(int((row >= score).sum()) - 1 if score > 0 else len(row))
    return found


def decisions(scores: NDArray[np.float64], answers: Sequence[int]) -> list[Decision]:
    """For each query the best score, and whether it is the answer's alone."""
    ranks = ranks_of(scores, answers)
    return [(float(row.max()), rank == 0) for row, rank in zip(scores, ranks, strict=True)]


def threshold_at(made: Iterable[Decision], precision: float = PRECISION) -> float:
    """The lowest threshold whose accepted decisions are right in ``precision`` of cases; infinite where there is none."""
    best, right, seen = float("inf"), 0, 0
    ordered = sorted(made, key=lambda decision: -decision[0])
    for place, (score, is_right) in enumerate(ordered):
        right, seen = right + is_right, seen + 1
        ends = place + 1 == len(ordered) or ordered[place + 1][0] < score
        if ends and right / seen >= precision:
            best = score
    return best


def accepted(made: Iterable[Decision], threshold: float) -> tuple[int, int]:
    """(right, all) decisions at or above ``threshold``."""
    taken = [is_right for score, is_right in made if score >= threshold]
    return sum(taken), len(taken)


def recall_at_precision(made: Sequence[Decision], queries: int) -> float:
    """The largest recall at `PRECISION`, over ``queries``; decisions beyond them are failures that nothing known answers."""
    return accepted(made, threshold_at(made))[0] / queries


def row(
    name: str,
    metric: str,
    value: float,
    n: int,
    *,
    goal: float | None = None,
    at_most: bool = False,
    baselines: dict[str, float] | None = None,
) -> Row:
    """One line of the table; with ``at_most`` the goal is an upper bound."""
    rounded = {key: round(number, 4) for key, number in (baselines or {}).items()}
    return {
        "set": name,
        "metric": metric,
        "value": round(value, 4),
        "goal": goal,
        "at_most": at_most,
        "n": n,
        "baselines": rounded,
    }
