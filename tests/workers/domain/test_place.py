"""What an answer shows of a pattern depends on the place of the failure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import pattern

from ci_memory_workers.domain.pattern import Fix, Pattern
from ci_memory_workers.domain.place import as_it_is_there, depends_on_place
from ci_memory_workers.domain.transitions import STICKS_MS, Attempt

HERE = "acme/shop"
TRIED = Fix("tried", "code_change", "wait longer", "c2", "", HERE, 2, learned=True, learned_worked=1)
OTHER = replace(TRIED, fix_id="other", description="close the socket", commit="d2", repo="acme/cart", resolved_ms=1)


def known(**fields: object) -> Pattern:
    return pattern(**{"fix": TRIED, "fixes": (TRIED, OTHER)} | fields)


def run(number: int, *, failed: bool) -> Attempt:
    patterns = frozenset({known().pattern_id} if failed else ())
    return Attempt(number, 1, f"c{number}", number, not failed, patterns)


BACK = [run(1, failed=True), run(2, failed=False), run(3, failed=True)]


def test_a_fix_after_which_the_failure_is_back_here_gives_way_to_another() -> None:
    shown = as_it_is_there(known(), BACK, repo=HERE, ms=3, flaky_there=0)

    assert shown.fix == OTHER
    assert [fix.learned_failed for fix in shown.fixes] == [1, 0]


@pytest.mark.parametrize(("attempts", "repo"), [(BACK, "acme/cart"), (BACK[:2], HERE), ([run(3, failed=True)], HERE)])
def test_elsewhere_and_on_branches_that_never_had_it_a_fix_stays(attempts: list[Attempt], repo: str) -> None:
    assert as_it_is_there(known(), attempts, repo=repo, ms=3, flaky_there=0) == known()


def test_a_quarantine_holds_where_the_failure_was_flaky_and_until_it_is_broken() -> None:
    held = known(status="quarantined", fix=None, fixes=())
    once, twice = [run(3, failed=True)], [run(3, failed=True), run(4, failed=True)]

    assert as_it_is_there(held, once, repo=HERE, ms=4, flaky_there=2).status == "quarantined"
    assert as_it_is_there(held, once, repo=HERE, ms=4, flaky_there=1).status == "flaky"
    assert as_it_is_there(held, twice, repo=HERE, ms=4, flaky_there=2).status == "flaky"


def test_most_answers_look_at_no_runs() -> None:
    assert depends_on_place(known(), repo=HERE, ms=3)
    assert depends_on_place(known(status="quarantined", fix=None), repo="acme/cart", ms=3)
    assert not depends_on_place(known(), repo="acme/cart", ms=3)
    assert not depends_on_place(known(), repo=HERE, ms=3 + STICKS_MS)
    assert not depends_on_place(known(fix=None, fixes=()), repo=HERE, ms=3)
