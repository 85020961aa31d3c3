from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from aegis_standin import AegisStandin, Failure
from ci_memory_workers.adapters.aegis.rate import RateWindow
from ci_memory_workers.adapters.aegis.remote import RemoteAegis
from ci_memory_workers.errors import KnowledgeNotAsked, KnowledgeUnavailable
from ci_memory_workers.services.ports import Knowledge

VOTE = "/memories/ace/vote/"


@pytest.fixture
def aegis() -> Iterator[AegisStandin]:
    with AegisStandin() as standin:
        yield standin


@pytest.fixture
def knowledge(aegis: AegisStandin) -> Iterator[RemoteAegis]:
    made = opened(aegis)
    yield made
    made.close()


def opened(
    aegis: AegisStandin,
    *,
    rate_per_minute: int = 0,
    timeout: float = 5.0,
    retry_budget: float = 60.0,
    sleep: Callable[[float], None] = lambda _seconds: None,
) -> RemoteAegis:
    return RemoteAegis(
        aegis.url,
        aegis.api_key,
        redact=str,
        rate_per_minute=rate_per_minute,
        timeout=timeout,
        retry_budget=retry_budget,
        sleep=sleep,
    )


def reflect(knowledge: Knowledge, content: str = "[pat_k3x9ab] redis refused us") -> str:
    return knowledge.add_reflection("team", content, error_pattern="unknown", correct_approach="", metadata={"n": 0})


def vote(knowledge: Knowledge, memory_id: str) -> None:
    knowledge.vote("team", memory_id, "helpful", context="", task_id="")


AFTER_SENDING: list[Failure] = ["429", "500", "503", "disconnect", "disconnect_after", "garbage"]


@pytest.mark.parametrize("failure", AFTER_SENDING)
def test_a_vote_that_may_have_arrived_is_never_sent_twice(aegis: AegisStandin, knowledge: RemoteAegis, failure: Failure) -> None:
    memory_id = reflect(knowledge)
    aegis.fail_next(failure, path=VOTE)

    with pytest.raises(KnowledgeUnavailable) as lost:
        vote(knowledge, memory_id)

    assert not isinstance(lost.value, KnowledgeNotAsked)
    assert aegis.count(VOTE) == 1
    assert len(aegis.memories[memory_id].votes) == (1 if failure == "disconnect_after" else 0)


def test_a_vote_on_a_server_that_hangs_gives_up_in_time_and_is_not_sent_twice(aegis: AegisStandin) -> None:
    knowledge = opened(aegis, timeout=0.2)
    memory_id = reflect(knowledge)
    aegis.fail_next("hang", path=VOTE)

    with pytest.raises(KnowledgeUnavailable, match="did not answer"):
        vote(knowledge, memory_id)

    assert aegis.count(VOTE) == 1


def test_a_vote_is_sent_once_a_server_that_refused_the_connection_is_back(aegis: AegisStandin) -> None:
    pauses: list[float] = []

    def come_back(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            aegis.start()

    knowledge = opened(aegis, sleep=come_back)
    memory_id = reflect(knowledge)
    aegis.stop()
    vote(knowledge, memory_id)

    assert len(pauses) == 2
    assert len(aegis.memories[memory_id].votes) == 1


@pytest.mark.parametrize("failure", ["500", "disconnect", "disconnect_after"])
def test_an_add_that_may_have_arrived_is_not_sent_twice_and_can_be_found(
    aegis: AegisStandin, knowledge: RemoteAegis, failure: Failure
) -> None:
    aegis.fail_next(failure, path="/reflection")

    with pytest.raises(KnowledgeUnavailable):
        reflect(knowledge)

    assert aegis.count("/reflection") == 1
    assert knowledge.find("team", "pat_k3x9ab", "reflection") == list(aegis.memories)


@pytest.mark.parametrize("failure", ["500", "503", "disconnect", "disconnect_after", "garbage"])
@pytest.mark.parametrize("times", [1, 3])
def test_what_may_be_repeated_outlives_a_few_failures(
    aegis: AegisStandin, knowledge: RemoteAegis, failure: Failure, times: int
) -> None:
    memory_id = reflect(knowledge)
    calls: list[Callable[[], object]] = [
        lambda: knowledge.update_metadata("team", memory_id, {"n": 1}),
        lambda: knowledge.get("team", memory_id),
        lambda: knowledge.find("team", "pat_k3x9ab", "reflection"),
        lambda: knowledge.shortlist("team", "redis"),
        lambda: knowledge.deprecate("team", memory_id),
    ]
    for call in calls:
        aegis.fail_next(failure, times=times)
        call()

    assert aegis.memories[memory_id].metadata == {"n": 1, "error_pattern": "unknown", "deprecated": True}
    assert aegis.memories[memory_id].deprecated


def test_a_server_that_keeps_failing_is_given_up(aegis: AegisStandin, knowledge: RemoteAegis) -> None:
    aegis.fail_next("503", times=100)

    with pytest.raises(KnowledgeUnavailable, match="503"):
        knowledge.get("team", "0" * 32)

    assert len(aegis.requests) == 4


def test_no_attempt_is_begun_after_the_budget(aegis: AegisStandin) -> None:
    aegis.fail_next("503", times=100)

    with pytest.raises(KnowledgeUnavailable):
        opened(aegis, retry_budget=0.0).get("team", "0" * 32)

    assert len(aegis.requests) == 1


def test_a_short_retry_after_is_waited_for(aegis: AegisStandin) -> None:
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        time.sleep(seconds)

    knowledge = opened(aegis, sleep=wait)
    aegis.fail_next("429", retry_after=1)

    assert knowledge.get("team", "0" * 32) is None
    assert waited == [1.0]


def test_a_long_retry_after_is_told_and_nothing_is_sent_meanwhile(aegis: AegisStandin, knowledge: RemoteAegis) -> None:
    memory_id = reflect(knowledge)
    aegis.fail_next("429", retry_after=60)
    with pytest.raises(KnowledgeUnavailable) as limited:
        knowledge.get("team", memory_id)
    assert limited.value.retry_after == 60.0
    sent = len(aegis.requests)

    with pytest.raises(KnowledgeNotAsked, match="limits the rate") as meanwhile:
        vote(knowledge, memory_id)

    assert meanwhile.value.retry_after == pytest.approx(60, abs=5)
    assert len(aegis.requests) == sent


def test_the_servers_own_limit_is_told(aegis: AegisStandin, knowledge: RemoteAegis) -> None:
    aegis.rate_limit = 1
    reflect(knowledge)

    with pytest.raises(KnowledgeUnavailable, match="Rate limit exceeded: 1/minute") as limited:
        reflect(knowledge)

    assert limited.value.retry_after == pytest.approx(60, abs=5)


def test_our_own_limit_answers_at_once_and_sends_nothing(aegis: AegisStandin) -> None:
    knowledge = opened(aegis, rate_per_minute=2)
    for _ in range(2):
        knowledge.get("team", "0" * 32)

    with pytest.raises(KnowledgeNotAsked, match="2 calls a minute are used up") as limited:
        reflect(knowledge)

    assert limited.value.retry_after == pytest.approx(60, abs=5)
    assert len(aegis.requests) == 2


def test_the_rate_is_that_of_any_sixty_seconds() -> None:
    now = [0.0]
    rate = RateWindow(2, clock=lambda: now[0])
    rate.take()
    now[0] = 40.0
    rate.take()
    now[0] = 59.0
    with pytest.raises(KnowledgeUnavailable) as limited:
        rate.take()
    assert limited.value.retry_after == 1.0

    now[0] = 60.0
    rate.take()
    with pytest.raises(KnowledgeUnavailable) as again:
        rate.take()
    assert again.value.retry_after == 40.0


def test_a_port_where_nobody_listens_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    pauses: list[float] = []

    with pytest.raises(KnowledgeNotAsked, match="can't be reached"):
        reflect(RemoteAegis(f"http://127.0.0.1:{port}", "made-up-key", redact=str, sleep=pauses.append))

    assert len(pauses) == 3
    assert all(0 <= pause <= 0.8 for pause in pauses)
