"""What happens to a pattern while it is written into Aegis."""

from __future__ import annotations

from collections.abc import Mapping

from fakes import DIAGNOSIS, NOW, CountingKnowledge, T, archive_of, failed, fixed, open_index, the
from redis import Redis

from ci_memory_producers.events import ResolutionReceipt
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.services.memory import Librarian
from ci_memory_workers.services.ports import AnalystAnswer, Dated
from ci_memory_workers.services.resolutions import fix_of


class Interrupted(CountingKnowledge):
    """A memory in which the first reflection takes so long that a fix is reported meanwhile."""

    def __init__(self, index: RedisIndex, pattern_id: str) -> None:
        super().__init__()
        self.index, self.pattern_id = index, pattern_id

    def add_reflection(
        self, tenant: str, content: str, *, error_pattern: str, correct_approach: str, metadata: Mapping[str, object]
    ) -> str:
        resolve(self.index, self.pattern_id)
        return super().add_reflection(
            tenant, content, error_pattern=error_pattern, correct_approach=correct_approach, metadata=metadata
        )


def resolve(index: RedisIndex, pattern_id: str) -> None:
    event = fixed(pattern_id)
    index.apply(T, [Dated(event, NOW)], NOW)
    lease = the(index.take("resolutions", T, event.event_id, now_ms=NOW, lease_ms=1_000))
    receipt = ResolutionReceipt(status="recorded", event_id=event.event_id, pattern_id=pattern_id)
    assert index.apply_resolution(lease, fix_of(event, NOW), event, receipt, now_ms=NOW)


def test_the_vote_of_a_fix_that_came_up_meanwhile_is_cast_on_its_strategy(redis_client: Redis) -> None:
    index = open_index(redis_client)
    pattern_id = index.apply(T, [failed()], NOW)[0].pattern_id
    lease = the(index.take("analysis", T, pattern_id, now_ms=NOW, lease_ms=1_000))
    assert index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "model-x"), attempts=1, now_ms=NOW)
    assert index.finish(lease)
    knowledge = Interrupted(index, pattern_id)

    assert Librarian(index, knowledge, archive_of(index), flush_ms=1_000).sync(T, pattern_id, NOW) == "written"

    (strategy,) = knowledge.of("strategy", pattern_id)
    assert strategy.votes == ["helpful"]
