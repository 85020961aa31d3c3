"""Whatever the language model does, the answer is honest and nothing is lost."""

from __future__ import annotations

import json

import pytest

from build_logs import missing_module_log
from ci_memory_producers import FailureEvent
from llm_standin import INJECTED_SECRET, LLMStandin
from running_fleet import Up, wait_until


def new_failure(tenant: str, module: str) -> FailureEvent:
    return FailureEvent(tenant=tenant, repo="acme/shop", build_id="1", stage="build", error_message=missing_module_log(module))


@pytest.mark.parametrize("mode", ["rate_limited", "server_error", "hang", "broken_json", "disconnect"])
def test_rules_answer_for_now_and_the_model_later(up: Up, tenant: str, llm: LLMStandin, mode: str) -> None:
    llm.retry_after = "1"
    llm.mode = mode
    event = new_failure(tenant, f"lost_{mode}")

    first = up.ask(event)

    assert (first.status, first.analyst, first.provisional) == ("new_pattern", "rules", True)
    assert first.analysis is not None
    assert f"lost_{mode}" in first.analysis.model_dump_json()
    llm.mode = "ok"
    llm.release()
    with up.producer() as producer:
        later = wait_until(
            lambda: (found := producer.answer(tenant, event.event_id)) and getattr(found, "analyst", "") == "stand-in" and found,
            what="the model's analysis",
        )
    assert (later.status, later.provisional, later.pattern_id) == ("new_pattern", False, first.pattern_id)


@pytest.mark.parametrize("mode", ["refusal", "unauthorized"])
def test_rules_answer_for_good_when_the_model_refuses(up: Up, tenant: str, llm: LLMStandin, mode: str) -> None:
    llm.mode = mode

    answer = up.ask(new_failure(tenant, f"refused_{mode}"))

    assert (answer.analyst, answer.provisional) == ("rules", False)
    assert len(llm.requests) == 1


def test_what_a_steered_model_says_is_cleaned_and_obeyed_in_nothing(up: Up, tenant: str, llm: LLMStandin) -> None:
    llm.mode = "injected"

    answer = up.ask(new_failure(tenant, "steered"))

    said = answer.model_dump_json()
    assert answer.status == "new_pattern"
    assert INJECTED_SECRET not in said
    assert "\\u001b" not in said


def test_a_failure_that_the_model_recognises_becomes_an_alias(up: Up, tenant: str, llm: LLMStandin) -> None:
    known = up.ask(new_failure(tenant, "orjson"))
    box = up.container()
    wait_until(lambda: box.knowledge.find(tenant, known.pattern_id or "", "reflection"), what="the reflection")
    llm.mode = f"same_as:{known.pattern_id}"
    other = FailureEvent(
        tenant=tenant,
        repo="acme/cart",
        build_id="9",
        stage="build",
        error_message="error: orjson could not be imported, install it\n",
    )

    answer = up.ask(other)
    llm.mode = "ok"
    again = up.ask(other.model_copy(update={"event_id": "another-build-9", "build_id": "10"}))

    assert (answer.status, answer.pattern_id) == ("known_pattern", known.pattern_id)
    assert (again.status, again.pattern_id) == ("known_pattern", known.pattern_id)
    assert up.index_pattern(tenant, known.pattern_id or "").occurrences == 3


def test_stats_say_what_the_model_was_asked_today_and_what_it_may_be(up: Up, tenant: str, llm: LLMStandin) -> None:
    up.ask(new_failure(tenant, "counted"))

    said = json.loads(up.run("ci-memory", "stats", "--json").stdout)

    assert (said["llm"]["breaker"], said["llm"]["tokens_per_day"], said["llm"]["rate_per_minute"]) == ("closed", 2_000_000, 120)
    assert said["llm"]["calls"] > 0
    assert 0 < said["log_limit"] == 500_000
