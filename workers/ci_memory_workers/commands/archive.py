"""``ci-memory export | import | rebuild``: all knowledge as lines of JSON, and the index made anew."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import click
from pydantic import TypeAdapter, ValidationError

from ci_memory_producers.events import Tenant

from ..bootstrap import Container, now_ms
from ..errors import InvalidSettings, Permanent
from ..services.exchange import MAX_LINE, check, export, take_in
from ..settings import load

all_tenants_option = click.option("--all-tenants", is_flag=True, help="All of them.")
_TENANT: TypeAdapter[str] = TypeAdapter(Tenant)
_WORDS = {
    "restored": "patterns restored",
    "updated": "patterns brought up to date",
    "unchanged": "patterns as new or newer here",
    "merged": "patterns that another stands for",
    "forgotten": "patterns stay forgotten",
    "unreadable": "reflections without a state",
    "reapplied": "entries of the journal applied",
    "journal": "entries put into the journal",
    "added": "patterns known by a new fingerprint too",
    "known": "patterns whose fingerprint is the same",
    "taken": "patterns whose new fingerprint another has",
    "no_sample": "patterns whose text is no longer kept",
}


class SeveralTenants(Permanent):
    """A file holds the knowledge of several tenants, which must not be thrown together."""

    reason = "several_tenants"

    def __init__(self, tenants: set[str]) -> None:
        super().__init__(
            f"the file holds {len(tenants)} tenants ({', '.join(sorted(tenants))[:200]}): import it without --tenant"
        )


def _say(counts: Counter[str], tenant: str = "") -> None:
    place = f"{tenant}: " if tenant else ""
    said = [f"{count} {_WORDS[name]}" for name, count in counts.items() if name in _WORDS and count]
    click.echo(place + (", ".join(said) or "nothing to do"))


@click.command("export")
@click.option("--tenant", default="default", show_default=True, help="Whose memory.")
@all_tenants_option
@click.option(
    "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="A file; default: standard output."
)
def export_command(tenant: str, all_tenants: bool, output: Path | None) -> None:
    """Write all knowledge as lines of JSON: patterns with fixes, trials, aliases and status; and the journal."""
    archive = Container(load()).archive
    lines = export(archive, archive.tenants() if all_tenants else [tenant])
    if output is None:
        for line in lines:
            sys.stdout.write(line + "\n")
        return
    # Nobody reads half an export: the name appears once all is in it.
    unfinished = output.with_name(output.name + ".part")
    with unfinished.open("w", encoding="utf-8") as file:
        unfinished.chmod(0o600)
        file.writelines(line + "\n" for line in lines)
    unfinished.replace(output)


@contextmanager
def _twice_readable(file: BinaryIO) -> Iterator[IO[bytes]]:
    """``file`` itself, or a copy where it can be read once only."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    while line := file.readline(MAX_LINE + 1):
        yield line


def _tenant(_: click.Context, __: click.Parameter, value: str) -> str:
    """A tenant's name, or nothing. Raises `InvalidSettings`."""
    try:
        return value and _TENANT.validate_python(value)
    except ValidationError:
        raise InvalidSettings("--tenant: small letters, digits, - and _, at most 40") from None


@click.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--tenant", default="", callback=_tenant, help="Whose memory it becomes; default: as the file says.")
@click.option("--dry-run", is_flag=True, help="Read the file, say what it holds, and change nothing.")
def import_command(file: BinaryIO, tenant: str, dry_run: bool) -> None:
    """Read an export (- for standard input) beside what is known. What is here and newer stays; counters never fall."""
    with _twice_readable(file) as lines:
        contents = check(_lines(lines))
        if tenant and len(contents.tenants) > 1:
            raise SeveralTenants(contents.tenants)
        if dry_run:
            kinds = contents.kinds
            click.echo(
                f"{kinds['pattern']} patterns of {len(contents.tenants)} tenants, {kinds['journal']} entries of the journal"
            )
            return
        box = Container(load())
        _say(take_in(box.archive, box.lookalikes, _lines(lines), now_ms(), tenant=tenant))


@click.command()
@click.option("--tenant", "tenants", multiple=True, help="Whose memory; may be repeated. Default: all that can be found.")
@click.option("--merge", is_flag=True, help="Add what Aegis knows to an index that is not empty.")
@click.option(
    "--fingerprints", is_flag=True, help="Read each pattern's first failure anew, and know it by today's fingerprint too."
)
def rebuild(tenants: tuple[str, ...], merge: bool, fingerprints: bool) -> None:
    """Make the index from Aegis and the journal, after Redis was lost."""
    box = Container(load())
    if fingerprints:
        for tenant in tenants or box.archive.tenants():
            _say(box.archivist.add_fingerprints(tenant, now_ms()), tenant)
        return
    for tenant in tenants or box.knowledge.tenants():
        _say(box.archivist.rebuild(tenant, now_ms(), merge=merge), tenant)
