"""A text as a row of numbers: hashed words and character 4-grams, so that near texts have near rows. No model is needed."""

from __future__ import annotations

import re
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

DIMENSIONS: Final = 512
MAX_CHARACTERS: Final = 4_000
"""Only the last characters of a text count: failures are near the end."""

Vector = NDArray[np.float32]

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_a-zA-Z]+")
_PLACEHOLDER: Final = re.compile(r"<\w+>")
_GRAM: Final = 4
_WORD_SHARE: Final = 0.5
_MULTIPLIERS: Final = np.array([16_777_619, 2_166_136_261, 374_761_393, 668_265_263], dtype=np.uint32)
_MIX: Final = np.uint32(2_654_435_761)


def words(text: str) -> list[str]:
    """The words of ``text`` in lower case, the parts of CamelCase and snake_case each on its own; numbers are left out."""
    return [word.lower() for word in _WORD.findall(_PLACEHOLDER.sub(" ", text[-MAX_CHARACTERS:]))]


def vector(masked: str) -> Vector:
    """The row of a masked text: shape (`DIMENSIONS`,), L2-normalised; zeros where the text has no letter.

    The hashing trick with signs (Weinberger et al., 2009): each feature adds or subtracts 1 + ln(count) at one dimension,
    so that collisions cancel out on average. The same in every process.
    """
    parts = words(masked)
    if not parts:
        return np.zeros(DIMENSIONS, dtype=np.float32)
    hashed = {word: crc32(word.encode("utf-8", "replace")) for word in set(parts)}
    by_word = np.array([hashed[word] for word in parts], dtype=np.uint32)
    row = _unit(_scattered(gram_hashes(" ".join(parts)))) + _WORD_SHARE * _unit(_scattered(by_word * _MIX))
    return _unit(row).astype(np.float32)


def gram_hashes(text: str, length: int = _GRAM) -> NDArray[np.uint32]:
    """A hash for each run of ``length`` bytes of ``text``: shape (bytes - length + 1,), empty for shorter texts."""
    data = np.frombuffer(f" {text} ".encode("utf-8", "replace"), dtype=np.uint8).astype(np.uint32)
    count = len(data) - length + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint32)
    hashes = np.zeros(count, dtype=np.uint32)
    for place in range(length):
        hashes = (hashes ^ data[place : place + count]) * _MULTIPLIERS[place % len(_MULTIPLIERS)]
        hashes ^= hashes >> np.uint32(15)
    return hashes * _MIX


def to_bytes(row: Vector) -> bytes:
    """A row as it is stored: little-endian float32, 4 bytes a dimension."""
    return row.astype("<f4").tobytes()


def from_bytes(data: bytes) -> Vector:
    """The row that `to_bytes` wrote. Raises ValueError where ``data`` has another length."""
    if len(data) != 4 * DIMENSIONS:
        raise ValueError(f"a row has {4 * DIMENSIONS} bytes, not {len(data)}: written by another version?")
    return np.frombuffer(data, dtype="<f4").astype(np.float32)


def _scattered(hashes: NDArray[np.uint32]) -> NDArray[np.float64]:
    """The signed sum of the hashed features over the dimensions, repeated ones damped by the logarithm."""
    features, counts = np.unique(hashes, return_counts=True)
    signs = np.where(features & np.uint32(1 << 31), 1.0, -1.0)
    bins = (features >> np.uint32(8)) % np.uint32(DIMENSIONS)
    weights = signs * (1.0 + np.log(counts))
    return np.bincount(bins, weights=weights, minlength=DIMENSIONS).astype(np.float64)


def _unit(row: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = float(np.linalg.norm(row))
    return row / norm if norm else row
