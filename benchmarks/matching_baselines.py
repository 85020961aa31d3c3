"""What ours is measured beside: chance, the exact text, rapidfuzz, TF-IDF of character 3- to 5-grams, BM25.

Each gives scores of shape (queries, texts), higher is nearer.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

Scores = NDArray[np.float64]

_SEED: Final = 7
_K1: Final = 1.2
_B: Final = 0.75
"""BM25's usual constants (Robertson and Zaragoza, 2009)."""


def chance(queries: Sequence[str], texts: Sequence[str]) -> Scores:
    """Seeded random scores."""
    return np.random.default_rng(_SEED).random((len(queries), len(texts)))


def exact_text(queries: Sequence[str], texts: Sequence[str]) -> Scores:
    """1 where the texts are equal, else 0."""
    return np.array([[float(query == text) for text in texts] for query in queries])


def token_set_ratio(queries: Sequence[str], texts: Sequence[str]) -> Scores:
    """Rapidfuzz's token_set_ratio, 0 to 1."""
    return process.cdist(queries, texts, scorer=fuzz.token_set_ratio, dtype=np.float64) / 100


def tfidf(queries: Sequence[str], texts: Sequence[str]) -> Scores:
    """The cosine of TF-IDF weights of character 3- to 5-grams; counts damped by the logarithm."""
    counted = [Counter(_grams(text)) for text in texts]
    documents = Counter(gram for counts in counted for gram in counts)
    rarity = {gram: math.log((1 + len(texts)) / (1 + n)) + 1 for gram, n in documents.items()}
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for place, counts in enumerate(counted):
        weights = {gram: (1 + math.log(n)) * rarity[gram] for gram, n in counts.items()}
        length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        for gram, weight in weights.items():
            postings[gram].append((place, weight / length))
    ready = _ready(postings)
    return np.stack(
        [_sum(ready, {g: (1 + math.log(n)) * rarity.get(g, 0) for g, n in c.items()}, len(texts)) for c in _all(queries)]
    )


def bm25(queries: Sequence[str], texts: Sequence[str]) -> Scores:
    """Okapi BM25 over lower-case words."""
    counted = [Counter(_words(text)) for text in texts]
    documents = Counter(word for counts in counted for word in counts)
    mean = sum(sum(counts.values()) for counts in counted) / len(texts) or 1.0
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for place, counts in enumerate(counted):
        damping = _K1 * (1 - _B + _B * sum(counts.values()) / mean)
        for word, n in counts.items():
            idf = math.log(1 + (len(texts) - documents[word] + 0.5) / (documents[word] + 0.5))
            postings[word].append((place, idf * n * (_K1 + 1) / (n + damping)))
    ready = _ready(postings)
    return np.stack([_sum(ready, dict.fromkeys(_words(query), 1.0), len(texts)) for query in queries])


BASELINES: Final[dict[str, Callable[[Sequence[str], Sequence[str]], Scores]]] = {
    "chance": chance,
    "exact": exact_text,
    "rapidfuzz": token_set_ratio,
    "tfidf": tfidf,
    "bm25": bm25,
}


def _grams(text: str) -> list[str]:
    text = " ".join(text.lower().split())
    return [text[start : start + n] for n in (3, 4, 5) for start in range(len(text) - n + 1)]


def _all(queries: Sequence[str]) -> list[Counter[str]]:
    return [Counter(_grams(query)) for query in queries]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


Ready = dict[str, tuple[NDArray[np.intp], Scores]]


def _ready(postings: dict[str, list[tuple[int, float]]]) -> Ready:
    return {
        term: (np.array([place for place, _ in found], dtype=np.intp), np.array([weight for _, weight in found]))
        for term, found in postings.items()
    }


def _sum(postings: Ready, query: dict[str, float], texts: int) -> Scores:
    scores = np.zeros(texts)
    for term, weight in query.items():
        if term in postings:
            places, weights = postings[term]
            scores[places] += weight * weights
    return scores
