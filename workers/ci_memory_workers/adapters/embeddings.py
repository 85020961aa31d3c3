"""Text embeddings that need no model and no network: hashed word and character n-grams, for Aegis's local mode."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 384
MAX_CHARACTERS = 8_000
"""Only the first characters of a text are embedded; a memory is shorter than that."""

_PATTERN_PREFIX = re.compile(r"\A\[pat_[a-z0-9]{6,32}\]\s*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")
_WORD_SHARE = 0.5
_GRAM_SHARE = 1.0
"""What the two views of a text weigh in its vector. Each is normalised first, so that the many character n-grams don't
drown the few words. Pairs of words made every measure worse, and n-grams of 3 or 5 made none better."""
_GRAM = 4

# fmt: off
_COMMON = frozenset({
    "a", "an", "and", "are", "as", "at", "be", "by", "error", "failed", "failure", "fix", "for", "from", "has", "in",
    "is", "it", "line", "of", "on", "or", "see", "that", "the", "this", "to", "was", "when", "with", "you",
})
# fmt: on
_COMMON_WEIGHT = 0.2
"""Words that most failures share say little about one of them."""

Vector = NDArray[np.float32]


class HashedNgramEmbeddings:
    """Satisfies Aegis's ``EmbeddingProvider``: 384 dimensions, L2-normalised float32, the same in every process.

    The hashing trick with signs (Weinberger et al., 2009): each feature adds or subtracts its weight, 1 + ln(count), at one
    of the dimensions, so collisions cancel out on average. A text without a letter or digit is the zero vector. Numbers
    count as one word, whatever their value; a leading ``[pat_…]`` is not part of the text.
    """

    _model_name = "ci-memory-hashed-ngrams-1"
    """Part of the key of Aegis's embedding cache: change it whenever a vector changes."""

    @property
    def dimensions(self) -> int:
        """The length of a vector."""
        return DIMENSIONS

    def embed(self, texts: Sequence[str]) -> Vector:
        """One row a text: shape (len(texts), 384)."""
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        return np.stack([self.embed_single(text) for text in texts])

    def embed_single(self, text: str) -> Vector:
        """The vector of ``text``: shape (384,)."""
        words = _words(text)
        vector = np.zeros(DIMENSIONS, dtype=np.float64)
        for features, share in ((_word_features(words), _WORD_SHARE), (_gram_features(words), _GRAM_SHARE)):
            vector += share * _unit(_hashed(features))
        return _unit(vector).astype(np.float32)


def _words(text: str) -> list[str]:
    """The words of ``text`` in lower case, the parts of CamelCase and snake_case each on its own."""
    text = _PATTERN_PREFIX.sub("", text[:MAX_CHARACTERS])
    return ["0" if word.isdigit() else word.lower() for word in _WORD.findall(text)]


def _word_features(words: list[str]) -> Iterable[tuple[str, float]]:
    return ((word, _COMMON_WEIGHT if word in _COMMON else 1.0) for word in words)


def _gram_features(words: list[str]) -> Iterable[tuple[str, float]]:
    for word in words:
        if word in _COMMON:
            continue
        padded = f"<{word}>"
        for start in range(len(padded) - _GRAM + 1):
            yield padded[start : start + _GRAM], 1.0


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = float(np.linalg.norm(vector))
    return vector / norm if norm else vector


def _hashed(features: Iterable[tuple[str, float]]) -> NDArray[np.float64]:
    """The signed sum of ``features`` over the dimensions, repeated ones damped by the logarithm."""
    counts: dict[str, int] = {}
    weights: dict[str, float] = {}
    for feature, weight in features:
        counts[feature] = counts.get(feature, 0) + 1
        weights[feature] = weight
    if not counts:
        return np.zeros(DIMENSIONS, dtype=np.float64)
    # crc32 rather than hash(): the built-in is seeded anew in every process.
    hashes = np.array([crc32(feature.encode("utf-8", "replace")) for feature in counts], dtype=np.uint32)
    signs = np.where(hashes & np.uint32(1 << 31), 1.0, -1.0)
    damped = 1.0 + np.log(np.array(list(counts.values()), dtype=np.float64))
    values = signs * damped * np.array(list(weights.values()), dtype=np.float64)
    bins = (hashes % np.uint32(DIMENSIONS)).astype(np.intp)
    vector = np.zeros(DIMENSIONS, dtype=np.float64)
    np.add.at(vector, bins, values)
    return vector
