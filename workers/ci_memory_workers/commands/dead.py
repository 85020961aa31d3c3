"""``ci-memory dead``: events that could not be processed, and their second chance."""

from __future__ import annotations

import click

from ..bootstrap import Container
from ..errors import Permanent
from ..settings import load


class UnknownLetter(Permanent):
    """There is no dead letter with this id."""

    reason = "unknown_letter"

    def __init__(self, letter_id: str) -> None:
        super().__init__(f"no dead letter {letter_id}: `ci-memory dead list` shows the ids")


@click.group()
def dead() -> None:
    """Events that could not be processed."""


@dead.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
def list_letters(limit: int) -> None:
    """Dead letters, newest first: id, reason, detail."""
    log = Container(load()).log
    for letter in log.dead_letters(limit):
        click.echo(f"{letter.letter_id}  {letter.reason}  {letter.detail}")
    click.echo(f"{log.dead_count()} dead letters")


@dead.command()
@click.argument("letter_id")
def show(letter_id: str) -> None:
    """One dead letter, with the event as it came (secrets redacted)."""
    letter = Container(load()).log.dead_letter(letter_id)
    if letter is None:
        raise UnknownLetter(letter_id)
    click.echo(f"reason      {letter.reason}")
    click.echo(f"detail      {letter.detail}")
    click.echo(f"log entry   {letter.entry_id}, delivered {letter.deliveries} times")
    click.echo(letter.payload)


@dead.command()
@click.argument("letter_ids", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All of them.")
@click.option("--reason", help="Those with this reason.")
def replay(letter_ids: tuple[str, ...], every: bool, reason: str | None) -> None:
    """Put dead letters back into the log, as new entries."""
    log = Container(load()).log
    if not letter_ids and not every and reason is None:
        raise click.UsageError("say which: LETTER_ID…, --reason REASON or --all")
    chosen = list(letter_ids) or [
        letter.letter_id for letter in log.dead_letters(log.dead_count()) if reason in (None, letter.reason)
    ]
    for letter_id in reversed(chosen):
        if not log.replay(letter_id):
            raise UnknownLetter(letter_id)
    click.echo(f"{len(chosen)} events are back in the log")
