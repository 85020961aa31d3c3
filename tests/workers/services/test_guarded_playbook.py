"""While Aegis is out of reach, the first few new failures wait for its playbook; the others are analysed without, and say so."""

from __future__ import annotations

import pytest
from fakes import NOW, Clock, CountingKnowledge, RecordingBell, ScriptedAnalyst, T, failed, open_index, the
from redis import Redis

from ci_memory_producers.events import ANSWER, Analysis
from ci_memory_producers.keys import result_key
from ci_memory_workers.adapters.redis_breaker import RedisBreaker
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.domain.answer import WITHOUT_PLAYBOOK
from ci_memory_workers.domain.breaker import BreakerPolicy
from ci_memory_workers.errors import (
    CiMemoryError,
    KnowledgeNotAsked,
    KnowledgeRefused,
    KnowledgeUnavailable,
    PlaybookLeftAlone,
)
from ci_memory_workers.services.analysis import AnalysisDesk
from ci_memory_workers.services.guarded_playbook import GuardedPlaybook
from ci_memory_workers.services.ports import Candidate, Playbook

POLICY = BreakerPolicy(failures=3, pause_s=10, longest_pause_s=60, call_s=30)
DOWN = KnowledgeUnavailable("Aegis did not answer")


class CountedPlaybook:
    """A playbook that counts its searches, and fails while there is ``trouble``."""

    def __init__(self) -> None:
        self.trouble: CiMemoryError | None = None
        self.searches = 0

    def shortlist(self, tenant: str, query: str, *, top_k: int = 5, min_effectiveness: float = -1.0) -> list[Candidate]:
        self.searches += 1
        if self.trouble is not None:
            raise self.trouble
        return [Candidate("pat_known0000", "mem-0", query, min_effectiveness, "reflection")][:top_k]


def guarded(client: Redis, playbook: Playbook, clock: Clock) -> GuardedPlaybook:
    return GuardedPlaybook(playbook, RedisBreaker(client, "aegis", POLICY), clock)


def failures(one: GuardedPlaybook, times: int) -> list[type[CiMemoryError]]:
    found: list[type[CiMemoryError]] = []
    for _ in range(times):
        with pytest.raises(CiMemoryError) as raised:
            one.shortlist(T, "anything")
        found.append(type(raised.value))
    return found


def test_after_the_first_few_nobody_waits_and_it_recovers_by_itself(redis_client: Redis) -> None:
    clock, playbook = Clock(), CountedPlaybook()
    one, other = guarded(redis_client, playbook, clock), guarded(redis_client, playbook, clock)
    playbook.trouble = DOWN

    assert failures(one, 3) == [KnowledgeUnavailable] * 3
    assert failures(other, 50) == [PlaybookLeftAlone] * 50
    assert playbook.searches == 3

    clock.forward(10_000)
    assert failures(other, 10) == [KnowledgeUnavailable, *[PlaybookLeftAlone] * 9], "one tries"
    playbook.trouble = None
    clock.forward(20_000)
    assert [found.pattern_id for found in one.shortlist(T, "anything")] == ["pat_known0000"]
    assert other.shortlist(T, "anything", top_k=1)


def test_a_refusal_is_an_answer(redis_client: Redis) -> None:
    playbook = CountedPlaybook()
    playbook.trouble = KnowledgeRefused("not a tenant")

    assert failures(guarded(redis_client, playbook, Clock()), 9) == [KnowledgeRefused] * 9


def test_a_rate_that_a_worker_has_used_up_says_nothing_of_aegis(redis_client: Redis) -> None:
    playbook = CountedPlaybook()
    playbook.trouble = KnowledgeNotAsked("60 calls a minute are used up", retry_after=20)

    assert failures(guarded(redis_client, playbook, Clock()), 9) == [KnowledgeNotAsked] * 9


def test_nobody_listens_is_a_failure(redis_client: Redis) -> None:
    playbook = CountedPlaybook()
    playbook.trouble = KnowledgeNotAsked("nobody listens")

    assert failures(guarded(redis_client, playbook, Clock()), 4)[-1] is PlaybookLeftAlone


def analysed(index: RedisIndex, client: Redis, playbook: Playbook, fingerprint: str) -> tuple[str, Analysis]:
    """What is kept as the reason of a new failure's analysis, and its answer."""
    applied = index.apply(T, [failed(fingerprint)], NOW)[0]
    desk = AnalysisDesk(
        index=index,
        knowledge=playbook,
        analyst=ScriptedAnalyst(),
        rules=ScriptedAnalyst(name="rules"),
        bell=RecordingBell(),
        lease_ms=60_000,
        max_attempts=4,
        jitter=lambda: 0.0,
    )
    assert desk.analyze(T, applied.pattern_id, Clock()) == "analysed"
    data = client.get(result_key(T, applied.event_id))
    assert isinstance(data, bytes)
    reply = ANSWER.validate_json(data)
    assert isinstance(reply, Analysis)
    return the(index.pattern(T, applied.pattern_id)).analyst_reason, reply


def test_an_analysis_without_the_playbook_says_so(redis_client: Redis) -> None:
    index, playbook = open_index(redis_client), CountedPlaybook()

    with_it, answer = analysed(index, redis_client, guarded(redis_client, playbook, Clock()), "1:aaaa")
    assert not with_it.startswith(WITHOUT_PLAYBOOK)
    assert "playbook" not in answer.message

    playbook.trouble = DOWN
    without, answer = analysed(index, redis_client, guarded(redis_client, playbook, Clock()), "1:bbbb")
    assert without.startswith(WITHOUT_PLAYBOOK)
    assert "The playbook was out of reach" in answer.message
    assert (answer.status, answer.provisional) == ("new_pattern", False)


def test_a_memory_in_reach_is_a_playbook(redis_client: Redis) -> None:
    knowledge = CountingKnowledge(candidates=[Candidate("pat_known0000", "mem-0", "text", 0.0, "reflection")])

    assert guarded(redis_client, knowledge, Clock()).shortlist(T, "anything") == knowledge.candidates
