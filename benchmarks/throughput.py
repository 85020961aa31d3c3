"""Events a second, side by side in one run: a bare stream, Celery with an empty task, and the drain with all that it does.

    uv run python benchmarks/throughput.py [--data DIR] [--events 12000] [--rounds 3] [--json FILE]

Known failures, whose texts are real where DIR is given (DIR/grouping, cut to the length), at 600 B and 4 kB. Rounds are
interleaved, and medians are printed, since machines are noisy: the ratios count.

(a) bare: XREADGROUP 100, json.loads, XACK, one process.   (b) Celery: an empty task, one event a message, prefork 2.
(c) ours: validation, redaction, category, fingerprint, index, owed work, answer written; one drain, and two.
Then the processor time of an event by part.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis

from ci_memory_producers import FailureEvent, Producer
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.bootstrap import Container, now_ms
from ci_memory_workers.settings import Settings
from ci_memory_workers.tasks.drain import Drain, keep_what_is_loaded
from throughput_parts import parts, show_parts

BATCH = 100
KNOWN = 300
GOALS = {600: (17.0, 0.27), 4096: (10.0, 0.20)}
"""By size of the text: two drains ÷ Celery, two drains ÷ bare."""
WORDS = ("connection", "refused", "while", "waiting", "for", "the", "answer", "of", "service", "payment", "retrying", "step")


def texts(data: Path | None, size: int, count: int) -> list[str]:
    """``count`` error texts of about ``size`` bytes."""
    chosen = random.Random(size)
    if data is None:
        lines = [f"ERROR [{n}] {' '.join(chosen.choices(WORDS, k=9))}" for n in range(5_000)]
    else:
        rows = [json.loads(line)["text"] for path in sorted((data / "grouping").glob("*.dev.jsonl")) for line in path.open()]
        lines = [line for text in chosen.sample(rows, min(len(rows), 4_000)) for line in text.splitlines() if line.strip()]
    made = []
    for _ in range(count):
        text, start = "", chosen.randrange(len(lines))
        while len(text) < size:
            text += lines[start % len(lines)][:400] + "\n"
            start += 1
        made.append(text[:size])
    return made


@contextmanager
def server() -> Iterator[EmbeddedServer]:
    """An embedded server of its own."""
    with tempfile.TemporaryDirectory(prefix="ci-memory-") as name:
        embedded = EmbeddedServer.at(Path(name))
        process = subprocess.Popen(embedded.command(), stdout=subprocess.DEVNULL)
        try:
            embedded.wait_until_ready(process)
            yield embedded
        finally:
            process.terminate()
            process.wait()


def events(size: int, count: int, data: Path | None, known: int = KNOWN) -> list[FailureEvent]:
    """``count`` failures of ``known`` patterns, each in a build of its own; times and ids in the texts vary as in logs."""
    bases, chosen = texts(data, size, known), random.Random(1)
    return [
        FailureEvent(
            repo=f"acme/r{n % 200}",
            build_id=str(n),
            stage="test",
            branch="main",
            run_number=n,
            commit_sha=f"{chosen.getrandbits(64):016x}",
            error_message=f"at 0x{chosen.getrandbits(48):x} after {n % 97}.{n % 10} s\n{bases[n % known]}",
        )
        for n in range(count)
    ]


def bare(embedded: EmbeddedServer, made: list[FailureEvent]) -> float:
    """The bare stream (a)."""
    client = Redis.from_url(embedded.url)
    client.flushall()
    client.xgroup_create("ci-memory:events", "bare", id="0", mkstream=True)
    with Producer(embedded.url) as producer:
        producer.push_many(made)
    started, read = time.perf_counter(), 0
    while read < len(made):
        reply: Any = client.xreadgroup("bare", "one", {"ci-memory:events": ">"}, count=BATCH, block=1000)
        for entries in reply.values() if isinstance(reply, dict) else (rows for _, rows in reply):
            rows = entries[0] if entries and isinstance(entries[0], list) else entries
            for _, fields in rows:
                json.loads(fields[b"event"])
            client.xack("ci-memory:events", "bare", *(entry_id for entry_id, _ in rows))
            read += len(rows)
    return len(made) / (time.perf_counter() - started)


def drain(url: str, slot: int, barrier: Any, stopping: Any) -> None:
    """What `tasks.ingest.drain` does, until it is told to stop."""
    box = Container(Settings(url=url, batch=BATCH, drain_seconds=300), lambda task, args, queue: None)
    box.failures.absorb(box.log.read(slot, 1, 1), now_ms())
    keep_what_is_loaded(os.getpid())
    barrier.wait()
    Drain(box, slot, f"throughput-{slot}", stopping.is_set).run()


def known_failures(embedded: EmbeddedServer, made: list[FailureEvent]) -> Container:
    """A fresh server that knows and has analysed the patterns of ``made``, whose rest waits in the log."""
    Redis.from_url(embedded.url).flushall()
    box = Container(Settings(url=embedded.url), lambda task, args, queue: None)
    with Producer(embedded.url) as producer:
        producer.push_many(made[:KNOWN])
        while entries := box.log.read(0, BATCH, 1):
            box.failures.absorb(entries, now_ms())
        for pattern_id in box.index.pattern_ids("default", 1_000):
            box.analysis.analyze("default", pattern_id, now_ms)
        producer.push_many(made[KNOWN:])
    return box


def ours(drains: int) -> Callable[[EmbeddedServer, list[FailureEvent]], float]:
    """Ours (c), with so many drains."""

    def run(embedded: EmbeddedServer, made: list[FailureEvent]) -> float:
        box = known_failures(embedded, made)
        barrier, stopping = multiprocessing.Barrier(drains + 1), multiprocessing.Event()
        workers = [multiprocessing.Process(target=drain, args=(embedded.url, slot, barrier, stopping)) for slot in range(drains)]
        for worker in workers:
            worker.start()
        barrier.wait()
        started, left = time.perf_counter(), box.log.lag() + box.log.unacknowledged()
        while box.log.lag() + box.log.unacknowledged():
            time.sleep(0.005)
        took = time.perf_counter() - started
        stopping.set()
        for worker in workers:
            worker.join()
        return left / took

    return run


app = Celery("throughput", broker=os.environ.get("THROUGHPUT_BROKER", "memory://"))
app.conf.update(
    task_ignore_result=True, worker_prefetch_multiplier=4, task_default_queue="noop", broker_connection_retry_on_startup=True
)


@app.task
def noop(_: str) -> None:
    """Nothing."""


def celery(embedded: EmbeddedServer, made: list[FailureEvent]) -> float:
    """Celery with an empty task (b)."""
    client = Redis.from_url(embedded.url)
    client.flushall()
    broker = f"redis+socket://{embedded.socket}?virtual_host=0"
    app.conf.update(broker_url=broker)
    count = min(len(made), 4_000)
    with app.connection_for_write(broker) as connection:
        producer = app.amqp.Producer(connection)
        for event in made[:count]:
            noop.apply_async((event.model_dump_json(),), producer=producer)
    command = [sys.executable, "-m", "celery", "-A", "throughput", "worker", "-Q", "noop", "-P", "prefork", "-c", "2"]
    command += ["--without-mingle", "--without-gossip", "--without-heartbeat", "-l", "ERROR"]
    environment = {**os.environ, "THROUGHPUT_BROKER": broker, "PYTHONPATH": str(Path(__file__).parent)}
    worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while int(client.llen("noop")) == count:
            time.sleep(0.002)
        started, left = time.perf_counter(), int(client.llen("noop"))
        while client.llen("noop") or client.hlen("unacked"):
            time.sleep(0.005)
        return left / (time.perf_counter() - started)
    finally:
        worker.terminate()
        worker.wait()


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--events", type=int, default=12_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    contenders = {"bare": bare, "celery": celery, "ours, 1 drain": ours(1), "ours, 2 drains": ours(2)}
    result: dict[str, Any] = {}
    with server() as embedded:
        for size in GOALS:
            made = events(size, flags.events, flags.data)
            rates: dict[str, list[float]] = {name: [] for name in contenders}
            for _ in range(flags.rounds):
                for name, contender in contenders.items():
                    rates[name].append(contender(embedded, made))
            medians = {name: statistics.median(found) for name, found in rates.items()}
            show(size, medians)
            spent = parts(known_failures(embedded, made), Redis.from_url(embedded.url))
            show_parts(size, spent)
            result[str(size)] = {"events_per_second": medians, "microseconds_by_part": spent}
    if flags.json:
        flags.json.write_text(json.dumps(result, indent=2) + "\n")


def show(size: int, medians: dict[str, float]) -> None:
    """Print the rates of one size, and the ratios beside their goals."""
    print(f"\n{size} B {'':16} events/s   ÷ bare  ÷ celery")
    for name, rate in medians.items():
        print(f"{name:22} {rate:10.0f} {rate / medians['bare']:8.3f} {rate / medians['celery']:9.2f}")
    by_celery, by_bare = GOALS[size]
    print(f"{'goal, 2 drains':22} {'':10} {by_bare:8.2f} {by_celery:9.1f}")


if __name__ == "__main__":
    main()
