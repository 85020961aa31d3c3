"""How a command finds its server: a variable, else what ``ci-memory up`` wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci_memory_producers.rendezvous import URL_FILE, default_data_dir, find_url


def test_the_data_directory_is_what_is_chosen_else_where_data_belongs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CI_MEMORY_DATA_DIR", "~/memory")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_data_dir() == tmp_path / "memory"

    monkeypatch.delenv("CI_MEMORY_DATA_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert default_data_dir() == tmp_path / "xdg" / "ci-memory"

    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_data_dir() == tmp_path / ".local" / "share" / "ci-memory"


def test_a_variable_comes_before_what_up_wrote(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / URL_FILE).write_text("unix:///run/up.sock\n")

    assert find_url(tmp_path) == "unix:///run/up.sock"
    monkeypatch.setenv("CI_MEMORY_URL", "redis://cache.example.com")
    assert find_url(tmp_path) == "redis://cache.example.com"


def test_without_either_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_url(tmp_path) == ""
    monkeypatch.setenv("CI_MEMORY_URL", "")
    monkeypatch.setenv("CI_MEMORY_DATA_DIR", str(tmp_path / "nowhere"))
    assert find_url() == ""


def test_a_directory_in_the_files_place_is_no_server(tmp_path: Path) -> None:
    (tmp_path / URL_FILE).mkdir()

    assert find_url(tmp_path) == ""
