"""A policy in a TOML file: what it leaves out is as it is now, and what makes no sense is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci_memory_workers.commands.policy_file import InvalidPolicy, read_policy
from ci_memory_workers.domain.flaky import QuarantinePolicy
from ci_memory_workers.domain.replay import Policy
from ci_memory_workers.settings import Settings

CURRENT = Policy(QuarantinePolicy(ratio=0.4, days=3), aging_days=60, sweep_ms=1_000)


def read(tmp_path: Path, text: str | bytes) -> Policy:
    path = tmp_path / "policy.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_policy(path, CURRENT)


def test_what_it_says_takes_the_place_of_what_is_in_force_and_the_rest_stays(tmp_path: Path) -> None:
    assert read(tmp_path, "") == CURRENT
    assert read(tmp_path, "min_episodes = 5\nratio = 1\naging_days = 30\n") == Policy(
        QuarantinePolicy(ratio=1.0, days=3, min_episodes=5), aging_days=30, sweep_ms=1_000
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ratio = 1.5", "ratio: Input should be less than or equal to 1"),
        ("ratio = nan", "ratio: Input should be"),
        ('days = "7"', "days: Input should be a valid integer"),
        ("min_episodes = true", "min_episodes: Input should be a valid integer"),
        ("min_episodes = 0\nmost = -1", "min_episodes: Input should be greater than or equal to 1; most: Input should be"),
        ("treshold = 1", "treshold: is no key of a policy; these are: ratio, min_episodes"),
        ("[quarantine]\nratio = 1", "quarantine: is no key of a policy"),
        ("ratio = ", "is no TOML"),
        (b"\xff\xfe", "is no TOML"),
    ],
)
def test_what_makes_no_sense_is_named_with_its_file(tmp_path: Path, text: str | bytes, problem: str) -> None:
    with pytest.raises(InvalidPolicy, match=r"policy\.toml: ") as refused:
        read(tmp_path, text)

    assert problem in str(refused.value)


def test_it_has_the_bounds_of_the_settings(tmp_path: Path) -> None:
    for name in ("ratio", "min_episodes", "leave_ratio", "clean_runs", "days", "most"):
        for value in (-1, 0, 1, 2):
            text = f"{name} = {value}"
            try:
                Settings.model_validate({f"quarantine_{name}": value})
            except ValueError:
                with pytest.raises(InvalidPolicy):
                    read(tmp_path, text)
            else:
                assert getattr(read(tmp_path, text).quarantine, name) == value
