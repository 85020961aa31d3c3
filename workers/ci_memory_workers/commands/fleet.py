"""The processes of ``ci-memory up``: the embedded server, workers for each queue, beat and Flower, with logs in one place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from .. import names
from ..adapters.embedded_redis import EmbeddedServer
from .guardian import stop

CELERY = [sys.executable, "-m", "celery", "-A", "ci_memory_workers.app"]
RESTART_SECONDS = 2.0
"""A process that ended by itself is started again, not more often than this."""
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """A worker: the queues that it serves, its pool, and how many tasks it does at once."""

    name: str
    queues: tuple[str, ...]
    pool: str
    concurrency: int

    def command(self) -> list[str]:
        """The command that starts it."""
        return [
            *CELERY,
            "worker",
            *("--queues", ",".join(self.queues)),
            *("--hostname", f"{self.name}@%h"),
            *("--pool", self.pool),
            *("--concurrency", str(self.concurrency)),
            "--task-events",
            "--without-mingle",
            "--without-gossip",
            *("--loglevel", "INFO"),
        ]


def worker_plans(slots: int) -> list[WorkerPlan]:
    """A worker for each queue. Drains compute, so they get processes; the others wait for the network, so they get threads."""
    return [
        WorkerPlan("ingest", (names.QUEUE_INGEST,), "prefork", slots),
        WorkerPlan("analysis", (names.QUEUE_ANALYSIS,), "threads", 4),
        WorkerPlan("memory", (names.QUEUE_MEMORY,), "threads", 1),
        WorkerPlan("resolutions", (names.QUEUE_RESOLUTIONS,), "threads", 2),
        WorkerPlan("sweeps", (names.QUEUE_SWEEPS,), "threads", 1),
    ]


LOGS_PLAN = WorkerPlan("logs", (names.QUEUE_LOGS,), "threads", 4)
"""A worker for the logs of jobs, where webhooks are expected."""
NOTIFY_PLAN = WorkerPlan("notify", (names.QUEUE_NOTIFY,), "threads", 4)
"""A worker that tells people, where somebody is to be told."""


@dataclass(slots=True)
class Child:
    """A process of the fleet, the leader of its own process group."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes]
    started: float


@dataclass(slots=True)
class Fleet:
    """Starts, watches and stops the processes. ``environment`` is what they see; logs are ``logs/NAME.log`` in ``directory``."""

    directory: Path
    environment: Mapping[str, str]
    children: dict[str, Child] = field(default_factory=dict)
    _guardian: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "ci_memory_workers.commands.guardian"]
        self._guardian = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def logs(self) -> Path:
        """Where the logs are."""
        return self.directory / "logs"

    def start(self, name: str, command: list[str]) -> Child:
        """Start a process, in a process group of its own."""
        log: IO[bytes]
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(self.environment), start_new_session=True
            )
        self._tell(f"+{process.pid}")
        child = Child(name, command, process, time.monotonic())
        self.children[name] = child
        return child

    def start_server(self, server: EmbeddedServer) -> None:
        """Start the embedded server, and wait until it answers."""
        server.directory.mkdir(parents=True, exist_ok=True)
        child = self.start("redis", server.command())
        server.wait_until_ready(child.process)

    def start_workers(self, slots: int, *, webhooks: bool = False, notify: bool = False) -> None:
        """Start beat and a worker for each queue."""
        for plan in (*worker_plans(slots), *([LOGS_PLAN] if webhooks else []), *([NOTIFY_PLAN] if notify else [])):
            self.start(f"worker-{plan.name}", plan.command())
        self.start("beat", [*CELERY, "beat", "--pidfile", "", "--loglevel", "WARNING"])

    def start_flower(self, port: int) -> None:
        """Start Flower on this machine's own address."""
        options = [f"--port={port}", "--address=127.0.0.1", "--max_tasks=2000", "--persistent=False"]
        self.start("flower", [*CELERY, "flower", *options])

    def start_gateway(self, port: int) -> None:
        """Start the HTTP door on this machine's own address."""
        command = [sys.executable, "-m", "ci_memory_workers.cli", "gateway", "--host", "127.0.0.1", "--port", str(port)]
        self.start("gateway", command)

    def restart_ended(self) -> list[str]:
        """Start again what has ended by itself; returns the names."""
        ended = [child for child in self.children.values() if child.process.poll() is not None]
        restarted = []
        for child in ended:
            if time.monotonic() - child.started < RESTART_SECONDS:
                continue
            # Its group may live on: a killed worker leaves the processes of its pool.
            stop({child.process.pid}, grace=0)
            self._tell(f"-{child.process.pid}")
            self.start(child.name, child.command)
            restarted.append(child.name)
        return restarted

    def stop(self) -> None:
        """Stop everything, the server last: workers finish what they hold. Kills what does not stop in time."""
        others = [child for name, child in self.children.items() if name != "redis"]
        for group in (others, [child for name, child in self.children.items() if name == "redis"]):
            for child in group:
                if child.process.poll() is None:
                    child.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            for child in group:
                try:
                    child.process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
                stop({child.process.pid}, grace=0)
                self._tell(f"-{child.process.pid}")
        self.children.clear()
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()
            self._guardian.wait()
            self._guardian = None

    def _tell(self, line: str) -> None:
        if self._guardian is None or self._guardian.stdin is None:
            return
        try:
            self._guardian.stdin.write(f"{line}\n".encode())
            self._guardian.stdin.flush()
        except BrokenPipeError:
            # Somebody killed the guardian: the fleet works on, and stops as usual; only the kill -9 of `up` is unguarded now.
            self._guardian = None


def child_environment(url: str, directory: Path) -> dict[str, str]:
    """The environment of the fleet's processes: this one's, with the server and the data directory settled."""
    return {**os.environ, "CI_MEMORY_URL": url, "CI_MEMORY_DATA_DIR": str(directory)}
