"""Where the microseconds of an event go: processor time of one drain by part, and of the Redis server beside it."""

from __future__ import annotations

import functools
import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from ci_memory_workers.bootstrap import Container, now_ms
from ci_memory_workers.services import failures, reading
from ci_memory_workers.services.failures import FailureMemory

BATCH = 100


class Stopwatch:
    """Processor time by part, of this thread; what is called within a part belongs to the inner part."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    @contextmanager
    def on(self, *places: tuple[Any, str, str]) -> Iterator[None]:
        """While it lasts, what each (owner, attribute) names is timed as the part that is named third."""
        before = [(owner, name, owner.__dict__.get(name)) for owner, name, _ in places]
        for owner, name, part in places:
            setattr(owner, name, self._timed(getattr(owner, name), part))
        try:
            yield
        finally:
            for owner, name, was in before:
                delattr(owner, name) if was is None else setattr(owner, name, was)

    def _timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **named: Any) -> Any:
            self._inner.append(0.0)
            started = time.thread_time()
            try:
                return function(*args, **named)
            finally:
                took = time.thread_time() - started
                self.spent[part] += took - self._inner.pop()
                self._inner[-1] += took

        return timed


def parts(box: Container, client: Redis) -> dict[str, float]:
    """Empties the log by one drain. Microseconds an event by part; parts of the server begin with 'redis'."""
    watch, events = Stopwatch(), 0
    before = _server(client)
    places = (
        (box.log, "read", "read the log, acknowledge"),
        (box.log, "acknowledge", "read the log, acknowledge"),
        (box.log, "lag", "read the log, acknowledge"),
        (FailureMemory, "_validate", "validate"),
        (failures, "redact_event", "redact"),
        (reading, "redact", "redact"),
        (reading.TextReader, "_lines_of", "recognise"),
        (reading.TextReader, "_known", "recognise"),
        (type(box.failures.reader._categorizer), "categorize", "category"),
        (reading, "fingerprint", "fingerprint"),
        (box.index, "apply", "encode, ask, decode patterns"),
        (FailureMemory, "_reply", "answer"),
        (box.index, "publish", "publish answers"),
        (FailureMemory, "absorb", "the rest of the story"),
    )
    # As `tasks.drain.keep_what_is_loaded` does, or what the benchmark holds is looked through with each batch.
    gc.freeze()
    with watch.on(*places):
        while entries := box.log.read(0, BATCH, 1):
            events += box.failures.absorb(entries, now_ms()).events
    after = _server(client)
    spent = watch.spent | {name: after[name] - before[name] for name in after}
    return {name: seconds / events * 1e6 for name, seconds in spent.items()}


def _server(client: Redis) -> dict[str, float]:
    cpu, commands = client.info("cpu"), client.info("commandstats")
    usec = {name: row["usec"] / 1e6 for name, row in commands.items()}
    scripts = usec.get("cmdstat_evalsha", 0.0)
    return {
        "redis: scripts": scripts,
        "redis: the log's commands": sum(usec.get(f"cmdstat_{name}", 0.0) for name in ("xreadgroup", "xack", "xinfo|groups")),
        "redis: processor, all": cpu["used_cpu_user"] + cpu["used_cpu_sys"],
    }


def show_parts(size: int, found: dict[str, float]) -> None:
    """Print the parts of one size of text."""
    print(f"\n{size} B, one drain {'':16} µs an event")
    for name, spent in found.items():
        print(f"{name:32} {spent:8.1f}")
    ours = sum(spent for name, spent in found.items() if not name.startswith("redis"))
    print(f"{'the drain, all':32} {ours:8.1f}")
