"""For pytest: ``--ci-memory-quarantine`` marks the known-flaky *failure* as xfail; any other failure of that test fails.

pytest loads this file in every run of an environment that has it: nothing else is imported unless the flag is given.
"""

from __future__ import annotations

import pytest

SECONDS = 5.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """The flags; what they leave open is read from the CI provider's environment, as `ci-memory-report` does."""
    group = parser.getgroup("ci-memory", "quarantine of flaky failures")
    group.addoption(
        "--ci-memory-quarantine",
        action="store_true",
        help="mark failures that are in quarantine as xfail; any other failure of the same test fails",
    )
    group.addoption(
        "--ci-memory-timeout",
        type=_seconds,
        default=SECONDS,
        metavar="SECONDS",
        help=f"how long to wait for the server, and for each answer (default: {SECONDS:.0f})",
    )
    group.addoption("--ci-memory-repo", default="", help="owner/name; default: what the CI provider says")
    group.addoption("--ci-memory-build-id", default="", help="default: what the CI provider says")
    group.addoption("--ci-memory-job", default="", help="with its matrix leg; default: what the CI provider says")
    group.addoption(
        "--ci-memory-stage", default="test", choices=("build", "test", "deploy", "verify"), help="default: %(default)s"
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 600:
        raise ValueError(f"{text} is not a number of seconds above 0, up to 600")
    return seconds


def pytest_configure(config: pytest.Config) -> None:
    """Where the flag is given, the plugin proper; before any test can change the environment or the clock."""
    if config.getoption("ci_memory_quarantine"):
        from .pytest_quarantine import QuarantinePlugin

        config.pluginmanager.register(QuarantinePlugin.of(config), "ci_memory_quarantine")
