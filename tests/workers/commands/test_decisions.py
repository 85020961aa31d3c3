"""Who decides, where nobody says so: git's user.email, else $USER, never an invention."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci_memory_workers.commands.decisions import who_decides


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name in ("USER", "EMAIL", "GIT_AUTHOR_EMAIL"):
        monkeypatch.delenv(name, raising=False)


def test_what_is_said_outranks_git_and_git_outranks_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("USER", "dev")
    assert who_decides("") == "dev"
    (tmp_path / "gitconfig").write_text("[user]\n\temail = dev@example.com\n")
    assert who_decides("") == "dev@example.com"
    assert who_decides("lead@example.com") == "lead@example.com"


def test_nobody_is_nobody() -> None:
    assert who_decides("") == ""


def test_a_machine_without_git_has_its_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("USER", "dev")

    assert who_decides("") == "dev"
