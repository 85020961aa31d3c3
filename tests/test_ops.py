"""What operators start: every command, port, file and variable that the compose file and the configuration name exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci_memory_workers.cli import cli
from ci_memory_workers.names import QUEUES
from ci_memory_workers.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE_TEXT)["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
KNOWN_KEYS = {
    "build", "image", "restart", "environment", "depends_on", "command", "ports", "volumes", "healthcheck", "stop_grace_period",
    "deploy",
}  # fmt: skip


def commands(program: str) -> dict[str, list[str]]:
    split = {name: shlex.split(service.get("command", "")) for name, service in OURS.items()}
    return {name: words for name, words in split.items() if words[:1] == [program]}


def option(words: list[str], name: str) -> str:
    return words[words.index(name) + 1]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_spelled_with_keys_that_compose_knows(name: str) -> None:
    service = SERVICES[name]

    assert set(service) <= KNOWN_KEYS
    assert ("image" in service) != ("build" in service)
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    for needed, how in service.get("depends_on", {}).items():
        assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[needed]


def test_every_queue_has_a_worker_and_no_worker_reads_another() -> None:
    read = [option(words, "-Q") for words in commands("celery").values() if "worker" in words]

    assert sorted(read) == sorted(QUEUES)


def test_every_command_is_one_of_ours_and_takes_its_options() -> None:
    started = commands("ci-memory")

    assert set(started) == {"gateway", "metrics"}
    for words in started.values():
        command = cli.get_command(None, words[1])  # type: ignore[arg-type] # our group needs no context to find a command
        assert command is not None
        known = {flag for parameter in command.params for flag in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
    assert {words[2] for words in commands("celery").values()} == {"ci_memory_workers.app"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_variable_of_ours_is_a_setting(name: str) -> None:
    variables = {variable for variable in OURS[name].get("environment", {}) if variable.startswith("CI_MEMORY_")}

    assert variables
    assert {variable.removeprefix("CI_MEMORY_").lower() for variable in variables} <= Settings.model_fields.keys()


def test_what_the_user_must_set_is_named_at_the_top() -> None:
    header = COMPOSE_TEXT.partition("\nx-worker")[0]

    assert set(re.findall(r"\$\{([A-Z_]+)", COMPOSE_TEXT)) == set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", header))


def test_ports_are_published_on_this_machine_alone_and_are_those_of_the_commands() -> None:
    published = {name: port for name, service in SERVICES.items() for port in service.get("ports", ())}

    assert all(port.startswith("127.0.0.1:") for port in published.values())
    assert published["gateway"].endswith(":" + option(commands("ci-memory")["gateway"], "--port"))
    (scraped,) = yaml.safe_load((ROOT / "ops" / "prometheus.yml").read_text())["scrape_configs"]
    (target,) = scraped["static_configs"][0]["targets"]
    assert target == "metrics:" + option(commands("ci-memory")["metrics"], "--port")


def test_files_that_are_mounted_or_copied_exist() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    copied = re.findall(r"^COPY (\S+)", (ROOT / "ops" / "Dockerfile").read_text(), re.MULTILINE)

    for path in (*(path for path in mounted if path.startswith("./")), *copied):
        assert (ROOT / path).exists(), path


def test_an_alert_says_what_is_wrong_and_how_bad_it_is() -> None:
    (group,) = yaml.safe_load((ROOT / "ops" / "alerts.yml").read_text())["groups"]

    for rule in group["rules"]:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"][-1] in ".?"
        assert rule["expr"]
