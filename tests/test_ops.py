"""What operators start: every command, port, file and variable that the compose file and the configuration name exists."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import click
import flower.options  # noqa: F401 - defines Flower's options
import pytest
import yaml
from celery.bin.celery import celery
from tornado.options import options as tornado_options

from ci_memory_workers.cli import cli
from ci_memory_workers.names import QUEUES
from ci_memory_workers.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "ops" / "Dockerfile").read_text()
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


def test_every_command_of_ours_takes_its_options() -> None:
    started = commands("ci-memory")

    assert set(started) == {"gateway", "mcp", "metrics"}
    for words in started.values():
        command = cli.get_command(click.Context(cli), words[1])
        assert command is not None
        assert command.make_context(words[1], words[2:]).params


def test_every_command_of_celery_is_for_our_app_and_takes_its_options() -> None:
    for words in (
        *commands("celery").values(),
        *(shlex.split(probe) for probe in probes().values() if probe.startswith("celery")),
    ):
        assert words[1:3] == ["-A", "ci_memory_workers.app"]
        command = celery.get_command(click.Context(celery), words[3])
        assert command is not None
        known = {flag for parameter in command.params for flag in parameter.opts}
        known |= {f"--{name}" for name in tornado_options} if words[3] == "flower" else set()
        assert {word.partition("=")[0] for word in words[4:] if word.startswith("-")} <= known, words


def probes() -> dict[str, str]:
    """What asks a service of ours whether it is well: a line of shell, or of Python."""
    return {name: service["healthcheck"]["test"][-1] for name, service in OURS.items() if "healthcheck" in service}


def test_every_service_but_beat_is_asked_whether_it_is_well_where_it_listens() -> None:
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"beat"}

    asked = probes()
    for name, words in commands("celery").items():
        if "worker" in words:
            assert option(shlex.split(asked[name]), "-d").partition("@")[0] == option(words, "-n").partition("@")[0]
    for name in ("gateway", "mcp"):
        assert f"http://127.0.0.1:{port_of(name)}/" in asked[name]
        app_path = {"gateway": "/readyz", "mcp": "/healthz"}[name]
        assert f":{port_of(name)}{app_path}'" in asked[name]


def port_of(name: str) -> str:
    """Where a service of ours listens for clients."""
    words = commands("ci-memory")[name]
    return option(words, "--http").rpartition(":")[2] if name == "mcp" else option(words, "--port")


@pytest.mark.parametrize("name", sorted(set(SERVICES) - set(OURS)))
def test_an_image_has_a_tag_that_says_its_version(name: str) -> None:
    tag = SERVICES[name]["image"].rpartition(":")[2]

    assert re.search(r"\d", tag), tag


def test_no_secret_stands_in_the_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search("(KEY|PASSWORD|AUTH|TOKEN|SECRET)$", variable):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?\}", value), f"{name}: {variable}"


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_variable_of_ours_is_a_setting(name: str) -> None:
    variables = {variable for variable in OURS[name].get("environment", {}) if variable.startswith("CI_MEMORY_")}

    assert variables
    assert {variable.removeprefix("CI_MEMORY_").lower() for variable in variables} <= Settings.model_fields.keys()


def test_what_the_user_must_set_is_named_at_the_top() -> None:
    header = COMPOSE_TEXT.partition("\nx-worker")[0]

    assert set(re.findall(r"\$\{([A-Z_]+)", COMPOSE_TEXT)) == set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", header))


def test_ports_are_published_on_this_machine_alone_and_are_those_of_the_commands() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)
    assert {name: [port.rpartition(":")[2] for port in published[name]] for name in ("gateway", "mcp")} == {
        name: [port_of(name)] for name in ("gateway", "mcp")
    }


def test_metrics_are_scraped_where_they_are_served_and_nothing_publishes_them() -> None:
    scraped = yaml.safe_load((ROOT / "ops" / "prometheus.yml").read_text())["scrape_configs"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in scraped}
    served = {
        name: option(commands("ci-memory")[name], flag) for name, flag in (("metrics", "--port"), ("gateway", "--metrics-port"))
    }

    assert targets == {"ci-memory": [f"metrics:{served['metrics']}"], "ci-memory-gateway": [f"gateway:{served['gateway']}"]}
    published = {port.rpartition(":")[2] for service in SERVICES.values() for port in service.get("ports", ())}
    assert not published & set(served.values())
    jobs = set(re.findall(r'job="([^"]+)"', (ROOT / "ops" / "alerts.yml").read_text()))
    assert jobs <= set(targets)


def test_files_that_are_mounted_or_copied_exist() -> None:
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)

    assert copied
    for path in (*(path for path in mounted if path.startswith("./")), *copied):
        assert (ROOT / path).exists(), path
    named = {volume for volume in mounted if not volume.startswith("./")}
    assert named == set(yaml.safe_load(COMPOSE_TEXT)["volumes"])


def test_the_image_is_slim_and_its_processes_are_not_root() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]

    assert last.splitlines()[0].endswith("-slim")
    (user,) = re.findall(r"^USER (\S+)$", last, re.MULTILINE)
    assert f"useradd --create-home --uid 10001 {user}" in last
    assert "/wheels/*.whl" in last, "what is installed was built from the checkout"


def test_flower_is_behind_a_password_wherever_others_can_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = SERVICES["flower"]["environment"]
    assert environment["FLOWER_BASIC_AUTH"] == "${FLOWER_BASIC_AUTH:?}", "compose refuses to start without"
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "operator:made-up")

    assert runpy.run_path(str(ROOT / "ops" / "flowerconfig.py"))["basic_auth"] == ["operator:made-up"]


def test_an_alert_says_what_is_wrong_and_how_bad_it_is() -> None:
    rules = [rule for group in yaml.safe_load((ROOT / "ops" / "alerts.yml").read_text())["groups"] for rule in group["rules"]]

    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"][-1] in ".?"
        assert rule["expr"]
