"""``ci-memory explain``: how a log is read. Needs no server."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console
from rich.text import Text

from ci_memory_producers.events import STAGES, Stage
from ci_memory_producers.excerpt import Excerpt, read_file, read_lines, read_text

from ..bootstrap import load_categorizer
from ..domain.category import Categorizer
from ..domain.fingerprint import fingerprint
from ..settings import load


def explanation(excerpt: Excerpt, stage: Stage, categorizer: Categorizer) -> dict[str, Any]:
    """What is read from a log, for machines: the keys of a line of ``--jsonl``, without ``id``."""
    failure = excerpt.failures[0] if excerpt.failures else None
    text = failure.text if failure else excerpt.text
    test_id = failure.test_id if failure else ""
    trace = failure.stack_trace if failure else excerpt.stack_trace
    verdict = categorizer.categorize(text, stage, test_id=test_id)
    mark = fingerprint(text, stage=stage, test_id=test_id, stack_trace=trace)
    return {
        "headline": excerpt.headline,
        "excerpt": excerpt.text,
        "ranges": [list(one) for one in excerpt.ranges],
        "failed_tests": list(excerpt.failed_tests),
        "category": verdict.category,
        "signal": verdict.signal,
        "why": f"{verdict.why}; {mark.why}",
        "test_key": mark.test_key,
        "fingerprint": mark.value,
        "generic": mark.generic,
    }


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--stage", type=click.Choice(STAGES), default="test", show_default=True)
@click.option("--jsonl", is_flag=True, help='Read {"id","stage","text"} lines on standard input, write one line each.')
def explain(file: Path | None, stage: str, jsonl: bool) -> None:
    """Read a log (FILE, or standard input) and say what failed, where, of which category, and why it is thought so."""
    categorizer = load_categorizer(load())
    if jsonl:
        _explain_lines(categorizer)
        return
    excerpt = read_file(file) if file is not None else read_lines(io.TextIOWrapper(sys.stdin.buffer, "utf-8", errors="replace"))
    _print(excerpt, explanation(excerpt, cast("Stage", stage), categorizer))


def _explain_lines(categorizer: Categorizer) -> None:
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            asked = json.loads(line)
            text, stage = asked["text"], asked.get("stage") or "test"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise click.UsageError(f'line {number}: not {{"id","stage","text"}} ({type(error).__name__})') from None
        stage = stage if stage in STAGES else "test"
        found = {"id": asked.get("id"), **explanation(read_text(text), stage, categorizer)}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


def _print(excerpt: Excerpt, found: dict[str, Any]) -> None:
    console = Console(highlight=False)
    console.print(Text(found["headline"], style="bold red"))
    for name in ("category", "signal", "test_key", "fingerprint", "why"):
        console.print(Text(f"{name:12}", style="dim"), Text(str(found[name] or "-")), end="\n")
    if found["generic"]:
        console.print(Text("This says too little to recognise the failure by: report more of the log.", style="yellow"))
    for test in excerpt.failed_tests:
        console.print(Text(f"{'failed test':12}", style="dim"), Text(test))
    where = ", ".join(f"{first}-{last}" for first, last in excerpt.ranges)
    console.print(Text(f"--- lines {where}", style="dim"))
    for line in excerpt.text.splitlines():
        console.print(Text(line, style="red" if line.strip() == found["headline"].strip() else ""))
