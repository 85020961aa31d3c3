"""How the playbook is asked, and what is written into it."""

from __future__ import annotations

from ci_memory_workers.domain.match import playbook_query, reflection_text, strategy_text


def test_the_playbook_is_asked_with_category_the_beginning_of_the_error_and_stage() -> None:
    assert playbook_query("test_assertion", "E assert 401 == 200", "test") == "test_assertion E assert 401 == 200 test"


def test_of_a_long_error_only_the_first_200_characters_are_asked_for() -> None:
    assert playbook_query("unknown", "x" * 200 + "y" * 50, "build") == "unknown " + "x" * 200 + " build"


def test_a_reflection_says_what_failed_and_why() -> None:
    assert reflection_text("build_dependency", "build", "No module named 'acme'", "acme is missing", "not in the lock file") == (
        "build_dependency in build: No module named 'acme'\nacme is missing\nLikely cause: not in the lock file"
    )


def test_a_strategy_says_what_to_do_when() -> None:
    assert strategy_text("No module named 'acme'", "config_change", "add acme to the lock file") == (
        "When you see: No module named 'acme'\nfix by (config_change): add acme to the lock file"
    )
