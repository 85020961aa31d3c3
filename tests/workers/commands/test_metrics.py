"""What Prometheus scrapes, and that the alert rules in ``ops`` ask for nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fakes import NOW, T, failed, meters_of, open_index
from prometheus_client import generate_latest
from redis import Redis

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_meters import BOUNDS_MS, RedisMeters
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.commands.metrics import registry_of
from ci_memory_workers.names import AGE, QUEUES
from ci_memory_workers.settings import Settings

OPS = Path(__file__).parents[3] / "ops"


@pytest.fixture
def box(redis_client: Redis, redis_server: EmbeddedServer) -> Container:
    assert redis_client.ping()
    return Container(Settings(url=redis_server.url, openai_base_url="http://127.0.0.1:9/v1", llm_price_per_million_tokens=2.0))


def scraped(box: Container) -> dict[str, float]:
    """Samples by name and labels, as they are exposed."""
    text = generate_latest(registry_of(box)).decode()
    rows = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in rows}


def test_failures_are_counted_by_tenant(redis_client: Redis, box: Container) -> None:
    open_index(redis_client).apply(T, [failed(build="1"), failed(build="2")], NOW)

    samples = scraped(box)

    assert samples['ci_memory_failures_total{tenant="default"}'] == 2
    assert samples['ci_memory_repeats_total{tenant="default"}'] == 1
    assert samples['ci_memory_patterns{tenant="default"}'] == 1
    assert samples['ci_memory_owed{lane="analysis",tenant="default"}'] == 1
    assert samples['ci_memory_overdue_seconds{lane="memory",tenant="default"}'] == 0
    assert all(samples[f'ci_memory_queue_messages{{queue="{queue}"}}'] == 0 for queue in QUEUES)


def test_durations_are_histograms_of_all_processes(redis_client: Redis, box: Container) -> None:
    open_index(redis_client).apply(T, [failed()], NOW)
    for waits in ([20, 25, 26], [400_000], []):
        RedisMeters(redis_client).answered(T, waits)
    RedisMeters(redis_client).swept(AGE, 0.3)

    samples = scraped(box)

    assert samples['ci_memory_answer_seconds_bucket{le="0.025",tenant="default"}'] == 2
    assert samples['ci_memory_answer_seconds_bucket{le="0.05",tenant="default"}'] == 3
    assert samples['ci_memory_answer_seconds_bucket{le="+Inf",tenant="default"}'] == 4
    assert samples['ci_memory_answer_seconds_sum{tenant="default"}'] == pytest.approx(400.071)
    assert samples['ci_memory_sweep_seconds_bucket{le="0.5",sweep="sweeps.age"}'] == 1
    assert meters_of(open_index(redis_client)).answers("nobody").count == 0
    assert list(BOUNDS_MS) == sorted(BOUNDS_MS)


def test_every_metric_of_the_alert_rules_and_the_runbook_is_exported(redis_client: Redis, box: Container) -> None:
    open_index(redis_client).apply(T, [failed()], NOW)
    exported = {name.partition("{")[0] for name in scraped(box)}

    for page in ("alerts.yml", "runbook.md"):
        named = set(re.findall(r"\bci_memory_[a-z_]+\b", (OPS / page).read_text())) - {"ci_memory_workers"}
        assert named, page
        assert named <= exported, page
