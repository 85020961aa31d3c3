"""Which described causes an error text may have: a shortlist for a language model or a person, never more than that.

An error and the prose about its cause share few words, and those are rare ones: identifiers and their parts. So words and
character 4-grams are weighed by how rare they are among the descriptions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from .text_vector import MAX_CHARACTERS, gram_hashes

RARITY_POWER: Final = 1.3
"""Rare terms weigh more than in plain TF-IDF: idf ** 1.3."""
WORD_LENGTH_SHARE: Final = 0.8
"""How much of a description's length divides its score from words (pivoted normalisation: Singhal et al., 1996)."""
GRAM_SHARE: Final = 0.75
"""What the cosine of the character 4-grams weighs beside that of the words."""

_TERMS: Final = 1 << 18
_TOKEN: Final = re.compile(r"[A-Za-z_][\w./-]*\w|\d+")
_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PLACEHOLDER: Final = re.compile(r"<\w+>")
_NO_LETTERS: Final = re.compile(r"[^a-z]+")
_SUFFIXES: Final = ("ing", "ed", "es", "s")
_SHORTEST_STEM: Final = 4
_SPACE: Final = 32
_FUSION: Final = 60

Terms = tuple[NDArray[np.uint32], NDArray[np.float32]]
"""Ids of distinct terms, ascending, and 1 + ln(count) of each."""


class Descriptions:
    """A searchable collection of descriptions, one a pattern: its title, diagnosis, and what fixed it.

    Rarity is learned from the collection itself, so scores change as it grows. At 10,000 descriptions a search costs 15 ms,
    and the first one after a change 70 ms more.
    """

    def __init__(
        self,
        *,
        rarity_power: float = RARITY_POWER,
        word_length_share: float = WORD_LENGTH_SHARE,
        gram_share: float = GRAM_SHARE,
    ) -> None:
        self._words = _Field(rarity_power, word_length_share)
        self._grams = _Field(rarity_power, 1.0)
        self._gram_share = gram_share

    def __len__(self) -> int:
        return len(self._words)

    def put(self, pattern_id: str, description: str) -> None:
        """Describe a pattern, in place of what was said of it before. Linear in the text."""
        self._words.put(pattern_id, _word_terms(description))
        self._grams.put(pattern_id, _gram_terms(description))

    def remove(self, pattern_id: str) -> None:
        """Forget a pattern; nothing happens where it is unknown."""
        self._words.remove(pattern_id)
        self._grams.remove(pattern_id)

    def nearest(self, masked: str, *, top_k: int = 5) -> list[tuple[str, float]]:
        """(pattern_id, score) of the ``top_k`` descriptions that share most with a masked error text, best first.

        Scores are above 0 and compare only inside one answer; descriptions that share nothing are left out.
        """
        text = _PLACEHOLDER.sub(" ", masked[-MAX_CHARACTERS:])
        scores = self._words.scores(_word_terms(text)) + self._gram_share * self._grams.scores(_gram_terms(text))
        ids = self._words.ids()
        order = sorted(np.flatnonzero(scores > 0), key=lambda place: (-scores[place], ids[place]))
        return [(ids[place], float(scores[place])) for place in order[:top_k]]


def fused(rankings: Iterable[Sequence[str]], *, top_k: int = 5) -> list[str]:
    """One ranking of pattern ids from several, best first: reciprocal rank fusion (Cormack et al., 2009).

    For the shortlist of a failure: the ids that `Texts.nearest` and `Descriptions.nearest` gave.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, pattern_id in enumerate(ranking):
            scores[pattern_id] = scores.get(pattern_id, 0.0) + 1.0 / (_FUSION + rank)
    return sorted(scores, key=lambda pattern_id: -scores[pattern_id])[:top_k]


class _Field:
    """Terms of all descriptions, and their TF-IDF cosine with a query."""

    def __init__(self, rarity_power: float, length_share: float) -> None:
        self._rarity_power = rarity_power
        self._length_share = length_share
        self._of: dict[str, Terms] = {}
        self._documents = np.zeros(_TERMS, dtype=np.int32)
        self._packed: _Packed | None = None

    def __len__(self) -> int:
        return len(self._of)

    def ids(self) -> list[str]:
        return list(self._of)

    def put(self, pattern_id: str, terms: Terms) -> None:
        self.remove(pattern_id)
        self._of[pattern_id] = terms
        self._documents[terms[0]] += 1

    def remove(self, pattern_id: str) -> None:
        if (old := self._of.pop(pattern_id, None)) is not None:
            self._documents[old[0]] -= 1
        self._packed = None

    def scores(self, query: Terms) -> NDArray[np.float32]:
        """The cosine of each description with ``query``: shape (descriptions,), in the order of `ids`."""
        if not self._of:
            return np.zeros(0, dtype=np.float32)
        if self._packed is None:
            self._packed = _Packed(list(self._of.values()), self._rarity(), self._length_share)
        return self._packed.scores(query)

    def _rarity(self) -> NDArray[np.float32]:
        inverse: NDArray[np.float64] = np.log((1.0 + len(self._of)) / (1.0 + self._documents))
        rarity: NDArray[np.float32] = (inverse**self._rarity_power).astype(np.float32)
        return rarity


class _Packed:
    """A field as flat arrays, for one state of the collection. Every description begins with a term that no query has."""

    def __init__(self, all_terms: list[Terms], rarity: NDArray[np.float32], length_share: float) -> None:
        sizes = np.array([len(ids) + 1 for ids, _ in all_terms])
        self._starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        none = np.zeros(1, dtype=np.uint32)
        self._terms = np.concatenate([array for ids, _ in all_terms for array in (none, ids)])
        counts = np.concatenate([array for _, weights in all_terms for array in (np.zeros(1, np.float32), weights)])
        self._rarity = rarity
        self._weights = counts * rarity[self._terms]
        lengths = np.sqrt(np.add.reduceat(self._weights**2, self._starts))
        self._lengths = np.maximum((1 - length_share) * lengths.mean() + length_share * lengths, 1e-6)

    def scores(self, query: Terms) -> NDArray[np.float32]:
        ids, counts = query
        asked = np.zeros(_TERMS, dtype=np.float32)
        asked[ids] = counts * self._rarity[ids]
        length = float(np.linalg.norm(asked)) or 1.0
        found: NDArray[np.float32] = np.add.reduceat(asked[self._terms] * self._weights, self._starts)
        cosines: NDArray[np.float32] = (found / (self._lengths * length)).astype(np.float32)
        return cosines


def _word_terms(text: str) -> Terms:
    """Stems of the words of ``text``; an identifier counts as a whole and by its parts."""
    terms: list[str] = []
    for token in _TOKEN.findall(text[-MAX_CHARACTERS:]):
        parts = [_stem(part.lower()) for part in _PART.findall(token)]
        terms += [part for part in parts if len(part) > 1]
        if len(parts) > 1:
            terms.append(token.lower())
    return _terms(np.array([crc32(term.encode("utf-8", "replace")) for term in terms], dtype=np.uint32))


def _gram_terms(text: str) -> Terms:
    """The 4-grams inside the words of ``text``, its end and beginning counted as a letter."""
    letters = _NO_LETTERS.sub(" ", text[-MAX_CHARACTERS:].lower()).strip()
    hashes = gram_hashes(letters)
    inside = np.frombuffer(f" {letters} ".encode(), dtype=np.uint8) != _SPACE
    return _terms(hashes[inside[1:-2] & inside[2:-1]] if len(hashes) else hashes)


def _terms(hashes: NDArray[np.uint32]) -> Terms:
    ids, counts = np.unique(hashes % np.uint32(_TERMS - 1) + np.uint32(1), return_counts=True)
    return ids, (1.0 + np.log(counts)).astype(np.float32)


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            return word[: -len(suffix)]
    return word
