"""All memories of an Aegis server: one answer, read a line at a time, and told apart from what is no answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aegis_standin import AegisStandin, Failure
from ci_memory_workers.adapters.aegis import content_with_pattern, export, open_knowledge
from ci_memory_workers.errors import KnowledgeRefused, KnowledgeUnavailable
from ci_memory_workers.services.ports import Knowledge


@pytest.fixture
def aegis() -> Iterator[AegisStandin]:
    with AegisStandin() as standin:
        yield standin


@pytest.fixture
def knowledge(aegis: AegisStandin, tmp_path: Path) -> Iterator[Knowledge]:
    opened = open_knowledge(
        aegis_url=aegis.url, aegis_api_key=aegis.api_key, local_path=tmp_path / "unused.db", redact=str, rate_per_minute=0
    )
    yield opened
    opened.close()


def reflect(knowledge: Knowledge, number: int) -> str:
    content = content_with_pattern(f"pat_export{number}", f"failure {number}")
    return knowledge.add_reflection("team", content, error_pattern="", correct_approach="", metadata={})


@pytest.mark.parametrize("failure", ["500", "503", "disconnect", "disconnect_after"])
def test_it_is_asked_for_again_after_a_failure_of_the_server(knowledge: Knowledge, aegis: AegisStandin, failure: Failure) -> None:
    memory_id = reflect(knowledge, 1)
    aegis.fail_next(failure, path="/export")

    assert [memory.memory_id for memory in knowledge.memories("team", "reflection")] == [memory_id]
    assert aegis.count("/export") == 2


def test_what_is_no_export_is_not_taken_for_an_empty_one(knowledge: Knowledge, aegis: AegisStandin) -> None:
    aegis.fail_next("garbage", path="/export")

    with pytest.raises(KnowledgeUnavailable, match="no JSON"):
        list(knowledge.memories("team", "reflection"))


def test_an_export_that_may_be_cut_is_refused(knowledge: Knowledge, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        reflect(knowledge, number)
    monkeypatch.setattr(export, "MOST_MEMORIES", 3)

    with pytest.raises(KnowledgeRefused, match="no more than that"):
        list(knowledge.memories("team", "reflection"))


def test_a_server_does_not_tell_its_tenants(knowledge: Knowledge) -> None:
    with pytest.raises(KnowledgeRefused, match="--tenant"):
        knowledge.tenants()


def test_a_file_tells_its_tenants(tmp_path: Path) -> None:
    local = open_knowledge(aegis_url=None, aegis_api_key="", local_path=tmp_path / "memory.db", redact=str, rate_per_minute=0)
    for tenant in ("team", "rivals"):
        local.add_strategy(tenant, content_with_pattern("pat_aaaaaa", "retry"), metadata={})

    assert local.tenants() == ["rivals", "team"]
    local.close()
