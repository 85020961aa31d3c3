"""An Aegis that hangs: new failures are analysed without its playbook after the first few, and with it when it is back."""

from __future__ import annotations

from pathlib import Path

from aegis_standin import AegisStandin
from build_logs import missing_module_log
from ci_memory_producers import Analysis, FailureEvent
from llm_standin import LLMStandin
from running_fleet import Up, start_up, wait_until

TENANT, PLAYBOOK = "patient", "playbook/agent"
FAILURES, WORKERS, NEW = 3, 4, 24
WITHOUT = "The playbook was out of reach"


def failure(number: int) -> FailureEvent:
    module = f"lost_{chr(97 + number // 26)}{chr(97 + number % 26)}"
    log = missing_module_log(module, number % 60)
    return FailureEvent(tenant=TENANT, repo="acme/shop", build_id=str(number), stage="build", error_message=log)


def analysed(up: Up, events: list[FailureEvent]) -> list[Analysis]:
    with up.producer() as producer:
        producer.push_many(events, wait=True)
        return producer.analyses(TENANT, [event.event_id for event in events], seconds=120)


def analysed_with_it(up: Up, number: int) -> bool:
    reply = analysed(up, [failure(number)])[0]
    assert reply.analyst == "stand-in"
    return WITHOUT not in reply.message


def start_impatient(tmp_path: Path, llm: LLMStandin, aegis: AegisStandin, *, failures: int, pause_seconds: float) -> Up:
    """A fleet that waits for a search for a second, and whose breaker opens after so many ``failures``."""
    return start_up(
        tmp_path / "up",
        OPENAI_API_KEY="sk-made-up-for-tests",
        OPENAI_BASE_URL=llm.url,
        CI_MEMORY_LLM_MODEL="stand-in",
        CI_MEMORY_LLM_RATE_PER_MINUTE="100000",
        CI_MEMORY_AEGIS_URL=aegis.url,
        CI_MEMORY_AEGIS_API_KEY=aegis.api_key,
        CI_MEMORY_AEGIS_RATE_PER_MINUTE="100000",
        CI_MEMORY_AEGIS_SEARCH_TIMEOUT="1",
        CI_MEMORY_AEGIS_BREAKER_FAILURES=str(failures),
        CI_MEMORY_AEGIS_PAUSE_SECONDS=str(pause_seconds),
    )


def test_only_the_first_few_wait(tmp_path: Path) -> None:
    with LLMStandin() as llm, AegisStandin() as aegis:
        up = start_impatient(tmp_path, llm, aegis, failures=FAILURES, pause_seconds=60)
        try:
            assert analysed_with_it(up, 0)
            searches = aegis.count(PLAYBOOK)
            aegis.fail_next("hang", times=1_000, path=PLAYBOOK)

            replies = analysed(up, [failure(number) for number in range(1, 1 + NEW)])

            assert {(reply.status, reply.analyst) for reply in replies} == {("new_pattern", "stand-in")}
            assert all(WITHOUT in reply.message for reply in replies)
            waited = aegis.count(PLAYBOOK) - searches
            assert FAILURES <= waited <= FAILURES + WORKERS - 1 < NEW, "those that were let through before it opened"
            assert up.container().aegis_breaker.stands(0) == "open"
        finally:
            aegis.stop()
            assert up.stop() == 0


def test_it_recovers_by_itself(tmp_path: Path) -> None:
    with LLMStandin() as llm, AegisStandin() as aegis:
        up = start_impatient(tmp_path, llm, aegis, failures=1, pause_seconds=0.2)
        try:
            aegis.fail_next("hang", path=PLAYBOOK)
            assert not analysed_with_it(up, 0)

            numbers = iter(range(1, 600))
            wait_until(lambda: analysed_with_it(up, next(numbers)), what="the playbook is searched again")
            assert up.container().aegis_breaker.stands(0) == "closed"
        finally:
            aegis.stop()
            assert up.stop() == 0
