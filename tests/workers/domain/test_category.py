from __future__ import annotations

from importlib.resources import files
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_producers.events import Category, Stage
from ci_memory_workers.domain.category import Categorizer, InvalidRule, Rule, Verdict, parse_rules

RULES = parse_rules(files("ci_memory_workers").joinpath("rules.toml").read_text(encoding="utf-8"))
CATEGORIZER = Categorizer(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_packaged_rule_decides_its_example(rule: Rule) -> None:
    verdict = CATEGORIZER.categorize(rule.example, rule.example_stage)
    assert (rule.category, rule.name) == (verdict.category, verdict.signal)
    assert verdict.why.startswith(f"{rule.name}: ")


def test_packaged_rules_have_names_of_their_own_and_reach_every_category() -> None:
    names = [rule.name for rule in RULES]
    assert sorted(set(names)) == sorted(names)
    assert {rule.category for rule in RULES} == set(get_args(Category)) - {"unknown"}


@pytest.mark.parametrize(
    ("text", "stage", "category", "signal"),
    [
        ("E   assert 401 == 200", "test", "test_assertion", "assertion"),
        (
            "[ERROR] COMPILATION ERROR :\n[ERROR] A.java:[3,5] cannot find symbol\ntests expected",
            "test",
            "build_compilation",
            "missing_symbol",
        ),
        ("ModuleNotFoundError: No module named 'yaml'", "deploy", "build_dependency", "missing_module"),
        ("curl: (22) The requested URL returned error: 503", "build", "integration_timeout", "registry_5xx"),
        ("HTTP 401 Unauthorized", "deploy", "integration_auth", "bad_credentials"),
        (
            "Warning  FailedScheduling  0/6 nodes are available: 6 Insufficient cpu.",
            "deploy",
            "deployment_resource",
            "unschedulable",
        ),
        ('Back-off pulling image "shop/api:1.4"', "deploy", "deployment_config", "image_pull"),
        ("error: timed out waiting for the condition", "deploy", "deployment_resource", "rollout_stuck"),
        ("timed out waiting for the condition", "verify", "deployment_resource", "rollout_stuck"),
        ("Error: UPGRADE FAILED: cannot patch", "deploy", "deployment_config", "helm"),
        ("not ok 3 parallel/test-x\n  ---\n  severity: fail\n  connect ECONNREFUSED", "test", "test_assertion", "failed_test"),
    ],
)
def test_what_the_text_is_decides_before_stage_and_words(text: str, stage: Stage, category: Category, signal: str) -> None:
    verdict = CATEGORIZER.categorize(text, stage)
    assert (category, signal) == (verdict.category, verdict.signal)


@pytest.mark.parametrize(
    ("text", "stage", "category"),
    [
        ("an intermittent hiccup", "test", "test_flaky"),
        ("the total should be four", "test", "test_assertion"),
        ("a broken dependency", "build", "build_dependency"),
        ("wrong type somewhere", "build", "build_compilation"),
        ("look at the environment", "deploy", "environment_config"),
        ("the disk is slow", "verify", "environment_resource"),
        ("the connection is bad", "verify", "integration_timeout"),
        ("MissingAuthToken", "deploy", "integration_auth"),
        ("cart_secret_rotation", "build", "environment_config"),
    ],
)
def test_where_nothing_structural_speaks_the_recipes_words_decide(text: str, stage: Stage, category: Category) -> None:
    assert category == CATEGORIZER.categorize(text, stage).category


@pytest.mark.parametrize(
    "text", ["a prototype broke", "envelope", "diskette", "connectionless protocol", "authorship", "1401 items", ""]
)
def test_words_match_whole_words_only(text: str) -> None:
    assert Verdict("unknown", "", "no rule matches") == CATEGORIZER.categorize(text, "build")


def test_a_failure_that_a_test_framework_reported_is_a_failed_test() -> None:
    assert CATEGORIZER.categorize("nope", "test", test_id="tests/test_a.py::test_b").category == "test_assertion"


def test_colour_codes_do_not_hide_the_text() -> None:
    assert CATEGORIZER.categorize("\x1b[31mNo space left\x1b[0m on device", "build").signal == "disk_full"


def test_a_users_rules_come_first() -> None:
    own = parse_rules('[[rule]]\nname = "licence_server"\ncategory = "environment_config"\npatterns = ["no space left"]')
    assert Categorizer((*own, *RULES)).categorize("no space left on device", "build").signal == "licence_server"


def test_a_rule_with_unless_gives_way() -> None:
    rules = parse_rules('[[rule]]\nname = "slow"\ncategory = "test_flaky"\npatterns = ["slow"]\nunless = ["very"]')
    assert Categorizer(rules).categorize("slow", "test").signal == "slow"
    assert Categorizer(rules).categorize("very slow", "test").signal == ""


def test_without_rules_everything_is_unknown() -> None:
    assert Categorizer(()).categorize("No space left on device", "build").category == "unknown"


@given(st.text(max_size=2_000), st.sampled_from(["build", "test", "deploy", "verify"]))
def test_any_text_has_a_category(text: str, stage: Stage) -> None:
    assert CATEGORIZER.categorize(text, stage).category in get_args(Category)


@pytest.mark.parametrize(
    ("toml", "rule", "field"),
    [
        ("[[rule]", "(the file)", "(syntax)"),
        ("rule = 3", "(the file)", "rule"),
        ("rule = [3]", "number 1", "rule"),
        ('[[rule]]\ncategory = "unknown"', "number 1", "name"),
        ('[[rule]]\nname = "Bad Name"', "number 1", "name"),
        ('[[rule]]\nname = "disk"\ncategory = "nope"', "disk", "category"),
        ('[[rule]]\nname = "disk"\ncategory = "unknown"', "disk", "patterns"),
        ('[[rule]]\nname = "disk"\ncategory = "unknown"\npatterns = "x"', "disk", "patterns"),
        ('[[rule]]\nname = "disk"\ncategory = "unknown"\npatterns = ["("]', "disk", "patterns"),
        ('[[rule]]\nname = "disk"\ncategory = "unknown"\npatterns = ["x"]\nunless = ["(?=x)"]', "disk", "unless"),
        ('[[rule]]\nname = "disk"\ncategory = "unknown"\npatterns = ["x"]\nwords = ["y"]', "disk", "patterns"),
        ('[[rule]]\nname = "disk"\ncategory = "unknown"\npatterns = ["x"]\nstages = ["lint"]', "disk", "stages"),
        ('[[rule]]\nname = "disk"\ncategory = "unknown"\npatterns = ["x"]\nexample = 3', "disk", "example"),
        ('[[rule]]\nname = "disk"\ncategory = "unknown"\npatterns = ["x"]\nexample_stage = "lint"', "disk", "example_stage"),
        ('[[rule]]\nname = "disk"\ncategory = "unknown"\npattern = ["x"]', "disk", "pattern"),
    ],
)
def test_a_broken_rule_is_refused_with_its_name_and_field(toml: str, rule: str, field: str) -> None:
    with pytest.raises(InvalidRule) as refused:
        parse_rules(toml)
    assert (rule, field) == (refused.value.rule, refused.value.field)
    assert rule in str(refused.value)
    assert field in str(refused.value)
