"""Knowledge that proves itself, through the log and the commands: aliases, better fixes, mass failures, outbreaks, aging."""

from __future__ import annotations

from typing import Any

from build_logs import missing_module_log, pytest_log
from ci_memory_producers import FailureEvent, PassEvent, ResolutionEvent
from ci_memory_producers.events import RunTotals
from ci_memory_producers.keys import tenant_prefix
from ci_memory_workers.adapters.pattern_codec import TALLY, text
from ci_memory_workers.domain.aging import DAY_MS
from llm_standin import LLMStandin
from running_fleet import Up, wait_until

PLACE: dict[str, Any] = {"branch": "main", "default_branch": "main", "job": "unit", "stage": "test"}


def failed(tenant: str, build: int, log: str, repo: str = "acme/shop", **more: Any) -> FailureEvent:
    event = {"tenant": tenant, "repo": repo, "build_id": f"b{build}", "run_number": build, "commit_sha": f"c{build}", **PLACE}
    return FailureEvent.model_validate({**event, "error_message": log, **more})


def resolve(up: Up, tenant: str, pattern_id: str, description: str, repo: str) -> None:
    told = ResolutionEvent(tenant=tenant, repo=repo, pattern_id=pattern_id, fix_type="config_change", fix_description=description)
    with up.producer() as producer:
        producer.push(told, wait=True)
        producer.wait(tenant, told.event_id, seconds=60)


def test_other_words_that_the_model_recognises_make_an_alias_that_is_known_at_once(up: Up, tenant: str, llm: LLMStandin) -> None:
    known = up.ask(failed(tenant, 1, "ConnectionRefusedError: the database of orders said no while fixtures were loaded\n"))
    box = up.container()
    wait_until(lambda: box.knowledge.find(tenant, known.pattern_id or "", "reflection"), what="its reflection in the playbook")
    llm.mode = f"same_as:{known.pattern_id}"
    other = "ConnectionRefusedError: fixtures of orders can't be loaded, their database is down\n"

    again = up.ask(failed(tenant, 2, other))
    asked = len(llm.requests)
    third = up.ask(failed(tenant, 3, other, repo="acme/cart"))

    assert known.pattern_id == again.pattern_id == third.pattern_id
    assert third.status == "known_pattern"
    assert len(llm.requests) == asked == 2, "the first time it was asked, then the words are an alias"
    (alias,) = up.pattern(tenant, known.pattern_id or "")["aliases"]
    assert alias["ruling"]["why"] == "The cause is the same.", "its reason is kept"
    box.redis.close()


def test_a_better_fix_overtakes_a_worse_one(up: Up, tenant: str) -> None:
    log = missing_module_log("overtaken")
    pattern_id = up.ask(failed(tenant, 1, log)).pattern_id or ""
    resolve(up, tenant, pattern_id, "run it again and hope", "acme/shop")
    for build in range(2, 7):
        up.ask(failed(tenant, build, log))
    resolve(up, tenant, pattern_id, "add overtaken to the requirements", "acme/cart")

    answer = up.ask(failed(tenant, 9, log, repo="acme/billing"))

    assert answer.suggested_fix == "add overtaken to the requirements"
    fixes = {fix.description: (fix.all_worked, fix.all_failed) for fix in up.index_pattern(tenant, pattern_id).fixes}
    assert fixes == {"run it again and hope": (0, 1), "add overtaken to the requirements": (1, 0)}


def test_a_run_in_which_most_tests_fail_says_nothing_of_flakiness_and_is_analysed_once(
    up: Up, tenant: str, llm: LLMStandin
) -> None:
    totals = RunTotals(tests=12, failed=11)
    logs = [pytest_log(number, test=f"test_of_all_{number}", got=f"{number}00") for number in range(1, 12)]
    events = [failed(tenant, 1, log, test_id=f"tests.test_all.test_{n}", run_totals=totals) for n, log in enumerate(logs)]
    with up.producer() as producer:
        producer.push_many(events)
        producer.push(
            PassEvent(tenant=tenant, repo="acme/shop", build_id="b1", run_number=1, commit_sha="c1", attempt=2, **PLACE)
        )
        answers = producer.analyses(tenant, [event.event_id for event in events], seconds=60)

    assert len({answer.pattern_id for answer in answers}) == len(events)
    patterns = [up.index_pattern(tenant, answer.pattern_id or "") for answer in answers]
    assert {(pattern.flaky_episodes, pattern.status) for pattern in patterns} == {(0, "unresolved")}
    assert len(llm.requests) == 1


def test_one_failure_in_many_repositories_at_once_is_one_incident(up: Up, tenant: str, llm: LLMStandin) -> None:
    log = missing_module_log("of_the_mirror")
    with up.producer() as producer:
        producer.push_many([failed(tenant, build, log, repo=f"acme/r{build % 12}") for build in range(36)])
    pattern_id = wait_until(lambda: _only_pattern(up, tenant), what="the pattern")
    wait_until(lambda: up.index_pattern(tenant, pattern_id).occurrences == 36, what="all of them")

    answer = up.ask(failed(tenant, 99, log, repo="acme/r3"))

    assert answer.message.startswith("An outbreak: 37 builds in 12 repositories since ")
    assert "probably infrastructure" in answer.message
    assert answer.evidence is not None
    assert (answer.evidence.outbreak_builds, answer.evidence.outbreak_repositories) == (37, 12)
    assert len(llm.requests) == 1
    with up.producer() as producer:
        passes = [
            PassEvent(tenant=tenant, repo=f"acme/r{build % 12}", build_id=f"b{build}", run_number=build, attempt=2, **PLACE)
            for build in range(36)
        ]
        producer.push_many(passes)
    box = up.container()
    wait_until(lambda: not box.log.lag() and not box.log.unacknowledged(), what="the passes")
    box.redis.close()
    assert up.index_pattern(tenant, pattern_id).status == "unresolved", "what passes after an outbreak is not flaky"


def _only_pattern(up: Up, tenant: str) -> str:
    box = up.container()
    try:
        found = box.index.pattern_ids(tenant, 2)
    finally:
        box.redis.close()
    return found[0] if len(found) == 1 else ""


def test_what_was_not_seen_for_ninety_days_is_deprecated_and_comes_back_with_its_history(up: Up, tenant: str) -> None:
    log = missing_module_log("of_last_year")
    pattern_id = up.ask(failed(tenant, 1, log)).pattern_id or ""
    resolve(up, tenant, pattern_id, "install of_last_year", "acme/shop")
    box = up.container()
    seen = up.index_pattern(tenant, pattern_id).last_ms - 91 * DAY_MS
    key = f"{tenant_prefix(tenant)}pattern:{pattern_id}"
    tally = text(box.redis.hget(key, "tally")).split(" ")
    box.redis.hset(
        key, "tally", " ".join(str(seen) if name == "last_ms" else was for name, was in zip(TALLY, tally, strict=False))
    )
    box.redis.zadd(f"{tenant_prefix(tenant)}last_seen", {pattern_id: seen})

    said = up.run("ci-memory", "sweep", "age").stdout

    assert f"{pattern_id}  deprecated  not seen for 91 days" in said
    assert up.index_pattern(tenant, pattern_id).status == "deprecated"
    answer = up.ask(failed(tenant, 2, log, repo="acme/cart"))
    assert (answer.pattern_id, answer.suggested_fix, answer.similar_failures) == (pattern_id, "install of_last_year", 2)
    assert up.index_pattern(tenant, pattern_id).status == "resolved"
    box.redis.close()
