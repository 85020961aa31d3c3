"""One writer at a time among all processes of a machine."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ci_memory_workers.errors import KnowledgeNotAsked

_FIRST_PAUSE = 0.001
_LONGEST_PAUSE = 0.05


@contextmanager
def exclusive(path: Path, *, timeout: float) -> Iterator[None]:
    """Hold the lock file ``path`` for the length of the block.

    The kernel releases the lock when its holder dies, however it dies. Threads of one process exclude each other too, for
    each holder opens the file anew. Raises `KnowledgeNotAsked` when somebody holds it for longer than ``timeout`` seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(descriptor, path, timeout)
        try:
            yield
        finally:
            # Said aloud, because a process that was forked meanwhile holds a copy of the descriptor and with it the lock.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise KnowledgeNotAsked(
                    f"the memory file is busy: another process has held {path.name} for {timeout:.0f} s", retry_after=timeout
                ) from None
        # Asking again, because flock can't be awaited with a time limit.
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
