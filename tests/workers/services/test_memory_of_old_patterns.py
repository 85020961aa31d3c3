"""A pattern that grows old leaves the playbook, and one that is back is in it once, whichever step its writer dies at."""

from __future__ import annotations

from contextlib import suppress

import pytest
from fakes import DIAGNOSIS, NOW, CountingKnowledge, Killed, Life, archive_of, failed, mortal, open_index, the
from redis import Redis

from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.services.memory import LEASE_MS, Librarian
from ci_memory_workers.services.ports import AnalystAnswer, Index, Knowledge

MOST_STEPS = 60


def librarian(index: Index, knowledge: Knowledge) -> Librarian:
    return Librarian(index, knowledge, archive_of(index), flush_ms=1_000)


def written(index: RedisIndex, knowledge: CountingKnowledge, tenant: str) -> str:
    """The id of a pattern that Aegis has."""
    pattern_id = index.apply(tenant, [failed(tenant=tenant)], NOW)[0].pattern_id
    lease = the(index.take("analysis", tenant, pattern_id, now_ms=NOW, lease_ms=1_000))
    assert index.record_analysis(lease, AnalystAnswer(DIAGNOSIS, "model-x"), attempts=1, now_ms=NOW)
    assert index.finish(lease)
    assert librarian(index, knowledge).sync(tenant, pattern_id, NOW) == "written"
    return pattern_id


@pytest.mark.parametrize("after", [False, True], ids=["before a step", "after a step"])
@pytest.mark.parametrize("back", [False, True], ids=["gone", "back"])
def test_whichever_step_a_writer_dies_at_it_is_in_the_playbook_once_or_not_at_all(
    redis_client: Redis, back: bool, after: bool
) -> None:
    index = open_index(redis_client)
    for step in range(1, MOST_STEPS):
        tenant, life, knowledge = f"t{step}", Life(step, after=after), CountingKnowledge()
        pattern_id = written(index, knowledge, tenant)
        old = the(index.pattern(tenant, pattern_id))
        assert index.set_status(tenant, old, "deprecated", reason="not seen for 90 days", now_ms=NOW)
        died, mortal_index = True, mortal(index, life)
        with suppress(Killed):
            Librarian(mortal_index, mortal(knowledge, life), archive_of(index), flush_ms=1_000).sync(tenant, pattern_id, NOW)
            died = False
        if back:
            index.apply(tenant, [failed(tenant=tenant, build="2")], NOW)
        later = NOW + LEASE_MS + 1
        for overdue in index.overdue("memory", tenant, later, 10):
            librarian(index, knowledge).sync(tenant, overdue, later)

        live = [one for one in knowledge.of("reflection", pattern_id) if not one.deprecated]
        assert len(live) == int(back), f"died at step {step}"
        assert all(one.metadata["occurrence_count"] == 2 for one in live)
        if not died:
            return
    raise AssertionError("no life was long enough")
