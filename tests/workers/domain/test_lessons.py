"""What was learned of runs, beside what they say now."""

from __future__ import annotations

from ci_memory_workers.domain.lessons import Plan, plan
from ci_memory_workers.domain.transitions import Attempt, transitions

PATTERN = "pat_a"


def run(number: int, *, failed: bool, commit: str = "") -> Attempt:
    return Attempt(
        run=number,
        attempt=1,
        commit=commit or f"c{number}",
        ms=1_000 * number,
        passed=not failed,
        patterns=frozenset({PATTERN} if failed else ()),
    )


def planned(attempts: list[Attempt], before: dict[str, str]) -> Plan:
    return plan("line", attempts, [(one, False) for one in transitions(attempts)], before)


FAILED = [run(1, failed=True), run(2, failed=True)]
PASSED = [run(3, failed=False)]


def test_what_is_known_is_not_recorded_again() -> None:
    known = planned(FAILED + PASSED, {}).known

    again = planned(FAILED + PASSED, known)

    assert (again.lessons, again.mistakes, again.known) == ((), (), known)


def test_what_may_have_been_recorded_by_who_died_is_recorded_again() -> None:
    first = planned(FAILED + PASSED, {})

    again = planned(FAILED + PASSED, first.intended({}))

    assert (again.lessons, again.mistakes) == (first.lessons, ())


def test_a_streak_that_began_earlier_takes_the_place_of_what_it_was() -> None:
    before = planned(FAILED[1:] + PASSED, {})

    (lesson,) = planned(FAILED + PASSED, before.known).lessons

    assert lesson.formers == (before.lessons[0].transition_id,)


def test_what_is_parted_is_recorded_from_the_latest_pass_on() -> None:
    before = planned([*FAILED, run(4, failed=False)], {})
    attempts = [*FAILED, Attempt(run=1, attempt=2, commit="c1", ms=1_500, passed=True), run(4, failed=False)]

    later, earlier = planned(attempts, before.known).lessons

    assert (later.transition.passing.run, later.formers) == (4, (before.lessons[0].transition_id,))
    assert (earlier.kind, earlier.formers) == ("attempt", ())


def test_what_turns_out_to_be_a_rerun_is_first_taken_back_as_a_fix() -> None:
    before = planned([FAILED[0], run(4, failed=False, commit="c2")], {})

    after = planned([*FAILED, run(4, failed=False, commit="c2")], before.known)

    assert [(one.pattern_id, one.transition_id, one.commit) for one in after.mistakes] == [
        (PATTERN, before.lessons[0].transition_id, "c2")
    ]
    assert [one.kind for one in after.lessons] == ["rerun"]


def test_what_was_learned_of_runs_that_are_no_longer_kept_stays_as_it_was() -> None:
    before = planned(FAILED + PASSED, {})

    after = planned(FAILED[1:] + PASSED, before.known)

    assert (after.lessons, after.mistakes, after.known) == ((), (), before.known)


def test_what_none_of_the_runs_shows_any_more_is_forgotten() -> None:
    before = planned(FAILED + PASSED, {})

    after = planned([run(4, failed=False)], before.known)

    assert after.forgotten == ((PATTERN, before.lessons[0].transition_id),)


def test_what_a_merged_pattern_has_left_to_another_is_not_forgotten() -> None:
    (key, said), *_ = planned(FAILED + PASSED, {}).known.items()
    before = {key.replace(PATTERN, "pat_merged"): said}

    after = planned(FAILED + PASSED, before)

    assert (after.forgotten, [one.key for one in after.lessons]) == ((), [key])
