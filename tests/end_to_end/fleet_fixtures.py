"""Real processes: `ci-memory up` in a directory of its own, and an LLM that stands in for the real one.

Each test has a tenant of its own, so that they share one fleet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from llm_standin import LLMStandin
from running_fleet import Up, start_up


@pytest.fixture(scope="session")
def llm() -> Iterator[LLMStandin]:
    with LLMStandin() as standin:
        yield standin


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory, llm: LLMStandin) -> Iterator[Up]:
    """The fleet that most tests share; its language model is the stand-in."""
    fleet = start_up(
        tmp_path_factory.mktemp("up"),
        OPENAI_API_KEY="sk-made-up-for-tests",
        OPENAI_BASE_URL=llm.url,
        CI_MEMORY_LLM_MODEL="stand-in",
        CI_MEMORY_LLM_TIMEOUT="2",
    )
    yield fleet
    assert fleet.stop() == 0


@pytest.fixture
def tenant(request: pytest.FixtureRequest, llm: LLMStandin) -> str:
    """A tenant of the test's own; the stand-in behaves and has forgotten all requests."""
    llm.mode = "ok"
    llm.requests.clear()
    return re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-")
