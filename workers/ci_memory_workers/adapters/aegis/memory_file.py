"""The SQLite file of Aegis's local mode, as threads, processes and forks may share it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ci_memory_workers.adapters.aegis.file_lock import exclusive
from ci_memory_workers.errors import KnowledgeNotAsked, KnowledgeRefused, KnowledgeUnavailable

if TYPE_CHECKING:
    from aegis_memory import AegisClient

CARRIED = "ci_memory_carried"
"""An index of ours in Aegis's file, by what each content begins with: the pattern that a memory carries."""
CARRIED_LENGTH = 48
_INDEX = f"""
    CREATE INDEX IF NOT EXISTS {CARRIED} ON memories(namespace, memory_type, substr(content, 1, {CARRIED_LENGTH}))
"""
TIDY_EVERY = 50
"""Memories that one process adds between two runs of ANALYZE."""
BUSY_TIMEOUT = 5.0
"""Seconds that SQLite itself waits for another connection."""


@dataclass(slots=True)
class _Opened:
    """What one process has of the file. A connection made before a fork must never be used after it."""

    guard: threading.RLock = field(default_factory=threading.RLock)
    client: AegisClient | None = None
    added: int = 0


class MemoryFile:
    """Aegis's client on the file ``path``, made on first use in the process that uses it.

    `reading` and `writing` give the client for a block. Calls of one process go one at a time (the client guards what it
    writes against threads, not what it read before); writers go one at a time on the whole machine, under a lock file beside
    ``path``, because the client's read-modify-write loses updates otherwise. ``lock_timeout`` is how long a writer waits for
    the others, in seconds. Both raise `KnowledgeNotAsked` when it is over, `KnowledgeUnavailable` when the disk is in trouble.
    """

    def __init__(self, path: Path, *, lock_timeout: float) -> None:
        self.path = path
        self._lock_path = path.with_name(path.name + ".lock")
        self._lock_timeout = lock_timeout
        self._by_process: dict[int, _Opened] = {}

    @contextmanager
    def reading(self) -> Iterator[AegisClient]:
        """The client, while other processes may write."""
        opened = self._opened()
        with opened.guard:
            if opened.client is None:
                with self._locked():
                    self._open(opened)
            yield from self._guarded(opened)

    @contextmanager
    def writing(self) -> Iterator[AegisClient]:
        """The client, while nobody else writes."""
        opened = self._opened()
        with opened.guard, self._locked():
            self._open(opened)
            yield from self._guarded(opened)

    def rows(self, query: str, parameters: tuple[object, ...]) -> list[tuple[object, ...]]:
        """What ``query`` reads, on a connection of its own: Aegis's client has no call for it."""
        with self.reading(), closing(self._connection()) as connection:
            return connection.execute(query, parameters).fetchall()

    def count_added(self) -> None:
        """Call after a memory was added, inside `writing`: now and then the file is tidied.

        ANALYZE gives SQLite's planner its numbers; without them it picks the wrong index, and adding costs 50 times as much
        at 50,000 memories. The embedding cache is emptied: Aegis never does, and it saves us nothing.
        """
        opened = self._opened()
        opened.added += 1
        if opened.added % TIDY_EVERY:
            return
        with closing(self._connection()) as connection:
            connection.execute("PRAGMA analysis_limit = 400")
            connection.execute("ANALYZE memories")
            connection.execute("DELETE FROM embedding_cache")
        # Other connections read the planner's numbers when they are opened.
        self._drop(opened)

    def close(self) -> None:
        """Close this process's connection. The next call opens it anew."""
        opened = self._opened()
        with opened.guard:
            self._drop(opened)

    def _opened(self) -> _Opened:
        # A forked child finds its parent's entry and leaves it alone: SQLite forbids even to close it there.
        return self._by_process.setdefault(os.getpid(), _Opened())

    def _guarded(self, opened: _Opened) -> Iterator[AegisClient]:
        try:
            yield opened.client
        except sqlite3.Error as error:
            self._drop(opened)
            raise in_our_terms(error) from error
        except KnowledgeUnavailable:
            # Whatever it had begun is rolled back by closing.
            self._drop(opened)
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with ExitStack() as held:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(exclusive(self._lock_path, timeout=self._lock_timeout))
            except OSError as error:
                raise KnowledgeNotAsked(f"the memory file {self.path} can't be locked: {error.strerror}") from error
            yield

    def _open(self, opened: _Opened) -> None:
        if opened.client is not None:
            return
        # Imported here: together they cost 250 ms, and only those who use the memory pay them.
        from aegis_memory import AegisClient

        from ci_memory_workers.adapters.embeddings import HashedNgramEmbeddings

        try:
            # Made by us first, for nobody else to read: it holds what builds print.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            opened.client = AegisClient(mode="local", db_path=str(self.path), embedding_provider=HashedNgramEmbeddings())
            with closing(self._connection()) as connection:
                connection.execute(_INDEX)
        except OSError as error:
            raise KnowledgeNotAsked(f"the memory file {self.path} can't be opened: {error.strerror}") from error
        except sqlite3.Error as error:
            self._drop(opened)
            raise in_our_terms(error) from error

    def _drop(self, opened: _Opened) -> None:
        client, opened.client = opened.client, None
        if client is not None:
            client.close()

    def _connection(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=BUSY_TIMEOUT, isolation_level=None)


def in_our_terms(error: sqlite3.Error) -> KnowledgeUnavailable | KnowledgeRefused:
    """What SQLite says, as one of our errors."""
    if isinstance(error, sqlite3.OperationalError):
        return KnowledgeUnavailable(f"the memory file could not be read or written: {error}")
    return KnowledgeRefused(f"the memory file refuses this: {error}")
