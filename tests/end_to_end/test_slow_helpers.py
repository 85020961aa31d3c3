"""A language model or an Aegis that hangs delays nobody whose failure is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegis_standin import AegisStandin
from build_logs import missing_module_log
from ci_memory_producers import FailureEvent
from llm_standin import LLMStandin
from running_fleet import start_up, wait_until

TENANT = "patient"


def failure(module: str, build: int) -> FailureEvent:
    return FailureEvent(
        tenant=TENANT, repo="acme/shop", build_id=str(build), stage="build", error_message=missing_module_log(module, build % 60)
    )


@pytest.mark.parametrize("hanging", ["llm", "aegis"])
def test_known_failures_are_answered_while_the_others_wait(tmp_path: Path, hanging: str) -> None:
    with LLMStandin() as llm, AegisStandin() as aegis:
        up = start_up(
            tmp_path / "up",
            OPENAI_API_KEY="sk-made-up-for-tests",
            OPENAI_BASE_URL=llm.url,
            CI_MEMORY_LLM_MODEL="stand-in",
            CI_MEMORY_LLM_TIMEOUT="120",
            CI_MEMORY_AEGIS_URL=aegis.url,
            CI_MEMORY_AEGIS_API_KEY=aegis.api_key,
        )
        try:
            known = up.ask(failure("orjson", 1))
            wait_until(lambda: any(memory.content for memory in aegis.memories.values()), what="Aegis has the reflection")
            asked = len(llm.requests), len(aegis.requests)
            if hanging == "llm":
                llm.mode = "hang"
            else:
                aegis.fail_next("hang", times=1_000)
            new = [failure(f"lost_{chr(97 + n)}", 100 + n) for n in range(12)]
            with up.producer() as producer:
                producer.push_many(new)
                if hanging == "llm":
                    llm.wait_for_requests(asked[0] + 4, timeout=60)
                else:
                    wait_until(lambda: len(aegis.requests) > asked[1], what="Aegis is asked")

                repeats = [failure("orjson", build) for build in range(2, 42)]
                producer.push_many(repeats, wait=True)
                answers = producer.analyses(TENANT, [event.event_id for event in repeats], seconds=60)
                waiting = [event for event in new if producer.answer(TENANT, event.event_id) is None]

            assert {(answer.status, answer.pattern_id) for answer in answers} == {("known_pattern", known.pattern_id)}
            assert answers[-1].analyst == "stand-in"
            if hanging == "llm":
                assert len(waiting) == len(new), "every analysis still waits for the model"
        finally:
            llm.mode = "ok"
            llm.release()
            aegis.stop()
            assert up.stop() == 0
