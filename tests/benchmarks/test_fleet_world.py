from __future__ import annotations

import ast
import json
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

from ci_memory_producers.events import EVENT, FailureEvent, PassEvent
from fleet_generate import generate
from fleet_noise import drifted, noisy
from fleet_played import Learned, Played, Told
from fleet_rivals import Recipe, chance, signature
from fleet_score import calibration, flaky_precision, flaky_recall, hidden, learned_right, llm_calls, right_fix
from fleet_texts import bases
from fleet_world import DAY_MS, HOUR_MS, START_MS, Arrival, Report, Size, World

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
GENERATOR = ("world", "noise", "texts", "plan", "run", "writing", "repository", "generate")
SIZE = Size(repos=16, days=16, causes=40)


@pytest.fixture(scope="module")
def world() -> World:
    return generate(SIZE, seed=7)


def failures(world: World) -> list[tuple[Arrival, FailureEvent]]:
    return [(arrival, arrival.event) for arrival in world.arrivals if isinstance(arrival.event, FailureEvent)]


def wire(world: World) -> list[str]:
    """All that reaches the memory, as text."""
    return [
        f"{one.ms} {one.cause} {one.event if isinstance(one.event, Report) else one.event.model_dump_json()}"
        for one in world.arrivals
    ]


def test_the_same_seed_makes_the_same_world(world: World) -> None:
    again = generate(SIZE, seed=7)

    assert wire(world) == wire(again)
    assert world.truth == again.truth


def test_another_seed_makes_another_world(world: World) -> None:
    assert wire(world)[:50] != wire(generate(SIZE, seed=8))[:50]


@pytest.mark.parametrize("name", GENERATOR)
def test_the_generator_shares_no_code_with_what_it_tests(name: str) -> None:
    tree = ast.parse((BENCHMARKS / f"fleet_{name}.py").read_text("utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}

    ours = {module for module in imported if module.startswith("ci_memory")}
    assert ours <= {"ci_memory_producers.events"}
    assert {module for module in imported if module.startswith("fleet")} <= {f"fleet_{one}" for one in GENERATOR}


def test_arrivals_are_in_order_and_their_events_are_not(world: World) -> None:
    times = [arrival.ms for arrival in world.arrivals]
    runs: dict[str, list[int]] = defaultdict(list)
    for arrival in world.arrivals:
        if not isinstance(arrival.event, Report):
            runs[arrival.event.repo].append(arrival.event.run_number or 0)

    assert times == sorted(times)
    assert any(numbers != sorted(numbers) for numbers in runs.values())


def test_every_failure_has_a_cause_and_nothing_else_of_a_build_has_one(world: World) -> None:
    for arrival in world.arrivals:
        if isinstance(arrival.event, FailureEvent):
            assert arrival.cause in world.causes
        elif isinstance(arrival.event, PassEvent):
            assert arrival.cause == ""


def test_events_satisfy_the_contract_and_repeated_ones_are_the_same(world: World) -> None:
    by_id: dict[str, str] = {}
    for arrival in world.arrivals:
        if not isinstance(arrival.event, Report):
            data = arrival.event.model_dump_json()
            assert EVENT.validate_json(data) == arrival.event
            assert by_id.setdefault(arrival.event.event_id, data) == data

    sent = sum(not isinstance(arrival.event, Report) for arrival in world.arrivals)
    assert sent - len(by_id) == world.truth.done["pushed twice"] > 0


def test_an_attempt_never_both_fails_and_passes(world: World) -> None:
    kinds: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for arrival in world.arrivals:
        if not isinstance(arrival.event, Report):
            kinds[arrival.event.build_id, arrival.event.job, arrival.event.attempt].add(arrival.event.kind)

    assert all(len(found) == 1 for found in kinds.values())


def test_what_is_broken_never_passes_with_the_same_code(world: World) -> None:
    broken, passed = set(), set()
    for arrival in world.arrivals:
        event = arrival.event
        if isinstance(event, FailureEvent) and world.causes[arrival.cause].fixed_by_commit:
            broken.add((event.repo, event.job, event.build_id))
        elif isinstance(event, PassEvent):
            passed.add((event.repo, event.job, event.build_id))

    assert broken
    assert not broken & passed


def test_what_is_flaky_passes_with_the_same_code(world: World) -> None:
    flaky, passed = set(), set()
    for arrival in world.arrivals:
        event = arrival.event
        if isinstance(event, FailureEvent) and world.causes[arrival.cause].kind == "flaky":
            flaky.add((event.repo, event.job, event.commit_sha))
        elif isinstance(event, PassEvent):
            passed.add((event.repo, event.job, event.commit_sha))

    assert flaky & passed


def test_a_fix_is_seen_only_after_its_failure(world: World) -> None:
    first: dict[str, int] = {}
    for arrival, _ in failures(world):
        first.setdefault(arrival.cause, arrival.ms)

    fixed = {cause: ms for cause, ms in world.truth.first_fixed_ms.items() if cause in first}
    assert len(fixed) > SIZE.causes / 3
    assert all(ms > first[cause] - 6 * HOUR_MS for cause, ms in fixed.items()), "events are up to six hours late"
    assert not {cause for cause in fixed if world.causes[cause].kind in ("flaky", "outage")}


def test_words_of_fixes_belong_to_their_causes_alone(world: World) -> None:
    for words, causes in world.truth.says.items():
        assert words not in world.truth.roles
        # A commit that fixes two causes at once fixes one whose error another commit has merely changed.
        assert 1 <= len(causes) <= 2


def test_outbreaks_hit_many_repositories_within_minutes(world: World) -> None:
    assert world.outbreaks
    for outbreak in world.outbreaks:
        hit = {
            event.repo
            for arrival, event in failures(world)
            if arrival.cause == outbreak.cause_id and outbreak.start_ms <= arrival.ms <= outbreak.start_ms + HOUR_MS
        }
        assert len(hit) >= 8


def test_noise_changes_a_text_and_keeps_what_it_says() -> None:
    text = 'Traceback\n  File "/tmp/x1/app.py", line 10, in load\nKeyError: retry\n2024-02-03 10:11:12 pid 4242 took in 3.2 s'

    one, two = (noisy(text, Random(seed), ms=START_MS + seed * HOUR_MS, day=seed, style=0) for seed in (1, 2))

    assert one != two
    assert "KeyError: retry" in one
    assert "KeyError: retry" in two
    assert "4242" not in one


def test_drift_changes_the_text_itself() -> None:
    assert drifted("Error: src/a.py failed to load", Random(1)) != "Error: src/a.py failed to load"


def test_real_failures_are_used_where_given(tmp_path: Path) -> None:
    rows = [{"group": f"g{i}", "text": f"not ok {i} parallel/test-made-up-{i}\n  ---\n  severity: fail"} for i in range(40)]
    (tmp_path / "grouping").mkdir()
    (tmp_path / "grouping" / "nodejs_reliability.dev.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")

    made = bases(Random(1), 20, tmp_path)

    assert sum(base.source == "nodejs_reliability" for base in made) == 15
    assert len({base.text for base in made}) == 20


def perfect(world: World) -> Played:
    """A memory that knows the truth."""
    played = Played("perfect")
    words = {cause: said for said, causes in world.truth.says.items() for cause in causes}
    for arrival, _ in failures(world):
        fix = words.get(arrival.cause, "")
        played.told.append((arrival, Told(known=True, fix=fix, confidence=1.0 if fix else 0.0, trials=(1, 0, 0))))
        played.calls[arrival.cause] = 1
    played.flaky = {one.cause_id for one in world.causes.values() if one.kind == "flaky"}
    played.learned = [Learned(frozenset({cause}), said, 1, 0, 0) for cause, said in words.items()]
    return played


def test_a_memory_that_knows_the_truth_scores_full_marks(world: World) -> None:
    played = perfect(world)

    assert right_fix(world, played).value == 1.0
    assert learned_right(world, played).value == 1.0
    assert calibration(world, [(a, t) for a, t in played.told if t.fix]).value == 0.0
    assert flaky_precision(world, played.flaky).value == 1.0
    assert flaky_recall(world, played, played.flaky).value == 1.0
    assert hidden(world, played, throughout=False).value == 0.0
    assert llm_calls(world, played).value == 1.0


def test_a_memory_that_is_always_wrong_scores_none(world: World) -> None:
    played = perfect(world)
    played.told = [(a, Told(known=True, fix="Rename the moon", confidence=1.0, quarantined=True)) for a, _ in played.told]

    assert right_fix(world, played).value == 0.0
    assert calibration(world, played.told).value == 1.0
    regressions = hidden(world, played, throughout=True)
    assert regressions.value == regressions.n > 0


def test_the_recipe_beats_chance(world: World) -> None:
    by_rules, by_chance = right_fix(world, Recipe().play(world)), right_fix(world, chance(world))

    assert by_rules.n == by_chance.n > 50
    assert (by_rules.value or 0) > (by_chance.value or 0) + 0.1


def test_a_signature_is_the_stage_and_the_head_of_the_masked_error() -> None:
    event = FailureEvent(repo="a/b", build_id="1", stage="test", error_message="/srv/x/app.py line 12: got 401 " + "z" * 200)

    assert signature(event) == "test:" + ("app.py line N: got N " + "z" * 200)[:100]


def test_a_story_lasts_as_long_as_it_should(world: World) -> None:
    assert (SIZE.days - 3) * DAY_MS < world.seconds * 1000 < (SIZE.days + 1) * DAY_MS
