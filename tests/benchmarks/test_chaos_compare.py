"""The comparison finds what was lost, doubled, or is otherwise, and nothing in two runs that agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy

from chaos_compare import Kind, by_field, differences, faults
from chaos_outcome import Held, Outcome
from chaos_plan import Plan
from chaos_planner import make_plan

PLAN = make_plan(1, 1_000, 6, acts=4)


def perfect(plan: Plan) -> Outcome:
    """What a run leaves that did everything once; a disguised cause is one with the one that it is."""
    keys = [cause.identity for cause in plan.causes]
    found = Outcome(ids={number: f"pat_{keys.index(key):06}" for number, key in enumerate(keys)})
    for number, key in enumerate(keys):
        events = {event_id for other, one in enumerate(keys) if one == key for event_id in plan.failures[other]}
        found.patterns[number] = {
            "occurrence_count": str(len(events)),
            "match_votes": "2",
            "analysed": "final",
            "status": "deprecated" if number in plan.over else "unresolved",
            "changed files": [plan.changed[number]] if plan.changed.get(number) else [],
        }
        found.held[number] = Held(int(number not in plan.over), Counter(), {"occurrence_count": len(events)})
        found.held[number].votes["reflection", "helpful", "matched in build acme/shop#1"] = 1
        found.new[number] = int(keys.index(key) == number)
        found.answers |= {event_id: {"category": "unknown", "provisional": False} for event_id in plan.failures[number]}
        found.census[number] = {"suggested_fix": f"Mend {key}."}
    found.dead = dict.fromkeys(plan.rejected, "invalid_event: not JSON")
    found.receipts = {fix.event_id: "recorded" for act in plan.acts for fix in act.fixes}
    found.sums = {"one records": sum(map(len, plan.failures)) + plan.passes, "one diagnosed": len(set(keys)), "one failures": 7}
    return found


def told(outcome: Outcome) -> Mapping[tuple[Kind, str], int]:
    return by_field([*faults(PLAN, outcome), *differences(PLAN, perfect(PLAN), outcome)])


def test_a_run_like_the_plan_says_has_no_faults_and_differs_in_nothing() -> None:
    assert told(perfect(PLAN)) == {}


def test_what_is_missing_is_lost() -> None:
    found = perfect(PLAN)
    first = next(iter(PLAN.failures[0]))
    found.unanswered.append(first)
    found.dead.pop(next(iter(PLAN.rejected)))
    found.patterns[0] |= {"occurrence_count": str(len(PLAN.failures[0]) - 3), "analysed": "provisional"}
    found.held[0] = Held(0, Counter(), {})
    found.receipts = dict.fromkeys(found.receipts, "none")

    lost = {field: count for (kind, field), count in told(found).items() if kind == "lost"}

    assert (lost["answer"], lost["dead letter"], lost["analysis"], lost["live reflections"]) == (1, 1, 1, 1)
    assert lost["receipt"] == len(found.receipts)
    assert lost["occurrences"] == lost["occurrence_count"] == 3


def test_what_is_too_much_is_doubled() -> None:
    found = perfect(PLAN)
    found.dead_twice.append("1-1")
    found.held[0] = Held(2, Counter({"fix": 2}), found.held[0].said)
    found.held[0].votes["reflection", "helpful", "matched in build acme/shop#1"] = 3
    found.patterns[0]["match_votes"] = "3"
    found.new[0] = 2
    found.sums["one failures"] = 9

    doubled = {field: count for (kind, field), count in told(found).items() if kind == "doubled"}

    assert doubled == {
        "answered as new": 1,
        "dead letter": 1,
        "failures": 2,
        "live reflections": 1,
        "live strategies": 1,
        "match_votes": 1,
        "votes in Aegis": 2,
    }


def test_what_is_otherwise_differs_by_its_field() -> None:
    found = deepcopy(perfect(PLAN))
    found.patterns[0]["status"] = "flaky"
    found.census[0]["suggested_fix"] = "Wait."
    event_id = next(iter(PLAN.failures[0]))
    found.answers[event_id]["provisional"] = True

    assert told(found) == {
        ("differing", "answer: provisional"): 1,
        ("differing", "census: suggested_fix"): 1,
        ("differing", "pattern: status"): 1,
    }


def test_two_causes_in_one_pattern_are_lost() -> None:
    found = perfect(PLAN)
    found.ids[1] = found.ids[0]

    assert told(found)["lost", "pattern"] == 1


def test_what_came_back_is_compared_but_for_jobs_whose_runs_come_in_any_order() -> None:
    shuffled = min(PLAN.shuffled)
    found = perfect(PLAN)
    for cause in (0, shuffled):
        found.patterns[cause]["recurred"] = "1"
        found.census[cause] = {**found.census[cause], "message": "Known. The failure came back in 1 builds since."}
    clean = perfect(PLAN)
    for cause in (0, shuffled):
        clean.census[cause] = {**clean.census[cause], "message": "Known."}

    differing = by_field([*differences(PLAN, clean, found)])

    assert 0 not in PLAN.shuffled
    assert differing == {("differing", "pattern: recurred"): 1, ("differing", "census: message"): 1}
