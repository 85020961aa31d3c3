"""Texts of metadata that are JSON: cleaned inside, and JSON still, in both modes of Aegis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegis_standin import AegisStandin
from ci_memory_workers.adapters.aegis import content_with_pattern, open_knowledge
from ci_memory_workers.services.ports import Knowledge


@pytest.fixture(params=["local", "remote"])
def knowledge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Knowledge]:
    with AegisStandin() as aegis:
        opened = open_knowledge(
            aegis_url=aegis.url if request.param == "remote" else None,
            aegis_api_key=aegis.api_key,
            local_path=tmp_path / "memory.db",
            redact=lambda text: text.replace("hunter2", "[REDACTED]"),
            rate_per_minute=0,
        )
        yield opened
        opened.close()


def reflect(knowledge: Knowledge) -> str:
    content = content_with_pattern("pat_k3x9ab", "redis refused the connection")
    return knowledge.add_reflection("team", content, error_pattern="", correct_approach="", metadata={})


def test_a_state_stays_json_although_its_texts_are_cleaned(knowledge: Knowledge) -> None:
    memory_id = reflect(knowledge)
    texts = {"a": "password: hunter2", "b": '\x1b[31mé "quoted" \\ ', "c": ["secret=abc,", 7, None, True], "long": "x" * 8_000}
    knowledge.update_metadata("team", memory_id, {"state": json.dumps(texts, ensure_ascii=False)})

    memory = knowledge.get("team", memory_id)

    assert memory is not None
    state = json.loads(str(memory.metadata["state"]))
    assert "hunter2" not in state["a"]
    assert state["b"] == 'é "quoted" \\'
    assert state["c"][0].startswith("secret")
    assert state["c"][1:] == [7, None, True]
    assert state["long"] == "x" * 8_000


@pytest.mark.parametrize("state", ["{broken", "[" * 9_000, json.dumps("x" * 10_001), ""])
def test_a_state_that_cannot_be_kept_whole_is_not_kept_in_pieces(knowledge: Knowledge, state: str) -> None:
    memory_id = reflect(knowledge)
    knowledge.update_metadata("team", memory_id, {"state": state, "seen": 2})

    memory = knowledge.get("team", memory_id)

    assert memory is not None
    assert (memory.metadata["state"], memory.metadata["seen"]) == ("", 2)
