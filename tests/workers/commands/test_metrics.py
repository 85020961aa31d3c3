"""What Prometheus scrapes, and that the alert rules in ``ops`` ask for nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fakes import NOW, T, failed, meters_of, open_index
from prometheus_client import generate_latest
from redis import Redis
from starlette.testclient import TestClient

from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.adapters.redis_meters import AGES_S, BOUNDS_MS, RedisMeters
from ci_memory_workers.bootstrap import Container, now_ms
from ci_memory_workers.commands import metrics
from ci_memory_workers.commands.metrics import SWEEPS, registry_of
from ci_memory_workers.names import AGE, QUEUES
from ci_memory_workers.schedule import beat_schedule
from ci_memory_workers.settings import Settings
from ci_memory_workers.web.app import make_app

ROOT = Path(__file__).parents[3]


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


def test_a_tenant_beyond_the_bound_has_no_series_of_its_own(
    redis_client: Redis, box: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_TENANTS", 2)
    for tenant in ("a", "b", "c"):
        open_index(redis_client).apply(tenant, [failed()], now_ms())

    samples = scraped(box)

    assert samples["ci_memory_tenants"] == 3
    assert {name.partition("tenant=")[2] for name in samples} == {"", '"a"}', '"b"}'}
    assert samples['ci_memory_due{lane="analysis",older_than_seconds="0"}'] == 3, "of all tenants"


def test_due_work_is_counted_by_its_age(redis_client: Redis, box: Container) -> None:
    index = open_index(redis_client)
    now = now_ms()
    for fingerprint, minutes in (("1:aaaa", 0), ("1:bbbb", 2), ("1:cccc", 20), ("1:dddd", 90)):
        index.apply(T, [failed(fingerprint, build=fingerprint)], now - minutes * 60_000)

    samples = scraped(box)

    assert [samples[f'ci_memory_due{{lane="analysis",older_than_seconds="{age}"}}'] for age in AGES_S] == [4, 3, 2, 1]


def test_every_sweep_is_measured_by_its_task(redis_server: EmbeddedServer, box: Container) -> None:
    assert {task for task in beat_schedule(box.settings) if task.startswith("sweeps.")} == set(SWEEPS)

    samples = scraped(box)

    assert all(samples[f'ci_memory_sweep_seconds_count{{sweep="{sweep}"}}'] == 0 for sweep in SWEEPS)


def test_what_the_language_model_costs_is_told_where_its_price_is_known(redis_client: Redis, box: Container) -> None:
    lane = box.llm_lane
    now = now_ms()
    lane.leave(lane.enter("one", since_ms=now, tokens=900, now_ms=now), "answered", now_ms=now, tokens=1_500_000)
    box.meters.asked("answered", 1_500_000, 2.0)
    box.meters.asked("failed", 1_000, 30.0)

    samples = scraped(box)

    assert (samples["ci_memory_llm_cost_today"], samples["ci_memory_llm_price_per_million_tokens"]) == (3.0, 2.0)
    assert samples["ci_memory_llm_tokens_total"] == 1_501_000
    assert samples['ci_memory_llm_call_seconds_bucket{le="2.5",outcome="answered"}'] == 1
    assert samples['ci_memory_llm_call_seconds_count{outcome="failed"}'] == 1

    unpriced = box.settings.model_copy(update={"llm_price_per_million_tokens": 0.0})
    said = generate_latest(registry_of(Container(unpriced))).decode()
    assert "ci_memory_llm_price_per_million_tokens 0.0" in said
    assert "nobody has said, and no cost is told" in said
    assert "llm_cost_today" not in said


def exported_by_the_gateway(redis_server: EmbeddedServer) -> set[str]:
    app, _ = make_app(Settings(url=redis_server.url))
    with TestClient(app) as client:
        client.get("/healthz")
    said = generate_latest(app.state.metrics.registry).decode()
    return {re.split("[{ ]", line)[0] for line in said.splitlines() if not line.startswith("#")}


def test_every_metric_of_the_alert_rules_and_the_pages_is_exported(
    redis_client: Redis, redis_server: EmbeddedServer, box: Container
) -> None:
    open_index(redis_client).apply(T, [failed()], NOW)
    exported = {name.partition("{")[0] for name in scraped(box)} | exported_by_the_gateway(redis_server)

    for page in ("ops/alerts.yml", "ops/runbook.md", "ops/capacity.md", "README.md"):
        named = set(re.findall(r"\bci_memory_[a-z_]+\b", (ROOT / page).read_text())) - {
            "ci_memory_workers",
            "ci_memory_producers",
        }
        assert named or page == "README.md", page
        assert named <= exported, page
