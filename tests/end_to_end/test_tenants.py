"""Two tenants share nothing: patterns, playbook, answers, quarantine and metrics; tested by trying."""

from __future__ import annotations

import json
from typing import Any

from build_logs import missing_module_log, pytest_log
from ci_memory_producers import FailureEvent, PassEvent, ResolutionEvent
from llm_standin import LLMStandin
from running_fleet import Up, wait_until

PLACE: dict[str, Any] = {"repo": "acme/shop", "branch": "main", "default_branch": "main", "job": "unit", "stage": "test"}


def failed(tenant: str, build: str, log: str) -> FailureEvent:
    return FailureEvent(tenant=tenant, build_id=build, run_number=int(build), commit_sha=f"c{build}", error_message=log, **PLACE)


def test_the_same_failure_of_another_tenant_is_new_and_its_fix_stays_unknown(up: Up, tenant: str, llm: LLMStandin) -> None:
    other = f"{tenant[:30]}-other"
    log = missing_module_log("shared_by_both")
    mine = up.ask(failed(tenant, "1", log)).pattern_id or ""
    with up.producer() as producer:
        fix = ResolutionEvent(
            tenant=tenant, repo="acme/shop", pattern_id=mine, fix_type="config_change", fix_description="install shared_by_both"
        )
        producer.push(fix, wait=True)
        producer.wait(tenant, fix.event_id, seconds=60)
    box = up.container()
    wait_until(lambda: box.knowledge.find(tenant, mine, "strategy"), what="the strategy in the playbook")
    asked = len(llm.requests)

    theirs = up.ask(failed(other, "1", log))

    assert theirs.status == "new_pattern"
    assert theirs.pattern_id not in ("", mine)
    assert theirs.similar_failures == 1
    (request,) = llm.requests[asked:]
    assert mine not in json.dumps(request), "not even a candidate of the other tenant's playbook"
    assert up.ask(failed(other, "2", log)).suggested_fix != "install shared_by_both"
    assert mine not in {candidate.pattern_id for candidate in box.knowledge.shortlist(other, "shared_by_both", top_k=5)}
    shown = up.run("ci-memory", "patterns", "show", mine, "--tenant", other)
    assert shown.returncode == 2
    box.redis.close()


def test_a_pattern_of_another_tenant_can_not_be_resolved(up: Up, tenant: str) -> None:
    mine = up.ask(failed(tenant, "1", missing_module_log("mine_alone"))).pattern_id or ""
    stranger = ResolutionEvent(
        tenant=f"{tenant[:30]}-other", repo="acme/shop", pattern_id=mine, fix_type="config_change", fix_description="not yours"
    )

    with up.producer() as producer:
        producer.push(stranger, wait=True)
        receipt = producer.wait(stranger.tenant, stranger.event_id, seconds=60)

    assert receipt is not None
    assert receipt.status == "rejected"
    assert up.index_pattern(tenant, mine).fixes == ()


def test_answers_quarantine_and_metrics_are_each_tenants_own(up: Up, tenant: str) -> None:
    other = f"{tenant[:30]}-other"
    log = pytest_log(3, test="test_of_one_tenant")
    events: list[FailureEvent | PassEvent] = []
    for build in ("1", "2", "3"):
        event = failed(tenant, build, log)
        events += [event, PassEvent(tenant=tenant, build_id=build, run_number=int(build), attempt=2, **PLACE)]
    with up.producer() as producer:
        producer.push_many(events)
        answer = up.ask(failed(tenant, "4", log))
        pattern_id = answer.pattern_id or ""
        wait_until(lambda: up.index_pattern(tenant, pattern_id).flaky_episodes == 3, what="three flaky episodes")
        assert up.run("ci-memory", "sweep", "quarantine").returncode == 0

        assert producer.wait(other, events[0].event_id, seconds=0.01) is None
        assert [entry.pattern_id for entry in producer.quarantine(tenant, "acme/shop").entries] == [pattern_id]
        assert producer.quarantine(other, "acme/shop").entries == ()

    metrics = up.run("ci-memory", "metrics", "--once").stdout
    assert f'ci_memory_failures_total{{tenant="{tenant}"}} 4.0' in metrics
    assert f'ci_memory_quarantined{{tenant="{tenant}"}} 1.0' in metrics
    assert f'tenant="{other}"' not in metrics
    assert json.loads(up.run("ci-memory", "stats", "--tenant", other, "--json").stdout)["failures"] == 0
