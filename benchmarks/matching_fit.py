"""The weights of `domain.likeness`, fitted; and the numbers when they are fitted without the queries they are measured on.

``python benchmarks/matching_fit.py --data DIR`` prints the weights for the development half.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ci_memory_workers.domain.likeness import Features, features
from ci_memory_workers.domain.similarity import vector
from matching_measures import PRECISION, Decision, Row, accepted, recall_at_precision, row, threshold_at
from matching_repeat import Failure, known_failures, queries

Numbers = NDArray[np.float64]

FOLDS: Final = 5
RIDGE: Final = 0.1
_NEAREST: Final = 50
_STEPS: Final = 30


class Pairs(NamedTuple):
    """Queries and their candidates: features of shape (pairs, features), whether each is right, its query, its fold."""

    features: Numbers
    right: Numbers
    query: NDArray[np.intp]
    fold: NDArray[np.intp]


def pairs(data: Path, split: str) -> Pairs:
    """Each query with its nearest texts and all of its test. A label is in one fold only."""
    known = known_failures(data)
    rows = np.stack([vector(failure.masked) for failure in known])
    seen, right, query, fold = [], [], [], []
    for number, asked in enumerate(queries(data, split)):
        nearest = set(map(int, np.argsort(-(rows @ vector(asked.masked)))[:_NEAREST]))
        same_test = {
            place for place, failure in enumerate(known) if asked.read.test_key and failure.read.test_key == asked.read.test_key
        }
        for place in sorted(nearest | same_test):
            seen.append(features(asked.read, known[place].read))
            right.append(known[place].label == asked.label)
            query.append(number)
            fold.append(_fold(asked))
    return Pairs(np.array(seen), np.array(right, dtype=float), np.array(query), np.array(fold))


def _fold(failure: Failure) -> int:
    return crc32(failure.label.encode()) % FOLDS


def fitted(seen: Numbers, right: Numbers) -> Numbers:
    """Weights of a logistic regression with a ridge, the bias last: Newton's method."""
    inputs = np.c_[seen, np.ones(len(seen))]
    ridge = np.full(inputs.shape[1], RIDGE)
    ridge[-1] = RIDGE / 100
    weights = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        curvature = (inputs * (likely * (1 - likely) + 1e-9)[:, None]).T @ inputs + np.diag(ridge)
        weights = weights - np.linalg.solve(curvature, inputs.T @ (likely - right) + ridge * weights)
    return weights


def cross_validated(data: Path, split: str) -> list[Row]:
    """Recall with weights, and precision with a threshold, that the measured queries had no part in."""
    all_pairs = pairs(data, split)
    made: list[Decision] = []
    at_threshold = [0, 0]
    for fold in range(FOLDS):
        outside, inside = all_pairs.fold != fold, all_pairs.fold == fold
        weights = fitted(all_pairs.features[outside], all_pairs.right[outside])
        threshold = max(threshold_at(_tops(all_pairs, outside, weights), PRECISION), 0.5)
        tops = _tops(all_pairs, inside, weights)
        right, taken = accepted(tops, threshold)
        at_threshold[0] += right
        at_threshold[1] += taken
        made += tops
    n = len(made)
    precision = at_threshold[0] / max(1, at_threshold[1])
    return [
        row("repeat", "recall@1, weights from the other folds", sum(right for _, right in made) / n, n, goal=0.85),
        row("repeat", "recall at precision .95, weights from the other folds", recall_at_precision(made, n), n, goal=0.45),
        row("repeat", "recall, weights and threshold from the other folds", at_threshold[0] / n, n, goal=0.45),
        row("repeat", "precision at that threshold", precision, at_threshold[1], goal=PRECISION),
    ]


def _tops(all_pairs: Pairs, chosen: NDArray[np.bool_], weights: Numbers) -> list[Decision]:
    likely = 1 / (1 + np.exp(-(np.c_[all_pairs.features, np.ones(len(all_pairs.features))] @ weights)))
    tops = []
    for query in np.unique(all_pairs.query[chosen]):
        of_query = np.flatnonzero(all_pairs.query == query)
        best = of_query[np.argmax(likely[of_query])]
        tops.append((float(likely[best]), bool(all_pairs.right[best])))
    return tops


def main() -> None:
    """Print the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    flags = parser.parse_args()
    all_pairs = pairs(flags.data, "dev")
    for name, weight in zip((*Features._fields, "bias"), fitted(all_pairs.features, all_pairs.right), strict=True):
        print(f"{name:24}{weight:8.2f}")


if __name__ == "__main__":
    main()
