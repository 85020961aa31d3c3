"""The known error texts that a new one may be: searched by hashed n-grams, ranked by what the texts say.

All rows are compared (about 1 ms at 10,000 texts); the nearest ones, and those of the same test, are then read closely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ci_memory_producers.events import Stage

from .likeness import Likeness, Read, likeness, read
from .text_vector import DIMENSIONS, Vector, from_bytes, to_bytes, vector

__all__ = ["Known", "Match", "Texts", "from_bytes", "to_bytes", "vector"]

_READ_CLOSELY: Final = 32
_OF_ONE_TEST: Final = 50
_FIRST_CAPACITY: Final = 64


@dataclass(frozen=True, slots=True)
class Known:
    """One error text of a pattern, masked; a pattern has several. ``test_key`` is "" where no test is known."""

    pattern_id: str
    masked: str
    stage: Stage
    test_key: str = ""
    generic: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern that a text may be. ``score`` is the probability (0..1) that it is; ``accept`` says that nobody needs to be
    asked; ``why`` gives the reason for that, in words.
    """

    pattern_id: str
    score: float
    accept: bool
    why: str


class Texts:
    """A searchable collection of known error texts, in memory. Not safe for threads that add or remove at once."""

    def __init__(self) -> None:
        self._rows = np.zeros((_FIRST_CAPACITY, DIMENSIONS), dtype=np.float32)
        self._known: list[tuple[Known, Read] | None] = []
        self._free: list[int] = []
        self._of_pattern: dict[str, list[int]] = {}
        self._of_test: dict[str, dict[int, None]] = {}

    def __len__(self) -> int:
        return len(self._known) - len(self._free)

    def add(self, known: Known, row: Vector | None = None) -> None:
        """Add a text; ``row`` is its `vector`, where that has been kept. The same text of a pattern is kept once."""
        places = self._of_pattern.setdefault(known.pattern_id, [])
        if any((held := self._known[place]) is not None and held[0] == known for place in places):
            return
        place = self._free.pop() if self._free else self._new_place()
        self._rows[place] = vector(known.masked) if row is None else row
        self._known[place] = known, read(known.masked, stage=known.stage, test_key=known.test_key, generic=known.generic)
        places.append(place)
        if known.test_key:
            self._of_test.setdefault(known.test_key, {})[place] = None

    def remove(self, pattern_id: str) -> None:
        """Forget all texts of a pattern; nothing happens where there is none."""
        for place in self._of_pattern.pop(pattern_id, ()):
            held = self._known[place]
            self._known[place] = None
            self._rows[place] = 0.0
            self._free.append(place)
            if held is not None and held[0].test_key:
                of_test = self._of_test[held[0].test_key]
                del of_test[place]
                if not of_test:
                    del self._of_test[held[0].test_key]

    def nearest(
        self, masked: str, *, stage: Stage, test_key: str = "", generic: bool = False, top_k: int = 5, row: Vector | None = None
    ) -> list[Match]:
        """The ``top_k`` patterns that ``masked`` may be, best first, each with its best text; ``row`` is its `vector`."""
        asked = read(masked, stage=stage, test_key=test_key, generic=generic)
        best: dict[str, tuple[tuple[bool, float], Likeness]] = {}
        for place in self._candidates(vector(masked) if row is None else row, test_key):
            held = self._known[place]
            if held is None:
                continue
            known, its = held
            found = likeness(asked, its)
            rank = (found.accept, found.probability)
            if known.pattern_id not in best or rank > best[known.pattern_id][0]:
                best[known.pattern_id] = rank, found
        ordered = sorted(best.items(), key=lambda item: item[0])
        ordered.sort(key=lambda item: item[1][0], reverse=True)
        return [Match(pattern_id, found.probability, found.accept, found.why) for pattern_id, (_, found) in ordered[:top_k]]

    def _candidates(self, row: Vector, test_key: str) -> list[int]:
        """Places of the texts to read closely: the nearest rows, and the newest texts of the same test."""
        count = len(self._known)
        of_test = list(self._of_test.get(test_key, ()))[-_OF_ONE_TEST:] if test_key else []
        if count <= _READ_CLOSELY:
            return list(range(count))
        scores = self._rows[:count] @ row
        nearest = np.argpartition(scores, count - _READ_CLOSELY)[count - _READ_CLOSELY :]
        return sorted({*map(int, nearest), *of_test})

    def _new_place(self) -> int:
        place = len(self._known)
        self._known.append(None)
        if place == len(self._rows):
            grown = np.zeros((2 * place, DIMENSIONS), dtype=np.float32)
            grown[:place] = self._rows
            self._rows = grown
        return place
