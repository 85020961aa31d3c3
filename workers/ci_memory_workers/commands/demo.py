"""``ci-memory demo``: the whole story in three acts, with real processes in a temporary directory."""

from __future__ import annotations

import tempfile
from importlib.resources import as_file, files
from pathlib import Path

import click

from ci_memory_producers.client import Producer
from ci_memory_producers.events import Analysis, FailureEvent, ResolutionEvent, ResolutionReceipt
from ci_memory_producers.excerpt import read_file
from ci_memory_producers.redact import redact
from ci_memory_producers.render import render

from ..errors import CiMemoryError
from ..settings import load
from .up import running

ANSWER_SECONDS = 60.0
FIX = "set AUTH_TOKEN in the fixtures: tests/conftest.py reads it from the job's environment"


class DemoFailed(CiMemoryError):
    """The story did not go as it should."""

    reason = "demo_failed"


@click.command()
def demo() -> None:
    """Start everything in a temporary directory, and tell the story: a new failure, its fix, the same failure elsewhere."""
    with tempfile.TemporaryDirectory(prefix="ci-memory-") as name:
        click.echo(f"Starting an embedded server, five workers and beat in {name} …")
        settings = load().model_copy(update={"url": "", "aegis_url": ""})
        with running(settings, Path(name)) as (_, started), Producer(started.redis_url) as producer:
            _play(producer)
        click.echo("\nStopped everything. Start it for real with `ci-memory up`.")


def _play(producer: Producer) -> None:
    _act("1. A build of acme/shop fails. Nobody has seen this before.")
    first = _report(producer, "shop.log", "acme/shop", "4711")
    _expect(first.status == "new_pattern" and first.pattern_id, "the first failure is new")

    _act("2. Somebody finds out and fixes it. The memory is told.")
    pattern_id = first.pattern_id or ""
    event = ResolutionEvent(
        repo="acme/shop",
        pattern_id=pattern_id,
        fix_type="config_change",
        fix_description=FIX,
        fix_commit="9f3c2e1",
        fixed_by="dev@example.com",
    )
    producer.push(event, wait=True)
    receipt = producer.wait("default", event.event_id, seconds=ANSWER_SECONDS)
    _expect(isinstance(receipt, ResolutionReceipt) and receipt.status == "recorded", "the fix is recorded")
    click.echo(f"  {receipt.message if receipt else ''}")

    _act("3. Next week, in acme/billing: other paths, ports, times and line numbers. The same failure.")
    second = _report(producer, "billing.log", "acme/billing", "1208")
    _expect(second.status == "known_pattern" and second.pattern_id == pattern_id, "the second failure is known")
    _expect(second.suggested_fix == FIX, "its fix is suggested")


def _report(producer: Producer, log: str, repo: str, build_id: str) -> Analysis:
    with as_file(files(__package__) / "demo_logs" / log) as path:
        failure = read_file(path).failures[0]
    click.echo(f"  $ ci-memory-report failure --repo {repo} --build-id {build_id} --stage test --error-file {log} --wait 60")
    event = FailureEvent(
        repo=repo,
        build_id=build_id,
        stage="test",
        error_message=redact(failure.text),
        stack_trace=redact(failure.stack_trace) or None,
        test_id=failure.test_id,
    )
    producer.push(event, wait=True)
    analysis = producer.analyses("default", [event.event_id], seconds=ANSWER_SECONDS)[0]
    click.echo(render(analysis))
    return analysis


def _act(title: str) -> None:
    click.echo(f"\n{title}")


def _expect(fulfilled: object, what: str) -> None:
    if not fulfilled:
        raise DemoFailed(f"the demo expected that {what}, and it did not happen")
