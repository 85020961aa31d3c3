"""The README promises nothing that is not there: its two commands, subcommands, flags and settings."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ci_memory_producers.cli import _parser
from ci_memory_producers.pytest_plugin import pytest_addoption
from ci_memory_workers.cli import cli
from ci_memory_workers.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ELSEWHERE = {"CI_MEMORY_TENANT", "CI_MEMORY_TOKEN"}
"""Variables that `ci-memory-report` reads, and no worker."""


def command_before(marker: str) -> list[str]:
    """The lines of the block of code that stands before a marker."""
    block = README.split(f"<!-- {marker} -->")[0].rstrip().rpartition("\n\n")[2]
    return [line.strip() for line in block.splitlines()]


@pytest.mark.parametrize(("marker", "ends_with"), [("demo", "ci-memory demo"), ("tests", "pytest")])
def test_it_has_two_commands_of_one_line_each(marker: str, ends_with: str) -> None:
    (command,) = command_before(marker)

    assert README.count(f"<!-- {marker} -->") == 1
    assert command.startswith("python3 -m venv ")
    assert command.endswith(ends_with)
    assert f"    {command}\n" in README


def code(text: str) -> Iterator[str]:
    """What stands in backticks or in an indented line."""
    yield from re.findall(r"`([^`\n]+)`", text)
    yield from (line.strip() for line in text.splitlines() if line.startswith("    "))


def invocations(program: str) -> list[list[str]]:
    found = [re.search(rf"(?:^|\s|/)({re.escape(program)}) +(.+)$", text) for text in code(README)]
    return [re.split(r"\s+", match.group(2)) for match in found if match]


def test_every_subcommand_of_ci_memory_that_it_names_exists() -> None:
    named = invocations("ci-memory")
    assert {words[0] for words in named} >= {"demo", "up", "explain", "patterns", "stats", "sweep", "dead"}
    context = click.Context(cli)
    for words in named:
        command: click.Command | None = cli
        for word in words:
            if isinstance(command, click.Group) and not word.startswith("-"):
                command = command.get_command(context, word)
                assert command is not None, f"ci-memory {' '.join(words)}"


def test_every_command_that_it_lists_beside_another_exists() -> None:
    rows = re.findall(r"^\| (`ci-memory \w+ \w+`(?:, `\w+`)+) \|", README, re.MULTILINE)
    assert rows
    for row in rows:
        first, *others = re.findall(r"`([^`]+)`", row)
        _, group, name = first.split()
        parent = cli.get_command(click.Context(cli), group)
        assert isinstance(parent, click.Group)
        assert {name, *others} <= set(parent.commands), row


def options_of(command: click.Command) -> set[str]:
    own = {option for parameter in command.params for option in parameter.opts}
    return own.union(*(options_of(child) for child in command.commands.values())) if isinstance(command, click.Group) else own


def report_parsers() -> dict[str, argparse.ArgumentParser]:
    (commands,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(commands.choices)


def test_every_flag_that_it_names_exists() -> None:
    known = {option for parser in report_parsers().values() for option in parser._option_string_actions}
    for name in cli.list_commands(click.Context(cli)):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        known |= options_of(command)
    pytest_parser = pytest.Parser(_ispytest=True)
    pytest_addoption(pytest_parser)
    known |= {name for group in pytest_parser._groups for option in group.options for name in option.names()}

    named = {flag for text in code(README) if "uv run" not in text for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)}
    assert len(named) > 5
    assert named <= known


def test_every_call_of_the_reporter_that_it_shows_has_flags_of_that_subcommand() -> None:
    calls = invocations("ci-memory-report")
    assert {words[0] for words in calls} >= {"failure", "pass", "resolution"}
    for words in calls:
        flags = {word for word in words if word.startswith("--")}
        assert flags <= set(report_parsers()[words[0]]._option_string_actions), words


def test_every_setting_that_it_names_exists() -> None:
    fields = {f"CI_MEMORY_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"CI_MEMORY_[A-Z_]+", README))

    assert "CI_MEMORY_URL" in named
    assert named <= fields | ELSEWHERE


def test_every_file_that_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:workers|producers|ops|benchmarks)/[\w./-]*)`", README))

    assert "workers/ci_memory_workers/services/failures.py" in named
    assert [path for path in named if not (ROOT / path).exists()] == []
