"""The processes of a chaos run: a Redis server, the two stand-ins, and `ci-memory up` with its workers and beat."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Any, Literal

from redis import Redis, RedisError

from chaos_standins import API_KEY, MODEL
from chaos_strikes import Strike, Victim
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.settings import Settings

Fsync = Literal["always", "everysec"]
STANDINS = Path(__file__).with_name("chaos_standins.py")
START_SECONDS = 60.0
AGING_DAYS = 1
POLL_SECONDS = 0.02
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")


def wait_until(condition: Callable[[], Any], what: str, seconds: float = START_SECONDS) -> Any:
    """What ``condition`` returns once it is true; other processes can only be asked again and again. Raises `TimeoutError`."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < deadline:
        if found := condition():
            return found
        pause.wait(POLL_SECONDS)
    raise TimeoutError(f"not within {seconds:.0f} s: {what}")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    """Whether a Redis server answers, and has read its files."""
    client = Redis.from_url(url, socket_timeout=1)
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()


@dataclass(slots=True)
class ChaosFleet:
    """A fleet in ``directory``. ``lease_seconds`` is how long a worker may take for a piece of work before another takes it."""

    directory: Path
    fsync: Fsync = "always"
    lease_seconds: float = 3.0
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    _server: EmbeddedServer | None = None
    _stopping: bool = False
    _guard: threading.RLock = field(default_factory=threading.RLock)
    _timers: list[threading.Timer] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The server's URL."""
        return self.server.url

    @property
    def server(self) -> EmbeddedServer:
        """Where the Redis server is; it is ours, so that it is down for as long as we say."""
        if self._server is None:
            self._server = EmbeddedServer.at(self.directory / "redis")
        return self._server

    @property
    def aegis_file(self) -> Path:
        """What the Aegis stand-in holds."""
        return self.directory / "aegis.jsonl"

    @property
    def settings(self) -> dict[str, str]:
        """The workers' settings. Time is made irrelevant: sweeps come all the time, and nothing is given up for good."""
        return {
            "CI_MEMORY_URL": self.url,
            "CI_MEMORY_DATA_DIR": str(self.directory / "data"),
            "CI_MEMORY_SWEEP_SECONDS": "1",
            "CI_MEMORY_AGING_DAYS": str(AGING_DAYS),
            "CI_MEMORY_QUARANTINE_MIN_EPISODES": "4",
            "CI_MEMORY_RING_SECONDS": "0.5",
            "CI_MEMORY_FLUSH_SECONDS": "1",
            "CI_MEMORY_SLOT_LEASE_SECONDS": "2",
            "CI_MEMORY_WORK_LEASE_SECONDS": str(self.lease_seconds),
            "CI_MEMORY_AEGIS_URL": f"http://127.0.0.1:{self.ports['aegis']}",
            "CI_MEMORY_AEGIS_API_KEY": API_KEY,
            "CI_MEMORY_AEGIS_RATE_PER_MINUTE": "1000000",
            "CI_MEMORY_AEGIS_SEARCH_TIMEOUT": "1",
            "CI_MEMORY_AEGIS_PAUSE_SECONDS": "0.5",
            "OPENAI_API_KEY": "sk-made-up-for-a-benchmark",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{self.ports['llm']}/v1",
            "CI_MEMORY_LLM_MODEL": MODEL,
            "CI_MEMORY_LLM_TIMEOUT": "1",
            "CI_MEMORY_LLM_ATTEMPTS": "1000",
            "CI_MEMORY_LLM_RATE_PER_MINUTE": "1000000",
            "CI_MEMORY_LLM_TOKENS_PER_DAY": "0",
            "CI_MEMORY_LLM_PAUSE_SECONDS": "0.5",
        }

    def container(self) -> Container:
        """The adapters, on the fleet's servers."""
        told = Settings(
            url=self.url,
            data_dir=self.directory / "data",
            aegis_url=self.settings["CI_MEMORY_AEGIS_URL"],
            aegis_api_key=API_KEY,
            aegis_rate_per_minute=1_000_000,
            aging_days=AGING_DAYS,
        )
        return Container(told)

    def start(self) -> None:
        """Start everything, and wait until it works. Raises `TimeoutError` or `RuntimeError`."""
        (self.directory / "redis").mkdir(parents=True, exist_ok=True)
        self.ports = {"llm": free_port(), "aegis": free_port()}
        for name in ("redis", "llm", "aegis"):
            self._start(name)
        wait_until(lambda: answers(self.url), "Redis answers")
        said = self.directory / "up.log"
        self._spawn("up", [str(Path(sys.executable).parent / "ci-memory"), "up"], said)
        wait_until(lambda: "ci-memory is up" in said.read_text() or self.processes["up"].poll() is not None, "the fleet is up")
        if self.processes["up"].poll() is not None:
            raise RuntimeError(said.read_text())

    def _start(self, name: str) -> None:
        commands = {
            "redis": [*self.server.command(), "--appendfsync", self.fsync],
            "llm": [sys.executable, str(STANDINS), "llm", str(self.ports["llm"]), str(self.directory / "llm.jsonl")],
            "aegis": [sys.executable, str(STANDINS), "aegis", str(self.ports["aegis"]), str(self.aegis_file)],
        }
        with self._guard:
            if not self._stopping:
                self._spawn(name, commands[name], self.directory / f"{name}.log")

    def _spawn(self, name: str, command: list[str], log: Path) -> None:
        dead = "http://127.0.0.1:9"
        kept = {key: value for key, value in os.environ.items() if key in _KEPT}
        no_network = {"HTTP_PROXY": dead, "HTTPS_PROXY": dead, "NO_PROXY": "127.0.0.1,localhost", "PYTHONUNBUFFERED": "1"}
        with log.open("ab") as out:
            self.processes[name] = subprocess.Popen(
                command,
                env={**kept, **no_network, **self.settings},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def strike(self, strike: Strike) -> str:
        """Kill, or stop and later go on or kill. Returns who was hit; '' where nobody was there."""
        name, pid, whole_group = self._victim(strike.victim, strike.choice)
        if not pid:
            return ""
        if strike.way == "kill":
            _signal(pid, signal.SIGKILL, whole_group)
            self._later(strike.seconds, lambda: self._again(name, pid))
            return name
        _signal(pid, signal.SIGSTOP, whole_group)
        last = signal.SIGCONT if strike.way == "hang" else signal.SIGKILL

        def end() -> None:
            _signal(pid, last, whole_group)
            if last == signal.SIGKILL:
                self._again(name, pid)

        self._later(strike.seconds, end)
        return name

    def _victim(self, victim: Victim, choice: int) -> tuple[str, int, bool]:
        """Name, process id, and whether its whole group is meant."""
        if victim in ("redis", "llm", "aegis"):
            return victim, self.processes[victim].pid, False
        mains = {name: pid for pid, name in celery_children(self.processes["up"].pid).items()}
        if victim == "beat":
            return "beat", mains.get("beat", 0), False
        workers = sorted(name for name in mains if name != "beat")
        if victim == "tree":
            name = workers[choice % len(workers)] if workers else ""
            return name, mains.get(name, 0), True
        pool = sorted(children(mains["worker-ingest"])) if "worker-ingest" in mains else []
        return "a child of worker-ingest", pool[choice % len(pool)] if pool else 0, False

    def _again(self, name: str, pid: int) -> None:
        """Start what was killed, unless another strike has seen to that; `ci-memory up` starts its own."""
        with self._guard:
            if name in self.processes and self.processes[name].pid == pid:
                self.processes[name].wait()
                self._start(name)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, act)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def calm(self) -> None:
        """Wait until every strike has run its course."""
        for timer in self._timers:
            timer.join()
        self._timers.clear()

    def stop(self) -> None:
        """End everything: `ci-memory up` and its workers in order, then the servers."""
        self.calm()
        with self._guard:
            self._stopping = True
        for name in ("up", "aegis", "llm", "redis"):
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def running(fleet: ChaosFleet) -> Iterator[ChaosFleet]:
    """The fleet, started; stopped afterwards."""
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()


def children(parent: int) -> set[int]:
    """Processes whose parent is ``parent``."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found.add(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    return found


def celery_children(up: int) -> dict[int, str]:
    """The workers and beat of a `ci-memory up`, by process id."""
    found = {}
    for pid in children(up):
        try:
            words = (Path("/proc") / str(pid) / "cmdline").read_bytes().decode().split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "ci_memory_workers.app" not in words:
            continue
        found[pid] = f"worker-{words[words.index('--hostname') + 1].partition('@')[0]}" if "--hostname" in words else "beat"
    return found


def _signal(pid: int, number: int, whole_group: bool) -> None:
    try:
        if whole_group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return  # it has ended meanwhile
