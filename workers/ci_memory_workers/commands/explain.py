"""``ci-memory explain``: how a log is read. Needs no server."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console

from ci_memory_producers.events import STAGES, Stage
from ci_memory_producers.excerpt import read_file, read_stream, read_text

from ..bootstrap import load_categorizer
from ..domain.category import Categorizer
from ..settings import load
from .explanation import explained


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--stage", type=click.Choice(STAGES), default="test", show_default=True)
@click.option("--jsonl", is_flag=True, help='Read {"id","stage","text"} lines on standard input, write one line each.')
def explain(file: Path | None, stage: str, jsonl: bool) -> None:
    """Read a log (FILE, or standard input) and say what failed, where, of which category, and why it is thought so."""
    if jsonl and file is not None:
        raise click.UsageError(f"--jsonl reads standard input: ci-memory explain --jsonl < {file}")
    categorizer = load_categorizer(load())
    try:
        if jsonl:
            _explain_lines(categorizer)
        else:
            _explain_log(file, cast("Stage", stage), categorizer)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader, say `head`, has seen enough. What is still buffered must not fail again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _explain_log(file: Path | None, stage: Stage, categorizer: Categorizer) -> None:
    excerpt = read_file(file) if file is not None else read_stream(sys.stdin.buffer, "standard input")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may know fewer characters than a log
    console = Console(highlight=False, markup=False, emoji=False)
    for line in explained(excerpt, stage, categorizer).for_people():
        console.print(line, soft_wrap=True)


def _explain_lines(categorizer: Categorizer) -> None:
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        asked = _asked(number, line)
        stage = asked.get("stage")
        found = explained(read_text(asked["text"]), stage if stage in STAGES else "test", categorizer)
        sys.stdout.write(json.dumps({"id": asked.get("id"), **found.as_json()}) + "\n")
        sys.stdout.flush()


def _asked(number: int, line: bytes) -> dict[str, Any]:
    """What a line asks. Raises `click.UsageError`, exit status 2, with the line's number and what is wrong with it."""
    try:
        asked = json.loads(line)
    except UnicodeDecodeError:
        wrong = "it is not UTF-8"
    except RecursionError:
        wrong = "it is nested too deeply"
    except ValueError as error:
        wrong = f"it is not JSON, {error}"
    else:
        if isinstance(asked, dict) and isinstance(asked.get("text"), str):
            return asked
        wrong = '"text" is missing or is not a string' if isinstance(asked, dict) else "it is not a JSON object"
    raise click.UsageError(f'line {number} of standard input is not {{"id", "stage", "text"}}: {wrong}')
