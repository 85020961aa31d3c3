"""What the chaos benchmark plays is the same for the same seed, and says what must come of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import pytest
from pydantic import ValidationError

from chaos_planner import OUTBREAK_BUILDS, REPOSITORIES, make_plan
from chaos_rejected import MARKER_OF_NO_EVENT
from chaos_stories import TOUCHES, suites_of, watched_file
from chaos_strikes import VICTIMS, strikes
from chaos_texts import KEY, causes, disguised, suite
from ci_memory_producers.events import EVENT, MAX_EVENT_BYTES, FailureEvent, PassEvent
from ci_memory_workers.domain.fingerprint import fingerprint
from ci_memory_workers.domain.flaky import is_mass_failure
from ci_memory_workers.domain.mass_failure import incident
from ci_memory_workers.domain.similarity import Known, Texts

PLAN = make_plan(3, 4_000, 12)
BUILDS_OF_AN_OUTBREAK, REPOSITORIES_OF_AN_OUTBREAK = 8, 4


def test_a_seed_tells_the_whole_plan() -> None:
    again = make_plan(3, 4_000, 12)

    assert (again.acts, again.strikes, again.failures) == (PLAN.acts, PLAN.strikes, PLAN.failures)
    assert make_plan(4, 4_000, 12).acts != PLAN.acts


def test_as_many_events_are_pushed_as_were_asked_for() -> None:
    assert PLAN.size == 4_000


def test_what_is_no_event_is_told_from_what_is() -> None:
    markers = set()
    for payload in (payload for act in PLAN.acts for payload in act.payloads):
        marker = MARKER_OF_NO_EVENT.search(payload.decode(errors="replace"))
        try:
            EVENT.validate_json(payload)
        except ValidationError:
            assert marker
        else:
            assert not marker or marker[0].startswith("unknown") or len(payload) > MAX_EVENT_BYTES
        markers |= {marker[0]} if marker else set()
    assert markers == PLAN.rejected


def test_each_failure_and_pass_is_pushed_and_some_are_pushed_twice() -> None:
    pushed: Counter[str] = Counter()
    for payload in (*PLAN.long_ago, *(payload for act in PLAN.acts for payload in act.payloads)):
        if MARKER_OF_NO_EVENT.search(payload.decode(errors="replace")):
            continue
        event = EVENT.validate_json(payload)
        assert isinstance(event, FailureEvent | PassEvent)
        pushed[event.event_id] += 1
    failures = {event_id for events in PLAN.failures for event_id in events}

    assert failures <= pushed.keys()
    assert len(pushed) == len(failures) + PLAN.passes
    assert sum(count > 1 for count in pushed.values()) > 100


def test_only_what_should_be_an_outbreak_may_be_taken_for_one() -> None:
    for family, events in zip(PLAN.families, PLAN.failures, strict=True):
        repositories = {event.repo for event in events.values()}
        episodes = {(event.build_id, event.job) for event in events.values()}
        if family == "outbreak":
            assert len(repositories) == len(episodes) == OUTBREAK_BUILDS > BUILDS_OF_AN_OUTBREAK
        else:
            assert len(repositories) <= REPOSITORIES < REPOSITORIES_OF_AN_OUTBREAK


def test_who_fixed_something_came_after_it_failed() -> None:
    seen: defaultdict[int, int] = defaultdict(lambda: len(PLAN.acts))
    by_id = {event_id: cause for cause, events in enumerate(PLAN.failures) for event_id in events}
    for number, act in enumerate(PLAN.acts):
        for payload in act.payloads:
            if not MARKER_OF_NO_EVENT.search(payload.decode(errors="replace")):
                cause = by_id.get(EVENT.validate_json(payload).event_id, -1)
                seen[cause] = min(seen[cause], number)
        for fix in act.fixes:
            assert seen[fix.cause] <= number


@pytest.mark.parametrize("seed", [1, 2])
def test_the_failures_of_a_cause_are_one_and_no_two_causes_look_alike(seed: int) -> None:
    known, marks = Texts(), {}
    for cause in causes(seed, 120):
        of_cause = {fingerprint(cause.log(n), stage=cause.stage, test_id=cause.test_id).value for n in (0, 7, 99, 1_234, 9_999)}
        assert len(of_cause) == 1
        mark = fingerprint(cause.log(1), stage=cause.stage, test_id=cause.test_id)
        assert mark.value not in marks
        found = known.nearest(mark.masked, stage=cause.stage, test_key=mark.test_key or "", generic=mark.generic)
        assert not any(one.accept for one in found)
        known.add(Known(cause.key, mark.masked, cause.stage, mark.test_key or "", mark.generic))
        marks[mark.value] = cause


def test_a_disguised_cause_is_another_failure_with_the_same_key() -> None:
    for cause in causes(1, 12):
        other = disguised(cause, Random(7))

        texts = [one.log(1) for one in (cause, other)]
        marks = {
            fingerprint(text, stage=cause.stage, test_id=one.test_id).value
            for text, one in zip(texts, (cause, other), strict=True)
        }
        assert len(marks) == 2
        assert all(cause.key in text for text in texts)
        assert cause.key.startswith(KEY)


def test_a_suite_that_breaks_is_an_incident_of_as_many_failures_as_it_has_tests() -> None:
    runs: defaultdict[str, set[str]] = defaultdict(set)
    marks = set()
    for cause, family, events in zip(PLAN.causes, PLAN.families, PLAN.failures, strict=True):
        if family != "suite":
            continue
        marks.add(fingerprint(cause.log(1), stage=cause.stage, test_id=cause.test_id).value)
        for event in events.values():
            if event.run_totals:
                assert is_mass_failure(event.run_totals)
                runs[event.build_id].add(incident(event.build_id, event.error_message, ""))

    suites, tests = suites_of(4_000)
    assert len(marks) == suites * tests
    assert len(runs) == 2 * suites
    assert all(len(incidents) == 1 for incidents in runs.values())


def test_no_test_of_a_suite_looks_like_another() -> None:
    known = Texts()
    for cause in suite(1, 0, 12):
        mark = fingerprint(cause.log(1), stage=cause.stage, test_id=cause.test_id)
        found = known.nearest(mark.masked, stage=cause.stage, test_key=mark.test_key or "", generic=mark.generic)
        assert not any(one.accept for one in found)
        known.add(Known(cause.test_id, mark.masked, cause.stage, mark.test_key or "", mark.generic))


def test_fixes_have_files_that_later_commits_change_or_seem_to() -> None:
    assert len(PLAN.changed) >= len(TOUCHES)
    assert 0 < sum(map(bool, PLAN.changed.values())) < len(PLAN.changed)
    assert all(
        fix.files == (watched_file(PLAN.causes[fix.cause]),)
        for act in PLAN.acts
        for fix in act.fixes
        if fix.cause in PLAN.changed
    )


def test_some_failures_are_over_since_long_and_some_are_back() -> None:
    aged = {cause for cause, family in enumerate(PLAN.families) if family == "aged"}

    assert PLAN.long_ago
    assert set() < PLAN.over < aged


def test_strikes_are_even_over_victims_and_events() -> None:
    found = strikes(Random(1), 60_000, 30, longest_hang=4.0)

    assert Counter(one.victim for one in found) == dict.fromkeys(VICTIMS, 5)
    assert [one.at // 2_000 for one in found] == list(range(30))
    assert {one.way for one in found} == {"kill", "hang", "hang, kill"}
