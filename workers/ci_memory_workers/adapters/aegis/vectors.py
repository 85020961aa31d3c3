"""The vectors of a tenant's memories, held in this process: a search reads what is new in the file, and not the whole of it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ci_memory_workers.adapters.aegis.identity import AGENT_ID
from ci_memory_workers.adapters.embeddings import DIMENSIONS, HashedNgramEmbeddings, Vector

MOST_VECTORS = 200_000
"""Vectors that a process holds, 1.5 kB each; the tenant that was searched longest ago goes first, and is read anew."""
BUSY_TIMEOUT = 5.0
TYPES = ("reflection", "strategy")

_NEW = """
    SELECT rowid, id, embedding FROM memories
    WHERE namespace = ? AND memory_type = ? AND rowid > ? AND is_deprecated = 0 AND (agent_id = ? OR scope = 'global')
    ORDER BY rowid
"""
_ID_OF = "SELECT id FROM memories WHERE rowid = ?"
_LAST = "SELECT max(rowid) FROM memories"
_STILL_THERE = """
    SELECT content, memory_type, bullet_helpful, bullet_harmful FROM memories
    WHERE id = ? AND namespace = ? AND is_deprecated = 0
"""


@dataclass(slots=True)
class Near:
    """A memory as a search finds it. ``score`` is the cosine of its vector with the query's, from 0 to 1."""

    id: str
    content: str
    memory_type: str
    effectiveness_score: float
    score: float


@dataclass(slots=True)
class _Space:
    """Normalised vectors of one namespace, by row; those of memories that are gone are zero and have no id."""

    ids: list[str] = field(default_factory=list)
    matrix: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, DIMENSIONS), dtype=np.float32))
    read_to: int = 0
    last_id: str = ""

    def add(self, rows: list[tuple[int, str, bytes]]) -> None:
        """Append rows of the file, whose vectors have our length; others are of another provider, and nobody's match."""
        fitting = [(memory_id, blob) for _, memory_id, blob in rows if blob is not None and len(blob) == 4 * DIMENSIONS]
        if not fitting:
            return
        told = np.frombuffer(b"".join(blob for _, blob in fitting), dtype=np.float32).reshape(-1, DIMENSIONS)
        used, needed = len(self.ids), len(self.ids) + len(fitting)
        if needed > len(self.matrix):
            grown = np.zeros((max(needed, used + used // 2, 256), DIMENSIONS), dtype=np.float32)
            grown[:used] = self.matrix[:used]
            self.matrix = grown
        self.matrix[used:needed] = told / (np.linalg.norm(told, axis=1, keepdims=True) + 1e-10)
        self.ids += [memory_id for memory_id, _ in fitting]

    def forget(self, place: int) -> None:
        """It was deprecated, or deleted: neither is taken back."""
        self.ids[place] = ""
        self.matrix[place] = 0.0

    def nearest(self, query: Vector) -> Iterator[tuple[int, float]]:
        """Places and scores of what is left, nearest first; of equals the one that was stored first. Sorted a piece at a time."""
        scores = self.matrix[: len(self.ids)] @ (query / (np.linalg.norm(query) + 1e-10))
        done, piece = 0, 64
        while done < len(scores):
            wanted = min(len(scores), done + piece)
            order = np.arange(len(scores))
            if wanted < len(scores):
                least = np.partition(scores, len(scores) - wanted)[len(scores) - wanted]
                order = np.flatnonzero(scores >= least)
            order = order[np.argsort(-scores[order], kind="stable")]
            for place in order[done:]:
                if scores[place] < 0:
                    return
                if self.ids[place]:
                    yield int(place), float(scores[place])
            done, piece = len(order), piece * 8


class Vectors:
    """Searches the memory file ``path`` by vectors, in one process. Safe for threads. Raises what sqlite3 raises.

    What others add, deprecate or delete is noticed by each search; a file that was put in the place of another, or vacuumed, is
    read anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._embeddings = HashedNgramEmbeddings()
        self._guard = threading.Lock()
        self._spaces: OrderedDict[str, _Space] = OrderedDict()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] = (0, 0)

    def nearest(self, namespace: str, text: str, count: int) -> list[Near]:
        """The ``count`` reflections and strategies of ``namespace`` nearest to ``text``, nearest first."""
        query = self._embeddings.embed_single(text)
        with self._guard, self._opened() as connection:
            space = self._space(connection, namespace)
            return _nearest(connection, namespace, space, query, count)

    def close(self) -> None:
        """Forget everything. The next search reads it anew."""
        with self._guard:
            self._drop()

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        found = os.stat(self._path)
        if (found.st_dev, found.st_ino) != self._file:
            self._drop()
            self._file = found.st_dev, found.st_ino
        if self._connection is None:
            self._connection = sqlite3.connect(self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            yield self._connection
        except sqlite3.Error:
            self._drop()
            raise

    def _drop(self) -> None:
        self._spaces.clear()
        self._file = (0, 0)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _space(self, connection: sqlite3.Connection, namespace: str) -> _Space:
        """The vectors of a namespace, up to date."""
        space = self._spaces.pop(namespace, None) or _Space()
        if space.read_to and connection.execute(_ID_OF, (space.read_to,)).fetchone() != (space.last_id,):
            # Rows have other numbers now: the file was vacuumed, or the last of them deleted.
            space = _Space()
        last = connection.execute(_LAST).fetchone()[0] or 0
        if last > space.read_to:
            rows = [row for kind in TYPES for row in connection.execute(_NEW, (namespace, kind, space.read_to, AGENT_ID))]
            space.add(sorted(row for row in rows if row[0] <= last))
            space.read_to, space.last_id = last, connection.execute(_ID_OF, (last,)).fetchone()[0]
        self._spaces[namespace] = space
        while len(self._spaces) > 1 and sum(len(one.ids) for one in self._spaces.values()) > MOST_VECTORS:
            self._spaces.popitem(last=False)
        return space


def _nearest(connection: sqlite3.Connection, namespace: str, space: _Space, query: Vector, count: int) -> list[Near]:
    found: list[Near] = []
    for place, score in space.nearest(query):
        # One by one: for several at once SQLite would rather read everything, by numbers from when the file was small.
        row = connection.execute(_STILL_THERE, (space.ids[place], namespace)).fetchone()
        if row is None:
            space.forget(place)
            continue
        content, memory_type, helpful, harmful = row
        found.append(Near(space.ids[place], content, memory_type, _effectiveness(helpful, harmful), score))
        if len(found) == count:
            break
    return found


def _effectiveness(helpful: int, harmful: int) -> float:
    """As Aegis counts it: (helpful - harmful) ÷ (votes + 1)."""
    return (helpful - harmful) / (helpful + harmful + 1)
