"""Events that could not be sent, kept on disk: the next report on this machine sends them. The memory counts each once."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

MOST_BYTES = 16 * 1024 * 1024
"""The most that is kept for one server."""
MOST_FILES = 1_000
SUFFIX = ".jsonl"


class Unsent:
    """Events by the report that could not send them: a file each, JSON lines, oldest first.

    A file appears whole or not at all. Two reports that run at once may both send a file: an event has an id, and counts once.
    """

    def __init__(self, directory: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.directory = directory
        self._most_bytes = most_bytes

    @classmethod
    def for_server(cls, shown_url: str, data_dir: Path) -> Unsent:
        """What is kept for the server with this URL (without its password): another server must not get it."""
        return cls(data_dir / "unsent" / hashlib.sha256(shown_url.encode()).hexdigest()[:16])

    def keep(self, events: Sequence[str]) -> bool:
        """Keep events, JSON each. False when there is no room, or the disk refuses: nothing of them is kept then."""
        content = "".join(f"{event}\n" for event in events).encode()
        try:
            kept = [path.stat().st_size for path in self._paths()]
            if len(kept) >= MOST_FILES or sum(kept) + len(content) > self._most_bytes:
                return False
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
            half = self.directory / f"{name}.part"
            with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            half.rename(half.with_suffix(SUFFIX))
        except OSError:
            # The report says that the events were not sent, and now not that they are kept.
            return False
        return True

    def files(self) -> Iterator[tuple[Path, list[str]]]:
        """Each file with its events. A file that another report has sent meanwhile is passed over."""
        for path in self._paths():
            try:
                lines = path.read_bytes().decode().split("\n")
            except (OSError, UnicodeDecodeError):
                continue
            yield path, [line for line in lines if line]

    def _paths(self) -> list[Path]:
        return sorted(self.directory.glob(f"*{SUFFIX}"))
