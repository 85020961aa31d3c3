"""A running `ci-memory up`, and how tests speak to it: commands as users type them, events, answers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci_memory_producers import Analysis, FailureEvent, Producer
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.domain.pattern import Pattern
from ci_memory_workers.settings import Settings

BIN = Path(sys.executable).parent
SLOW = 60.0
"""Longest wait for anything, in seconds: a bound for a loaded machine, not a measurement."""


def wait_until(condition: Callable[[], Any], *, what: str, seconds: float = SLOW) -> Any:
    """What ``condition`` returns, once it is true. Conditions of other processes can only be asked for again and again."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while time.monotonic() < deadline:
        if found := condition():
            return found
        pause.wait(0.05)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Up:
    """A running `ci-memory up`: its data directory, its environment, and how to speak to it."""

    directory: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return (self.directory / "url").read_text()

    def container(self) -> Container:
        """The adapters, on the fleet's server."""
        return Container(Settings(url=self.url, data_dir=self.directory))

    def producer(self) -> Producer:
        return Producer(self.url)

    def run(self, *command: str, stdin: str | bytes | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``ci-memory`` or ``ci-memory-report`` as a user does."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            env=self.environment,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            cwd=cwd or self.directory,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def pattern(self, tenant: str, pattern_id: str) -> dict[str, Any]:
        """What `ci-memory patterns show` says of a pattern."""
        done = self.run("ci-memory", "patterns", "show", pattern_id, "--tenant", tenant, "--json")
        assert done.returncode == 0, done.stderr
        shown: dict[str, Any] = json.loads(done.stdout)
        return shown

    def index_pattern(self, tenant: str, pattern_id: str) -> Pattern:
        box = self.container()
        try:
            pattern = box.index.pattern(tenant, pattern_id)
        finally:
            box.redis.close()
        assert pattern is not None
        return pattern

    def ask(self, event: FailureEvent, *, seconds: float = SLOW) -> Analysis:
        """Push a failure and wait for its answer."""
        with self.producer() as producer:
            producer.push(event, wait=True)
            return producer.analyses(event.tenant, [event.event_id], seconds=seconds)[0]

    def stop(self, number: int = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted((self.directory / "logs").glob("*.log")))


def start_up(directory: Path, *arguments: str, **settings: str) -> Up:
    """Start `ci-memory up` and wait until it says that it is up. No process of it may reach the network."""
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONDONTWRITEBYTECODE")
    }
    dead = "http://127.0.0.1:9"
    environment = {
        **kept,
        "HTTP_PROXY": dead,
        "HTTPS_PROXY": dead,
        "NO_PROXY": "127.0.0.1,localhost",
        "CI_MEMORY_DATA_DIR": str(directory),
        "CI_MEMORY_RING_SECONDS": "0.5",
        "CI_MEMORY_FLUSH_SECONDS": "0.5",
        "CI_MEMORY_SLOT_LEASE_SECONDS": "2",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
    directory.mkdir(parents=True, exist_ok=True)
    said = directory / "up.out"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [str(BIN / "ci-memory"), "up", *arguments], env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL
        )
    up = Up(directory, environment, process)
    try:
        wait_until(lambda: "ci-memory is up" in said.read_text() or process.poll() is not None, what="up")
        assert process.poll() is None, said.read_text()
    except BaseException:
        up.stop(signal.SIGTERM)
        raise
    return up
