from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator

import pytest

from aegis_standin import AegisStandin
from ci_memory_workers.adapters.aegis.remote import RemoteAegis
from ci_memory_workers.errors import InvalidSettings, KnowledgeRefused, KnowledgeUnavailable
from ci_memory_workers.services.ports import Knowledge


@pytest.fixture
def aegis() -> Iterator[AegisStandin]:
    with AegisStandin() as standin:
        yield standin


@pytest.fixture
def knowledge(aegis: AegisStandin) -> Iterator[RemoteAegis]:
    made = opened(aegis)
    yield made
    made.close()


def opened(aegis: AegisStandin) -> RemoteAegis:
    return RemoteAegis(aegis.url, aegis.api_key, redact=str, rate_per_minute=0, sleep=lambda _seconds: None)


def reflect(knowledge: Knowledge, content: str = "[pat_k3x9ab] redis refused us") -> str:
    return knowledge.add_reflection("team", content, error_pattern="unknown", correct_approach="", metadata={"n": 0})


def vote(knowledge: Knowledge, memory_id: str) -> None:
    knowledge.vote("team", memory_id, "helpful", context="", task_id="")


@pytest.mark.parametrize("down", [True, False])
def test_a_server_without_embeddings_is_unavailable_not_a_refusal(
    aegis: AegisStandin, knowledge: RemoteAegis, down: bool
) -> None:
    aegis.embeddings_down = down
    calls: list[Callable[[], object]] = [
        lambda: reflect(knowledge),
        lambda: knowledge.add_strategy("team", "[pat_k3x9ab] retry", metadata={}),
        lambda: knowledge.shortlist("team", "redis"),
    ]
    for call in calls:
        if down:
            with pytest.raises(KnowledgeUnavailable):
                call()
        else:
            call()


def test_a_delta_that_fails_with_a_200_is_an_error(aegis: AegisStandin, knowledge: RemoteAegis) -> None:
    memory_id = reflect(knowledge)
    with pytest.raises(KnowledgeRefused, match="rejected"):
        knowledge._apply({"type": "add", "content": "password=made-up", "scope": "global"}, repeatable=False)
    with pytest.raises(KnowledgeRefused, match="Memory not found"):
        knowledge._apply({"type": "deprecate", "memory_id": "0" * 32}, repeatable=True)

    assert list(aegis.memories) == [memory_id]


def test_what_somebody_else_stored_unscreened_is_refused_as_the_server_refuses_it(
    aegis: AegisStandin, knowledge: RemoteAegis
) -> None:
    memory_id = reflect(knowledge)
    aegis.memories[memory_id].content = "password='short' rejected"

    with pytest.raises(KnowledgeRefused, match="422"):
        knowledge.update_metadata("team", memory_id, {"n": 1})

    assert [request.status for request in aegis.requests] == [200, 422]


def test_a_wrong_key_is_refused_and_says_so(aegis: AegisStandin) -> None:
    knowledge = RemoteAegis(aegis.url, "another-key", redact=str)

    with pytest.raises(KnowledgeRefused, match="is the API key right"):
        reflect(knowledge)

    assert len(aegis.requests) == 1


def test_the_playbook_of_the_agent_is_asked_on_any_server(aegis: AegisStandin, knowledge: RemoteAegis) -> None:
    reflect(knowledge)
    aegis.playbook_fixed = True

    assert [found.pattern_id for found in knowledge.shortlist("team", "redis")] == ["pat_k3x9ab"]
    assert {request.path for request in aegis.requests if "playbook" in request.path} == {"/memories/ace/playbook/agent"}


def test_the_server_stores_what_was_meant(aegis: AegisStandin, knowledge: RemoteAegis) -> None:
    reflection, strategy = reflect(knowledge), knowledge.add_strategy("team", "[pat_k3x9ab] retry", metadata={})

    stored = [aegis.memories[memory_id] for memory_id in (reflection, strategy)]
    assert [memory.memory_type for memory in stored] == ["reflection", "strategy"]
    assert {(memory.agent_id, memory.namespace, memory.scope) for memory in stored} == {("ci-memory", "ci-memory-team", "global")}
    assert stored[0].error_pattern == "unknown"


def test_secrets_never_leave_for_the_server(aegis: AegisStandin) -> None:
    secret = "made-up-secret-0123"
    knowledge = RemoteAegis(aegis.url, aegis.api_key, redact=lambda text: text.replace(secret, "[REDACTED]"), rate_per_minute=0)
    memory_id = knowledge.add_reflection(
        "team",
        f"[pat_k3x9ab] login with {secret}",
        error_pattern=secret,
        correct_approach=f"rotate {secret}",
        metadata={"a": secret, secret: 1, "nested": {"list": [secret]}},
    )
    knowledge.add_strategy("team", f"[pat_k3x9ab] use {secret}", metadata={"b": secret})
    knowledge.vote("team", memory_id, "helpful", context=secret, task_id=secret)
    knowledge.update_metadata("team", memory_id, {"c": secret})
    knowledge.shortlist("team", secret)

    sent = repr([request.body for request in aegis.requests])
    assert "REDACTED" in sent
    assert secret not in sent


def test_one_used_before_a_fork_works_on_both_sides(aegis: AegisStandin, knowledge: RemoteAegis) -> None:
    memory_id = reflect(knowledge)
    with warnings.catch_warnings():
        # The stand-in's thread is not needed in the child; newer Pythons warn of any thread at a fork.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            vote(knowledge, memory_id)
            code = 0
        except BaseException:  # noqa: BLE001 - a forked child must never return into pytest
            code = 1
        os._exit(code)
    vote(knowledge, memory_id)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(aegis.memories[memory_id].votes) == 2


def test_threads_share_one(aegis: AegisStandin, knowledge: RemoteAegis) -> None:
    memory_id = reflect(knowledge)
    threads = [threading.Thread(target=vote, args=(knowledge, memory_id)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(aegis.memories[memory_id].votes) == 8


@pytest.mark.parametrize("api_key", ["", " ", "key\n", "schlüssel"])
def test_a_key_that_is_none_is_a_wrong_setting(api_key: str) -> None:
    with pytest.raises(InvalidSettings, match="API key"):
        RemoteAegis("http://127.0.0.1:1", api_key, redact=str)


@pytest.mark.parametrize("url", ["aegis:8000", "127.0.0.1", "ftp://aegis", "http://", "http://[::1"])
def test_a_url_that_is_none_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(InvalidSettings, match="URL"):
        RemoteAegis(url, "made-up-key", redact=str)
