"""``ci-memory-report comment``: write what the memory answered where the failure is discussed.

It never fails a job: what goes wrong is a warning, and the exit status is 0; 2 is left for flags that make no sense.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from ..ci_env import CiFacts, detect, read_github_event
from ..events import Analysis, FailureEvent
from ..excerpt import read_text
from ..redact import redact
from ..render import plain
from ..report import BadFlag, failures
from .annotate import annotation, error_command, spot_of, warning_command
from .api import ApiRefused
from .content import Build, Failed, Forge, failure_comment, shown_headline
from .forges import NowhereToPost, comments_of
from .marker import Marker
from .sticky import resolve, say

MOST_ANALYSIS_BYTES = 16 * 1024 * 1024


def run(flags: argparse.Namespace, environ: Mapping[str, str], directory: Path, *, now: datetime | None = None) -> int:
    """Say it, where the flags say; returns 0."""
    facts = detect(environ, read_github_event(environ))
    build = _build(flags, facts, environ)
    if flags.resolved:
        _post(flags, environ, build, None, "")
        return 0
    analysis = _analysis(Path(flags.analysis), environ)
    if analysis is None:
        return 0
    events = _events(flags, environ, directory)
    event = next((one for one in events if one.event_id == analysis.event_id), None)
    if events and event is None:
        _warn(environ, f"{flags.analysis} answers another failure, of an earlier build perhaps: no comment")
        return 0
    others = {one.event_id: _failed(one) for one in events if one is not event}
    text = failure_comment(analysis, _failed(event), build, now=now or datetime.now(UTC), others=others)
    if flags.output == "-":
        sys.stdout.write(text)
    elif flags.output:
        with Path(flags.output).open("a", encoding="utf-8") as file:
            file.write(text)
    if flags.annotate:
        _annotate(analysis, event, directory)
    _post(flags, environ, build, analysis, text)
    return 0


def _build(flags: argparse.Namespace, facts: CiFacts, environ: Mapping[str, str]) -> Build:
    forge: Forge = "github" if facts.provider == "github" else "gitlab" if facts.provider == "gitlab" else ""
    host = environ.get({"github": "GITHUB_SERVER_URL", "gitlab": "CI_SERVER_URL"}.get(forge, ""), "")
    return Build(
        repo=flags.repo or facts.repo,
        job=redact(flags.job or facts.job),
        commit=redact(flags.commit or facts.commit_sha),
        url=flags.url or facts.url,
        host=host,
        forge=forge,
        tenant=flags.tenant,
    )


def _analysis(path: Path, environ: Mapping[str, str]) -> Analysis | None:
    """The answer; None, with a warning, where there is none. Raises `BadFlag` for a file that holds something else."""
    try:
        with path.open("rb") as file:
            return Analysis.model_validate_json(file.read(MOST_ANALYSIS_BYTES))
    except FileNotFoundError:
        _warn(environ, f"{path} is not there: the memory gave no answer to write down")
        return None
    except ValidationError:
        raise BadFlag(f"--analysis {path}: is no answer of the memory (`ci-memory-report failure --wait` writes one)") from None


def _events(flags: argparse.Namespace, environ: Mapping[str, str], directory: Path) -> list[FailureEvent]:
    """What failed, read as `failure` reads it; nothing, with a warning, where that can't be read."""
    if not (flags.error_file or flags.junit):
        return []
    try:
        return failures(flags, environ, directory, sys.stdin).failures
    except (ValueError, OSError) as error:
        _warn(environ, f"what failed can't be read again: {error}")
        return []


def _failed(event: FailureEvent | None) -> Failed:
    if event is None:
        return Failed()
    # Redacted before it became an event.
    return Failed(shown_headline(read_text(event.error_message).headline), event.test_id)


def _annotate(analysis: Analysis, event: FailureEvent | None, directory: Path) -> None:
    failed = _failed(event)
    said = analysis.analysis.summary if analysis.analysis is not None and not analysis.suggested_fix else ""
    parts = [failed.headline, failed.test_id, analysis.message, analysis.suggested_fix or said]
    spot = None
    if event is not None:
        text = f"{event.stack_trace or ''}\n{event.error_message}"
        spot = spot_of(text, event.test_id, directory.as_posix(), lambda path: (directory / path).is_file())
    title = "known failure" if analysis.status == "known_pattern" else "new failure"
    print(error_command(annotation(parts), f"ci-memory: {title}", spot))


def _post(flags: argparse.Namespace, environ: Mapping[str, str], build: Build, analysis: Analysis | None, text: str) -> None:
    if flags.no_post:
        return
    evidence = analysis.evidence if analysis else None
    outbreak = (analysis.pattern_id or "") if analysis and evidence and evidence.outbreak_builds else ""
    marker = Marker.of(build.repo, build.job, outbreak=outbreak)
    try:
        comments = comments_of(environ, flags.pull_request)
        if analysis is None:
            done: str = resolve(comments, marker, job=build.job, commit=build.commit)
        else:
            done = say(comments, marker, text)
    except NowhereToPost as nowhere:
        print(plain(f"no comment: {nowhere}"))
    except ApiRefused as refused:
        _warn(environ, f"no comment: {refused}{_way_out(refused)}")
    else:
        print(f"comment: {done}")


def _way_out(refused: ApiRefused) -> str:
    if refused.status in (401, 403, 404):
        return " (GitHub: the job needs `permissions: pull-requests: write`, and a fork's has none; GitLab: a token of scope api)"
    return ""


def _warn(environ: Mapping[str, str], message: str) -> None:
    if environ.get("GITHUB_ACTIONS"):
        print(warning_command(message))
    else:
        print(plain(f"ci-memory-report: warning: {message}"), file=sys.stderr)
