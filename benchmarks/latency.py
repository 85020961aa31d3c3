"""How long an answer takes: from a push to the answer to a known failure, beside an empty Celery task with a result.

    uv run python benchmarks/latency.py [--data DIR] [--probes 300] [--rounds 2] [--json FILE]

Both on one server in one run, in turns: idle, and at half load, where another process sends half of what the contender was just
seen to manage, which warms it up too. Ours are two drains in the loop that
workers run; Celery is prefork 2. Milliseconds: median, 99th percentile.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path
from typing import Any

from celery import Celery
from redis import Redis

from ci_memory_producers import FailureEvent, Producer
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.settings import Settings
from ci_memory_workers.tasks.drain import Drain, keep_what_is_loaded
from throughput import KNOWN, events, known_failures, server

SIZE = 600
TEMPLATES = 3_000
CAPACITY = 2_000
"""Events or messages by which a contender's rate is seen."""
TICK = 0.01
"""Seconds between what the feeder sends."""
GOALS = (0.35, 0.5)
"""Ours ÷ Celery: the median, the 99th percentile."""
Times = dict[str, list[float]]

app = Celery(
    "latency", broker=os.environ.get("LATENCY_BROKER", "memory://"), backend=os.environ.get("LATENCY_BROKER", "cache+memory://")
)
app.conf.update(worker_prefetch_multiplier=4, task_default_queue="noop", broker_connection_retry_on_startup=True)


@app.task
def noop(_: str) -> int:
    """Nothing, and a result."""
    return 1


def fresh(made: list[FailureEvent], start: int) -> Iterator[FailureEvent]:
    """Failures of known patterns without an end, each of a build of its own."""
    for number in count(start):
        template = made[number % len(made)]
        said = template.error_message.split("\n", 1)[1]
        yield FailureEvent.model_validate(
            template.model_dump(exclude={"event_id"})
            | {"build_id": f"b{number}", "error_message": f"at 0x{number:x} after {number} s\n{said}"}
        )


def drain(url: str, slot: int, stopping: Any) -> None:
    """What `tasks.ingest.drain` does, until it is told to stop."""
    box = Container(Settings(url=url, drain_seconds=300), lambda task, args, queue: None)
    one = Drain(box, slot, f"latency-{slot}", stopping.is_set)
    keep_what_is_loaded(os.getpid())
    one.run()


def feed_log(url: str, made: list[FailureEvent], rate: float, stopping: Any) -> None:
    """Push ``rate`` events a second."""
    ready = list(islice(fresh(made, 10_000_000), TEMPLATES * 4))
    with Producer(url) as producer:
        pace(rate, stopping, lambda start, many: producer.push_many(ready[n % len(ready)] for n in range(start, start + many)))


def feed_celery(broker: str, body: str, rate: float, stopping: Any) -> None:
    """Send ``rate`` messages a second, whose results nobody reads."""
    app.conf.update(broker_url=broker, result_backend=broker)
    with app.connection_for_write(broker) as connection:
        producer = app.amqp.Producer(connection)
        pace(rate, stopping, lambda start, many: [noop.apply_async((body,), producer=producer) for _ in range(many)])


def pace(rate: float, stopping: Any, send: Callable[[int, int], object]) -> None:
    """Call ``send(first, how many)`` so that ``rate`` a second are sent in all."""
    started, sent = time.perf_counter(), 0
    while not stopping.is_set():
        due = int((time.perf_counter() - started) * rate)
        if due > sent:
            send(sent, due - sent)
            sent = due
        time.sleep(TICK)


@contextmanager
def process(target: Callable[..., None], *args: Any) -> Iterator[None]:
    """A process for as long, which is told to stop by an event, its last argument."""
    stopping = multiprocessing.Event()
    child = multiprocessing.Process(target=target, args=(*args, stopping))
    child.start()
    try:
        yield
    finally:
        stopping.set()
        child.join()


def timed(probes: int, ask: Callable[[], object]) -> list[float]:
    """Milliseconds of each of so many round trips, after a tenth as many to warm up."""
    taken = []
    for number in range(probes + probes // 10):
        started = time.perf_counter()
        ask()
        if number >= probes // 10:
            taken.append((time.perf_counter() - started) * 1e3)
    return taken


def ours(embedded: EmbeddedServer, made: list[FailureEvent], probes: int) -> Times:
    """From a push to the answer."""
    box = known_failures(embedded, made[:KNOWN])
    asked = fresh(made, 0)
    with (
        Producer(embedded.url) as producer,
        process(drain, embedded.url, 0),
        process(drain, embedded.url, 1),
    ):
        ready: Iterator[FailureEvent] = iter(())

        def ask() -> None:
            event = next(ready)
            producer.push(event, wait=True)
            answer = producer.wait("default", event.event_id, seconds=30)
            if answer is None or answer.status != "known_pattern":
                raise RuntimeError(f"not answered as known: {answer}")

        load = list(islice(asked, CAPACITY))
        started = time.perf_counter()
        producer.push_many(load)
        while box.log.lag() + box.log.unacknowledged():
            time.sleep(0.005)
        rate = CAPACITY / (time.perf_counter() - started)
        ready = iter(list(islice(asked, 3 * probes)))
        idle = timed(probes, ask)
        with process(feed_log, embedded.url, made, rate / 2):
            half = timed(probes, ask)
    return {"idle": idle, "half load": half, "rate": [rate]}


def celery(embedded: EmbeddedServer, made: list[FailureEvent], probes: int) -> Times:
    """From sending an empty task to its result."""
    client = Redis.from_url(embedded.url)
    client.flushall()
    broker = f"redis+socket://{embedded.socket}?virtual_host=0"
    app.conf.update(broker_url=broker, result_backend=broker)
    command = [sys.executable, "-m", "celery", "-A", "latency", "worker", "-Q", "noop", "-P", "prefork", "-c", "2"]
    command += ["--without-mingle", "--without-gossip", "--without-heartbeat", "-l", "ERROR"]
    environment = {**os.environ, "LATENCY_BROKER": broker, "PYTHONPATH": str(Path(__file__).parent)}
    worker = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    body = made[0].model_dump_json()

    def ask() -> None:
        noop.delay(body).get(timeout=60)

    try:
        started = time.perf_counter()
        for result in [noop.delay(body) for _ in range(CAPACITY // 2)]:
            result.get(timeout=60)
        rate = CAPACITY / 2 / (time.perf_counter() - started)
        idle = timed(probes, ask)
        with process(feed_celery, broker, body, rate / 2):
            half = timed(probes, ask)
    finally:
        worker.terminate()
        worker.wait()
    return {"idle": idle, "half load": half, "rate": [rate]}


def summary(taken: list[float]) -> dict[str, float]:
    """The median and the 99th percentile."""
    return {"p50": statistics.median(taken), "p99": statistics.quantiles(taken, n=100, method="inclusive")[98]}


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--probes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    taken: dict[str, Times] = {"ours": {}, "celery": {}}
    with server() as embedded:
        made = events(SIZE, TEMPLATES, flags.data)
        for _ in range(flags.rounds):
            for name, contender in (("celery", celery), ("ours", ours)):
                for what, values in contender(embedded, made, flags.probes).items():
                    taken[name].setdefault(what, []).extend(values)
    found = {name: {what: summary(times[what]) for what in ("idle", "half load")} for name, times in taken.items()}
    show(found, taken)
    if flags.json:
        flags.json.write_text(json.dumps(found, indent=2) + "\n")


def show(found: dict[str, dict[str, dict[str, float]]], taken: dict[str, Times]) -> None:
    """Print both contenders, and ours ÷ Celery beside the goals."""
    print(f"{'ms':26} {'p50':>8} {'p99':>8}")
    for what in ("idle", "half load"):
        for name in ("ours", "celery"):
            load = "" if what == "idle" else f" ({statistics.mean(taken[name]['rate']) / 2:.0f}/s)"
            print(f"{what + load + ', ' + name:26} {found[name][what]['p50']:8.2f} {found[name][what]['p99']:8.2f}")
        by = [found["ours"][what][p] / found["celery"][what][p] for p in ("p50", "p99")]
        print(f"{what + ', ours ÷ celery':26} {by[0]:8.2f} {by[1]:8.2f}")
    print(f"{'goal':26} {GOALS[0]:8.2f} {GOALS[1]:8.2f}")


if __name__ == "__main__":
    main()
