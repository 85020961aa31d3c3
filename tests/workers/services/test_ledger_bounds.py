"""What fails everywhere, and goes away with whatever is committed next, keeps a ledger that is bounded."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import NOW, T, archive_of, failed, open_index, passed, the
from line_runs import learn, only, run_of
from redis import Redis

from ci_memory_workers.adapters.redis_index import RedisIndex

MOST_LEARNED, MOST_TRIALS = 100, 400


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def fixed_on(index: RedisIndex, branch: int, path: str, *, works: bool) -> None:
    """A branch that failed twice and passed with a commit to ``path``; that has worked after two commits more."""
    place: dict[str, Any] = {"branch": f"b{branch}", "author": "dev@example.com"}
    fix: dict[str, Any] = {"commit_message": f"Change {path}", "changed_files": (path,)}
    ms = [NOW + 60_000 * (10 * branch + number) for number in range(6)]
    runs = [failed(**run_of(number, ms=ms[number], **place)) for number in (1, 2)]
    further = [passed(**run_of(number, ms=ms[number], **place)) for number in ((4, 5) if works else ())]
    learn(index, *runs, passed(**run_of(3, ms=ms[3], **place, **fix)), *further)


def dropped(index: RedisIndex) -> int:
    return int(the(archive_of(index).state(T, only(index).pattern_id)).fields.get("fixes_dropped", "0"))


def test_of_the_learned_fixes_those_that_worked_stay_and_then_the_newest(index: RedisIndex) -> None:
    fixed_on(index, 0, "conf/works.toml", works=True)
    for branch in range(1, MOST_LEARNED + 21):
        fixed_on(index, branch, f"src/{branch}.py", works=False)

    fixes = {fix.description.partition("\n")[0]: fix for fix in only(index).fixes}
    newest = [f"Change src/{branch}.py" for branch in range(22, MOST_LEARNED + 21)]
    assert fixes.keys() == {"Change conf/works.toml", *newest}
    assert fixes["Change conf/works.toml"].learned_worked == 1
    trials = the(archive_of(index).state(T, only(index).pattern_id)).trials
    assert (len(trials), dropped(index)) == (MOST_LEARNED, 21)


def test_of_a_fixs_trials_the_newest_stay_and_its_counts_are_exact(index: RedisIndex, redis_client: Redis) -> None:
    for branch in range(MOST_TRIALS + 30):
        fixed_on(index, branch, "conf/works.toml", works=True)

    (fix,) = only(index).fixes
    trials = the(archive_of(index).state(T, only(index).pattern_id)).trials
    assert fix.learned_worked == index.totals(T, NOW).fixes_worked == MOST_TRIALS + 30
    assert len(trials) == MOST_TRIALS
    assert min(trial.ms for trial in trials) == NOW + 60_000 * (10 * 30 + 3)
