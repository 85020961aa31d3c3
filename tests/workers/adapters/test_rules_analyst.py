from __future__ import annotations

import dataclasses
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_memory_producers.events import STAGES, Category, Diagnosis
from ci_memory_workers.adapters import rules_analyst
from ci_memory_workers.adapters.rules_analyst import RulesAnalyst, advice, read_facts
from ci_memory_workers.services.ports import Analyst, Candidate, FailureContext

CATEGORIES: tuple[Category, ...] = get_args(Category)
LIKELY = "Likely, by rules and not certain: "


def failure(text: str, category: Category = "unknown", signal: str = "", **fields: Any) -> FailureContext:
    base = FailureContext(pattern_id="pat_rules001", stage="test", category=category, signal=signal, error_message=text)
    return dataclasses.replace(base, **fields)


def diagnose(context: FailureContext) -> Diagnosis:
    analyst: Analyst = RulesAnalyst()
    return analyst.analyze(context, []).diagnosis


FAILURES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("rules_analyst_failures.toml").read_text("utf-8"))[
    "failure"
]


@pytest.mark.parametrize("written", FAILURES, ids=lambda written: written["name"])
def test_what_failed_and_what_to_do_are_named(written: dict[str, Any]) -> None:
    fields = {name: value for name, value in written.items() if name not in ("name", "summary", "fix", "text")}
    diagnosis = diagnose(failure(written["text"], **fields))
    for words in written["summary"]:
        assert words in diagnosis.summary
    for words in written["fix"]:
        assert words in diagnosis.suggested_fix
    assert diagnosis.likely_cause.startswith((LIKELY, "Not known"))


def test_the_failures_cover_every_category() -> None:
    assert {written["category"] for written in FAILURES} == set(CATEGORIES)


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_advice_for_a_text_that_names_nothing(category: Category) -> None:
    diagnosis = diagnose(failure("it went wrong somehow", category))
    assert "it went wrong somehow" in diagnosis.summary
    assert diagnosis.likely_cause.startswith("Not known" if category == "unknown" else LIKELY)


def test_a_category_that_single_words_gave_is_called_a_guess() -> None:
    assert diagnose(failure("no memory of it", "environment_resource", "word_resource")).likely_cause.startswith("A guess")


def test_a_failure_that_no_rule_knows_is_quoted_and_not_explained() -> None:
    diagnosis = diagnose(failure("frobnicator: the gear is jammed", stage="build"))
    assert diagnosis.summary == (
        'The build stage failed, in a way that no rule knows. The log says: "frobnicator: the gear is jammed"'
    )
    assert diagnosis.likely_cause.startswith("Not known to the rules")


def test_what_is_said_is_not_quoted_again() -> None:
    diagnosis = diagnose(failure("Error: the gear is jammed.", "build_compilation"))
    assert diagnosis.summary == "The code does not compile: the gear is jammed."


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_generic_text_is_said_to_say_nothing(category: Category) -> None:
    diagnosis = diagnose(failure("Process completed with exit code 1.", category, generic=True))
    assert "names no specific failure" in diagnosis.summary
    assert diagnosis.likely_cause == "Not known: the log does not say why."
    assert "the command that failed and its exit code" in diagnosis.suggested_fix


@pytest.mark.parametrize(
    ("code", "says"), [(137, "SIGKILL"), (139, "SIGSEGV"), (143, "SIGTERM"), (127, "not found"), (124, "too long")]
)
def test_an_exit_code_says_what_the_log_does_not(code: int, says: str) -> None:
    known = diagnose(failure("make: *** [all] gone", exit_code=code))
    read = diagnose(failure(f"##[error]Process completed with exit code {code}.", generic=True))
    assert says in known.likely_cause
    assert says in read.likely_cause


def test_an_exit_code_that_says_nothing_is_not_mentioned() -> None:
    assert "exit code" not in diagnose(failure("boom", exit_code=1)).likely_cause


def test_a_changed_file_that_the_log_names_is_pointed_at() -> None:
    text = 'File "pay/charge.py", line 88\nSyntaxError: invalid syntax'
    changed = failure(text, "build_compilation", "syntax_error", changed_files=("docs/a.md", "pay/charge.py"))
    assert "pay/charge.py was changed in this build" in diagnose(changed).likely_cause
    assert "was changed" not in diagnose(dataclasses.replace(changed, changed_files=("docs/a.md",))).likely_cause


def test_the_headline_is_read_before_the_rest_and_quoted() -> None:
    text = "ModuleNotFoundError: No module named 'first'\nModuleNotFoundError: No module named 'second'"
    context = failure(text, "build_dependency", headline="ModuleNotFoundError: No module named 'second'")
    diagnosis = diagnose(context)
    assert diagnosis.summary.startswith("second is not there")
    assert "The log says: \"ModuleNotFoundError: No module named 'second'\"" in diagnosis.summary


def test_rules_never_take_a_failure_for_another() -> None:
    candidate = Candidate("pat_known001", "mem-1", "No module named 'yaml'", 0.9, "reflection")
    answer = RulesAnalyst().analyze(failure("No module named 'yaml'", "build_dependency"), [candidate])
    assert (answer.analyst, answer.same_as, answer.reason) == ("rules", None, "")


def test_what_a_log_names_is_bounded_visible_and_cannot_open_a_slot() -> None:
    text = "ModuleNotFoundError: No module named '{stage}.[{test}]\x1b[31m" + "x" * 5_000 + "'"
    assert diagnose(failure(text, "build_dependency")).summary
    facts = read_facts(failure("Cannot find module '" + "y{stage}\u202e" * 2_000 + "'"))
    assert len(facts["module"]) <= rules_analyst.MAX_SLOT
    assert facts["module"].startswith("y{stage}y{stage}")
    said = diagnose(failure("Cannot find module '{stage}'", "build_dependency"))
    assert "{stage} is not there" in said.summary


TEXTS = st.one_of(
    st.text(max_size=600),
    st.lists(
        st.sampled_from([*(written["text"] for written in FAILURES), "\ud800", "\x00", "[", "]|{x}", "'" * 50]), max_size=6
    ).map("\n".join),
)


@settings(deadline=None)
@given(
    text=TEXTS,
    trace=TEXTS,
    headline=st.text(max_size=200),
    category=st.sampled_from(CATEGORIES),
    signal=st.sampled_from(["", "no_such_signal", *sorted({name for row in advice() for name in row.signals})]),
    stage=st.sampled_from(STAGES),
    code=st.none() | st.integers(-300, 300),
    generic=st.booleans(),
    files=st.lists(st.text(max_size=80), max_size=3).map(tuple),
)
def test_any_failure_gets_four_bounded_texts(
    text: str,
    trace: str,
    headline: str,
    category: Category,
    signal: str,
    stage: Any,
    code: int | None,
    generic: bool,
    files: tuple[str, ...],
) -> None:
    context = failure(
        text,
        category,
        signal,
        stack_trace=trace,
        headline=headline,
        stage=stage,
        exit_code=code,
        generic=generic,
        changed_files=files,
        test_id=headline,
    )
    diagnosis = diagnose(context)
    for field in Diagnosis.model_fields:
        assert 10 < len(getattr(diagnosis, field)) <= rules_analyst.MAX_FIELD
        getattr(diagnosis, field).encode()


# The two tables.


def slots(text: str) -> set[str]:
    return set(re2.findall(r"\{(\w+)\}", text))


def test_every_slot_of_advice_can_be_filled() -> None:
    table = tomllib.loads(resources.files(rules_analyst.__package__).joinpath("facts.toml").read_text())
    known = set(rules_analyst.ALWAYS).union(*(re2.compile(pattern).groupindex for pattern in table["facts"]))
    for row in advice():
        assert row.needs | row.category_needs <= known
        for text in row.texts.values():
            assert slots(text) <= known
            assert slots(re2.sub(r"\[[^\[\]]*\]", "", text)) <= row.needs | rules_analyst.ALWAYS


def test_no_markup_of_advice_is_left_in_what_is_said() -> None:
    for row in advice():
        for filled in (row.needs, {slot for text in row.texts.values() for slot in slots(text)}):
            facts = dict.fromkeys(filled, "x") | {"stage": "test"}
            for text in row.texts.values():
                assert not re2.search(r"[\[\]{}]|  |^\s| [.,:]", rules_analyst._fill(text, facts))


def test_every_signal_of_advice_is_the_name_of_a_rule() -> None:
    rules = tomllib.loads(resources.files("ci_memory_workers").joinpath("rules.toml").read_text())["rule"]
    named = {name for row in advice() for name in row.signals}
    assert named <= {rule["name"] for rule in rules}


def test_every_row_of_advice_is_taken_by_some_failure() -> None:
    for index, row in enumerate(advice()):
        facts = dict.fromkeys(row.needs | row.category_needs, "x")
        contexts = [failure("x", "unknown", signal) for signal in row.signals]
        contexts += [failure("x", category) for category in row.categories]  # type: ignore[arg-type]  # read from TOML
        assert any(rules_analyst._choose(context, facts) is row for context in contexts), f"row {index} is never reached"
