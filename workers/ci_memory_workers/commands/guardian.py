"""Ends the processes of ``ci-memory up`` when ``up`` itself is killed.

Runs as a process of its own, with a pipe from its parent as standard input. The parent writes a line ``+PID`` for each process
group that it starts and ``-PID`` for each that has ended. When the pipe closes, the parent is gone, however it ended: what is
left is asked to stop, and killed when it does not.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 10.0


def watch(lines: Iterable[str]) -> set[int]:
    """Process groups that are left when ``lines`` end."""
    groups: set[int] = set()
    for line in lines:
        if not line[1:].strip().isdigit():
            continue  # cut off: the parent was killed while it wrote
        group = int(line[1:])
        (groups.add if line.startswith("+") else groups.discard)(group)
    return groups


def stop(groups: set[int], grace: float = GRACE_SECONDS) -> None:
    """Ask process groups to end, and kill those that have not after ``grace`` seconds."""
    for group in groups:
        _signal(group, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while (left := {group for group in groups if _signal(group, 0)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False  # ended, or its number belongs to somebody else now
    return True


if __name__ == "__main__":
    # Ctrl-C reaches the parent, which stops everything in order; the guardian outlives it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stop(watch(sys.stdin))
