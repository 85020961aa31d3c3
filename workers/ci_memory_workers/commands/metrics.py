"""``ci-memory metrics``: what Prometheus scrapes. Everything is read from Redis, so that one exporter speaks for all workers."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator, Sequence

import click
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from .. import names
from ..adapters.redis_meters import LLM_OUTCOMES, Histogram
from ..bootstrap import Container, now_ms
from ..domain.stats import Totals
from ..settings import load

SWEEPS = (names.RING, names.AGE, names.QUARANTINE, names.TRIM)
MOST_TENANTS = 200
"""Tenants that have series of their own, by the alphabet: whoever may append events may invent more."""
_COUNTED = {
    "failures": "Failures that were counted, repeats included.",
    "repeats": "Failures that were known.",
    "repeats_with_fix": "Known failures that were answered with a fix.",
    "diagnosed": "New failures that were diagnosed.",
    "fixes_worked": "Trials of fixes that worked.",
    "fixes_failed": "Trials of fixes that failed.",
}


class Exporter:
    """Prometheus's collector: reads what there is at each scrape."""

    def __init__(self, box: Container) -> None:
        self._box = box

    def collect(self) -> Iterator[Metric]:
        """All metrics, one family after the other."""
        known = self._box.index.tenants()
        tenants = known[:MOST_TENANTS]
        now = now_ms()
        yield _gauge("tenants", f"Tenants that have reported; the first {MOST_TENANTS} have series of their own.", len(known))
        yield from self._log()
        yield from self._queues()
        yield from self._totals({tenant: self._box.index.totals(tenant, now) for tenant in tenants})
        yield from self._owed(tenants, now)
        yield self._due(known, now)
        yield _histogram(
            "answer_seconds", "From the log to the answer of a known failure.", "tenant",
            ((tenant, self._box.meters.answers(tenant)) for tenant in tenants),
        )  # fmt: skip
        yield _histogram(
            "sweep_seconds", "Runs of a sweep.", "sweep", ((sweep, self._box.meters.sweeps(sweep)) for sweep in SWEEPS)
        )
        yield from self._language_model(now)
        yield from self._long_term_memory(now)
        yield from self._redis()

    def _log(self) -> Iterator[Metric]:
        log = self._box.log
        yield _gauge("log_lag", "Events in the log that no worker has read.", log.lag())
        yield _gauge("log_unacknowledged", "Events that were read, and are not in effect yet.", log.unacknowledged())
        yield _gauge("dead_letters", "Events that could not be processed.", log.dead_count())
        dropped = "Dead letters that were dropped, the oldest first, to make room."
        yield CounterMetricFamily("ci_memory_dead_letters_dropped", dropped, value=log.dead_dropped())

    def _queues(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("ci_memory_queue_messages", "Celery messages that no worker has taken.", labels=["queue"])
        for queue in names.QUEUES:
            family.add_metric([queue], self._box.bell.waiting(queue))
        yield family

    def _totals(self, totals: dict[str, Totals]) -> Iterator[Metric]:
        for name, said in _COUNTED.items():
            counter = CounterMetricFamily(f"ci_memory_{name}", said, labels=["tenant"])
            for tenant, sums in totals.items():
                counter.add_metric([tenant], getattr(sums, name))
            yield counter
        spent = CounterMetricFamily("ci_memory_diagnose_seconds", "Sum of the time to a first diagnosis.", labels=["tenant"])
        patterns = GaugeMetricFamily("ci_memory_patterns", "Patterns that are known.", labels=["tenant"])
        quarantined = GaugeMetricFamily("ci_memory_quarantined", "Patterns in quarantine.", labels=["tenant"])
        age = GaugeMetricFamily("ci_memory_newest_event_age_seconds", "Since the newest event.", labels=["tenant"])
        for tenant, sums in totals.items():
            spent.add_metric([tenant], sums.diagnose_ms / 1000)
            patterns.add_metric([tenant], sums.patterns)
            quarantined.add_metric([tenant], len(self._box.index.quarantined(tenant)))
            if sums.newest_ms:
                age.add_metric([tenant], max(0, sums.now_ms - sums.newest_ms) / 1000)
        yield from (spent, patterns, quarantined, age)

    def _owed(self, tenants: Iterable[str], now: int) -> Iterator[Metric]:
        owed = GaugeMetricFamily("ci_memory_owed", "Work that is owed, due or not.", labels=["lane", "tenant"])
        overdue = GaugeMetricFamily(
            "ci_memory_overdue_seconds", "For how long the oldest work has been due.", labels=["lane", "tenant"]
        )
        for tenant in tenants:
            for lane in names.LANES:
                owed.add_metric([lane, tenant], self._box.index.owed(lane, tenant))
                overdue.add_metric([lane, tenant], self._box.index.overdue_ms(lane, tenant, now) / 1000)
        yield from (owed, overdue)

    def _due(self, tenants: Sequence[str], now: int) -> Metric:
        said = "Work that has been due for so many seconds or longer; all tenants together."
        family = GaugeMetricFamily("ci_memory_due", said, labels=["lane", "older_than_seconds"])
        for lane in names.LANES:
            for age, count in self._box.meters.due_by_age(lane, tenants, now).items():
                family.add_metric([lane, str(age)], count)
        return family

    def _language_model(self, now: int) -> Iterator[Metric]:
        if not self._box.settings.has_llm:
            return
        state = self._box.llm_lane.state(now)
        yield _histogram(
            "llm_call_seconds", "Calls to the language model, by how they went.", "outcome",
            ((outcome, self._box.meters.calls(outcome)) for outcome in LLM_OUTCOMES),
        )  # fmt: skip
        yield CounterMetricFamily("ci_memory_llm_tokens", "Tokens that it has used.", value=self._box.meters.llm_tokens())
        yield _gauge("llm_calls_today", "Calls of the language model since midnight UTC.", state.calls)
        yield _gauge("llm_tokens_today", "Tokens that it used since midnight UTC.", state.tokens)
        yield _gauge("llm_tokens_per_day", "Tokens that it may use a day.", state.tokens_per_day)
        yield _gauge("llm_waiting", "Failures that wait for it.", state.waiting)
        yield _gauge("llm_breaker_open", "1 while it is left alone because it failed.", int(state.breaker != "closed"))
        price = self._box.settings.llm_price_per_million_tokens
        said = "What a million of its tokens costs, by the setting of this name; 0: nobody has said, and no cost is told."
        yield _gauge("llm_price_per_million_tokens", said, price)
        if price:
            yield _gauge("llm_cost_today", "What its tokens cost today, in the price's currency.", state.tokens * price / 1e6)

    def _long_term_memory(self, now: int) -> Iterator[Metric]:
        said = "1 while new failures are analysed without Aegis's playbook, because searches of it failed."
        yield _gauge("aegis_breaker_open", said, int(self._box.aegis_breaker.stands(now) != "closed"))

    def _redis(self) -> Iterator[Metric]:
        memory = self._box.redis.info("memory")
        yield _gauge("redis_memory_bytes", "Memory that Redis uses.", float(memory["used_memory"]))
        yield _gauge("redis_memory_limit_bytes", "Memory that Redis may use; 0: no limit.", float(memory["maxmemory"]))


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(f"ci_memory_{name}", said, value=value)


def _histogram(name: str, said: str, label: str, found: Iterable[tuple[str, Histogram]]) -> Metric:
    family = HistogramMetricFamily(f"ci_memory_{name}", said, labels=[label])
    for value, histogram in found:
        buckets = [(str(bound), float(count)) for bound, count in histogram.buckets]
        family.add_metric([value], [*buckets, ("+Inf", float(histogram.count))], histogram.total)
    return family


def registry_of(box: Container) -> CollectorRegistry:
    """A registry with our metrics alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Exporter(box))
    return registry


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where it listens.")
@click.option("--port", default=9808, show_default=True, type=click.IntRange(0, 65_535))
@click.option("--once", is_flag=True, help="Print the metrics, and end.")
def metrics(host: str, port: int, once: bool) -> None:
    """Serve metrics for Prometheus until SIGTERM or Ctrl-C."""
    registry = registry_of(Container(load()))
    if once:
        click.echo(generate_latest(registry).decode(), nl=False)
        return
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    server, _ = start_http_server(port, host, registry)
    click.echo(f"metrics at http://{host}:{server.server_port}/metrics")
    stopped.wait()
    server.shutdown()
