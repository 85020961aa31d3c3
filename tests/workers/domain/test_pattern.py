"""What makes two reports the same fix."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.domain.pattern import fix_identity


def test_the_same_commit_is_the_same_fix_whatever_it_is_called() -> None:
    assert fix_identity("code_change", "pin urllib3", "ABC123") == fix_identity("code_change", "urllib3 pinned", "abc123")


def test_without_a_commit_the_words_count_but_not_their_case_and_spacing() -> None:
    assert fix_identity("config_change", "Set  AUTH_TOKEN\n", "") == fix_identity("config_change", "set auth_token", "")
    assert fix_identity("config_change", "set AUTH_TOKEN", "") != fix_identity("config_change", "set AUTH_USER", "")


def test_another_type_or_another_commit_is_another_fix() -> None:
    assert fix_identity("code_change", "x", "abc") != fix_identity("config_change", "x", "abc")
    assert fix_identity("code_change", "x", "abc") != fix_identity("code_change", "x", "abd")


@given(st.text(), st.text())
def test_any_text_makes_twelve_hex_digits(description: str, commit: str) -> None:
    identity = fix_identity("code_change", description, commit)

    assert len(identity) == 12
    assert int(identity, 16) >= 0
