"""What commits fix, and what ends by itself: flaky failures, outbreaks; and in whose words a fix is told."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import NOW, T, failed, open_index, passed, the
from learned_patterns import merge
from line_runs import FIX, MINUTE_MS, at, flake, learn, only, report, run_of
from redis import Redis

from ci_memory_workers.adapters.pattern_codec import prefix
from ci_memory_workers.adapters.redis_index import RedisIndex
from ci_memory_workers.adapters.scripts import Scripts
from ci_memory_workers.domain.pattern import OUTBREAK_TAIL_MS

REPOS = 12


@pytest.fixture
def index(redis_client: Redis) -> RedisIndex:
    return open_index(redis_client)


def everywhere(run: int, *, of: int = REPOS, **fields: Any) -> list[dict[str, Any]]:
    """A run of each repository, a second apart."""
    ms = NOW + run * MINUTE_MS
    return [run_of(run, repo=f"acme/r{n}", build=f"r{n}-{run}", ms=ms + n * 1_000, **fields) for n in range(of)]


def break_out(index: RedisIndex) -> None:
    for place in everywhere(1):
        learn(index, failed(**place))
    assert the(only(index).outbreak).repositories >= 4


def test_an_outbreak_that_ended_by_itself_teaches_nothing(index: RedisIndex) -> None:
    break_out(index)
    learn(index, *(passed(**place) for place in everywhere(2, of=3)))
    assert only(index).fixes

    again = {**everywhere(1)[4], "attempt": 2, "ms": NOW + 3 * MINUTE_MS}
    learn(index, passed(**again))
    assert (only(index).fixes, only(index).status, only(index).flaky_episodes) == ((), "unresolved", 0)

    learn(index, *(passed(**place) for place in everywhere(2)[5:]))
    assert only(index).fixes == ()


def test_an_outbreak_ends_by_itself_when_another_build_of_a_commit_passes(index: RedisIndex) -> None:
    break_out(index)
    learn(index, *(passed(**place) for place in everywhere(2, of=3)))

    learn(index, passed(**run_of(3, repo="acme/r4", build="r4-3", commit="c1")))

    assert (only(index).fixes, only(index).flaky_episodes) == ((), 0)


def test_an_outbreak_that_commits_end_teaches_its_fix(index: RedisIndex) -> None:
    break_out(index)
    fix: dict[str, Any] = {"commit_message": "Pin numpy", "changed_files": ("requirements.txt",)}

    learn(index, *(passed(**place) for place in everywhere(2, **fix)))

    (found,) = only(index).fixes
    assert (found.description.partition("\n")[0], found.repositories, only(index).status) == ("Pin numpy", REPOS, "resolved")


def test_a_failure_that_outlasts_an_outbreak_belongs_to_it_and_so_do_the_last_builds_that_it_hit(index: RedisIndex) -> None:
    break_out(index)
    late = NOW + OUTBREAK_TAIL_MS // 2
    learn(index, failed(**run_of(5, repo="acme/late", build="late", ms=late)))
    learn(index, passed(**run_of(5, repo="acme/late", build="late", ms=late + MINUTE_MS, attempt=2)))

    assert only(index).flaky_episodes == 0
    learn(index, passed(**run_of(9, repo="acme/r1", build="r1-9", ms=late + 10 * OUTBREAK_TAIL_MS)))
    assert only(index).fixes == (), "its first failure was the outbreak's"


def test_an_outbreak_is_remembered_when_the_next_one_comes(index: RedisIndex) -> None:
    break_out(index)
    first = the(only(index).outbreak)
    later = first.last_ms + 2 * OUTBREAK_TAIL_MS

    learn(index, *(failed(**{**place, "ms": later + n}) for n, place in enumerate(everywhere(2))))

    spans = index.outbreaks(T, [only(index).pattern_id])[only(index).pattern_id]
    assert [span.since_ms for span in spans] == [first.since_ms, later]


def test_flaky_evidence_takes_back_what_a_single_failure_seemed_to_teach(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)), passed(**run_of(2, **FIX)), passed(**run_of(3)), passed(**run_of(4)))
    assert the(only(index).fix).learned_worked == 1

    flake(index, 5)

    assert (only(index).fixes, only(index).status) == ((), "flaky")
    learn(index, failed(**run_of(6)), passed(**run_of(7)))
    assert only(index).fixes == (), "nor does another one teach anything"


def test_what_failed_commit_after_commit_was_fixed_though_it_is_flaky_too(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)), failed(**run_of(2)), passed(**run_of(3, **FIX)))

    flake(index, 4)

    assert [fix.commit for fix in only(index).fixes] == ["c3"]


def test_a_person_s_word_outlives_flaky_evidence(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)))
    report(index, only(index).pattern_id, at(1))

    flake(index, 5)

    assert [(fix.learned, fix.worked) for fix in only(index).fixes] == [(False, 1)]


def fix_in(repo: str, words: str) -> dict[str, Any]:
    return {"commit_message": words, "changed_files": (f"{repo}/retry.py",)}


def test_a_fix_is_told_in_the_words_of_a_commit_that_worked(index: RedisIndex) -> None:
    def run(number: int, repo: str, **fields: Any) -> dict[str, Any]:
        return run_of(number, repo=f"acme/{repo}", build=f"{repo}-{number}", **fields)

    learn(index, failed(**run(1, "shop")), passed(**run(2, "shop", **fix_in("shop", "Wait longer"))), failed(**run(3, "shop")))
    assert [(fix.description.partition("\n")[0], fix.learned_failed) for fix in only(index).fixes] == [("Wait longer", 1)]

    learn(index, failed(**run(1, "cart")), *(passed(**run(n, "cart", **fix_in("cart", "Close the socket"))) for n in (2, 3, 4)))

    (fix,) = only(index).fixes
    assert (fix.description.partition("\n")[0], fix.learned_worked, fix.learned_failed) == ("Close the socket", 1, 1)
    learn(index, failed(**run(1, "till")), *(passed(**run(n, "till", **fix_in("till", "Shut it"))) for n in (2, 3, 4)))
    assert only(index).fixes[0].description.startswith("Close the socket"), "what worked keeps its words"


def test_a_fix_that_failed_resolves_nothing(index: RedisIndex) -> None:
    learn(index, failed(**run_of(1)))
    index.apply(T, [passed(**run_of(2)), failed(**run_of(3))], at(3))

    learn(index, failed(**run_of(4)))

    assert (only(index).fixes[0].learned_failed, only(index).status) == (1, "unresolved")


def test_a_further_run_costs_what_it_changes(index: RedisIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    learn(index, failed(**run_of(1)), passed(**run_of(2)), failed(**run_of(3)), passed(**run_of(4)))
    written: list[str] = []
    record = index.record_trial

    def recorded(tenant: str, transition: Any, trial_id: str, *rest: Any, **more: Any) -> bool:
        written.append(transition.passing.commit)
        return record(tenant, transition, trial_id, *rest, **more)

    monkeypatch.setattr(index, "record_trial", recorded)

    assert learn(index, passed(**run_of(5))) == ["nothing_new"]
    assert written == []
    assert learn(index, passed(**run_of(6))) == ["learned 1"]
    assert written == ["c4"]


def test_the_lines_of_a_pattern_go_with_it_when_it_is_merged(index: RedisIndex, redis_client: Redis) -> None:
    learn(index, failed(**run_of(1)))
    into = only(index).pattern_id
    index.apply(T, [failed("1:bbbb", **run_of(1, repo="acme/cart", build="9"))], NOW)

    merge(index, into)

    assert len(Scripts(redis_client).run("members", prefix(T), into, "lines_of")) == 2


def test_what_another_commit_may_have_done_is_kept_while_nothing_else_is_known(index: RedisIndex) -> None:
    def run(number: int, repo: str, **fields: Any) -> dict[str, Any]:
        return run_of(number, repo=f"acme/{repo}", build=f"{repo}-{number}", **fields)

    learn(index, failed(**run(1, "shop")), passed(**run(3, "shop", parent_sha="c2", **fix_in("shop", "Merge"))))
    assert [fix.pending for fix in only(index).fixes] == [1]

    learn(index, failed(**run(1, "cart")), passed(**run(2, "cart", commit_message="Pin", changed_files=("setup.py",))))
    assert [fix.description.partition("\n")[0] for fix in only(index).fixes] == ["Pin"]

    learn(index, failed(**run(1, "till")), passed(**run(3, "till", parent_sha="c2", **fix_in("till", "Merge"))))
    assert [fix.description.partition("\n")[0] for fix in only(index).fixes] == ["Pin"]
