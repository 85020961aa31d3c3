"""From the flags of ``ci-memory-report`` and what the CI provider says to events."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Mapping
from glob import glob
from pathlib import Path
from typing import Any, NamedTuple

from .ci_env import CiFacts, detect, read_github_event
from .events import FREE_TEXTS, FailureEvent, PassEvent, ResolutionEvent
from .excerpt import Excerpt, read_file, read_lines, read_stream
from .git_facts import changed_files, commit_facts
from .junit_events import ReportedTests, events_of_reports, failure_event
from .redact import redact

_WITHIN = re.compile(r"::|[.#/>]")


class BadFlag(ValueError):
    """A flag is missing or makes no sense. The message names it and the way out."""


class Failures(NamedTuple):
    """What a job that failed has to say: its failures, the primary one first, and what its reports say was retried."""

    failures: list[FailureEvent]
    retries: list[FailureEvent | PassEvent]
    left_out: int = 0


class Passed(NamedTuple):
    """What a job that passed has to say: that, and what its reports say was retried."""

    event: PassEvent
    retries: list[FailureEvent | PassEvent]
    left_out: int = 0


def place(flags: Namespace, environ: Mapping[str, str], directory: Path) -> dict[str, Any]:
    """Where it happened: flags first, then the provider's environment, then git. Raises `BadFlag`."""
    facts = detect(environ, read_github_event(environ))
    asked = flags.commit or facts.commit_sha
    # In a pull request the checkout's HEAD is often a merge that exists nowhere else: the commit that was pushed is asked for.
    git = commit_facts(directory, revision=asked) if asked else commit_facts(directory)
    commit = asked or git.sha
    found = {
        "tenant": flags.tenant,
        "provider": facts.provider,
        "repo": flags.repo or facts.repo,
        "build_id": flags.build_id or facts.build_id,
        "run_number": flags.run_number if flags.run_number is not None else facts.run_number,
        "job": flags.job or facts.job,
        "attempt": flags.attempt if flags.attempt is not None else facts.attempt or 1,
        "stage": flags.stage,
        "environment": flags.environment,
        "branch": flags.branch or facts.branch or git.branch,
        "default_branch": facts.default_branch,
        "commit_sha": commit,
        "parent_sha": git.parent_sha,
        "commit_message": git.message,
        "author": flags.author or facts.author or git.author,
        "url": flags.url or facts.url,
        "test_id": flags.test_id,
    }
    _require(found, facts)
    return {name: redact(value) if name in FREE_TEXTS and isinstance(value, str) else value for name, value in found.items()}


def _require(found: Mapping[str, Any], facts: CiFacts) -> None:
    for name, flag in (("repo", "--repo"), ("build_id", "--build-id"), ("stage", "--stage")):
        if not found[name]:
            why = f"{facts.provider} does not say it" if facts.provider and name != "stage" else "nothing says it"
            raise BadFlag(f"{flag} is missing: {why}")


def failures(flags: Namespace, environ: Mapping[str, str], directory: Path, stdin: Any) -> Failures:
    """One event for each failure of the log, and each failed test of the JUnit files; the primary one first.

    Raises `BadFlag`, `UnreadableLog` and `UnreadableReport` (all ValueErrors), pydantic's ValidationError.
    """
    where = place_of_failure(flags, environ, directory)
    told = _reported(flags.junit, where)
    events = list(told.failed)
    if flags.error_file or not events:
        # A test runner prints what it also writes into its report: that is one failure, and not two.
        reported = {_bare_name(event.test_id) for event in events}
        logged = _from_log(_read(flags, stdin), where)
        events += [event for event in logged if not event.test_id or _bare_name(event.test_id) not in reported]
    return Failures(list({event.event_id: event for event in events}.values()), told.retries, told.left_out)


def _bare_name(test_id: str) -> str:
    """The test's own name: what reports and logs write alike, unlike its file, its class and its parameters."""
    return _WITHIN.split(test_id.partition("[")[0])[-1].strip()


def place_of_failure(flags: Namespace, environ: Mapping[str, str], directory: Path) -> dict[str, Any]:
    """`place`, with the exit code and what was changed: what all failures of a job have in common. Raises `BadFlag`."""
    where = place(flags, environ, directory)
    return where | {"exit_code": flags.exit_code, "changed_files": _changed(flags, where, directory)}


def _changed(flags: Namespace, where: Mapping[str, Any], directory: Path) -> tuple[str, ...]:
    """What the flags say, else what the branch changed since it left the default branch, else what the commit changed."""
    base = where["default_branch"] if where["branch"] != where["default_branch"] else ""
    files = tuple(flags.changed_file) or changed_files(directory, base=base)
    return tuple(redact(path) for path in files)


def _read(flags: Namespace, stdin: Any) -> Excerpt:
    if flags.error_file and flags.error_file != "-":
        return read_file(Path(flags.error_file))
    if flags.error_file == "-" or not stdin.isatty():
        # Bytes where there are any: a log may hold what is no UTF-8, and progress bars that are no line ends.
        buffer = getattr(stdin, "buffer", None)
        excerpt = read_stream(buffer, "standard input") if buffer else read_lines(stdin)
        if excerpt.text.strip():
            return excerpt
        raise BadFlag("standard input is empty: pipe the log into it, or use --error-file LOG")
    raise BadFlag("--error-file is missing: which log says what failed? (- reads standard input)")


def _from_log(excerpt: Excerpt, where: Mapping[str, Any]) -> list[FailureEvent]:
    found = []
    for failure in excerpt.failures:
        test_id = where["test_id"] or failure.test_id
        found.append(failure_event(where, redact(failure.text), redact(failure.stack_trace), redact(test_id)))
    return found


def _reported(pattern: str, where: Mapping[str, Any]) -> ReportedTests:
    paths = [Path(path) for path in sorted(glob(pattern, recursive=True))] if pattern else []
    if pattern and not paths:
        raise BadFlag(f"--junit {pattern}: no file matches")
    return events_of_reports(paths, where)


def passed(flags: Namespace, environ: Mapping[str, str], directory: Path) -> Passed:
    """A pass, from flags, environment and git. Raises `BadFlag`, and `UnreadableReport` for JUnit files."""
    where = place(flags, environ, directory)
    where["changed_files"] = _changed(flags, where, directory)
    told = _reported(flags.junit, where)
    return Passed(PassEvent(**where), told.retries, told.left_out)


def repository(flags: Namespace, environ: Mapping[str, str]) -> str:
    """The repository, from flags and environment. Raises `BadFlag`."""
    repo = flags.repo or detect(environ, read_github_event(environ)).repo
    if not repo:
        raise BadFlag("--repo is missing: nothing says it")
    return str(repo)


def resolution(flags: Namespace, environ: Mapping[str, str], directory: Path) -> ResolutionEvent:
    """A resolution, from flags and environment. Raises `BadFlag`, pydantic's ValidationError."""
    repo = repository(flags, environ)
    git = commit_facts(directory)
    return ResolutionEvent(
        tenant=flags.tenant,
        repo=repo,
        pattern_id=flags.pattern_id,
        fix_type=flags.fix_type,
        fix_description=redact(flags.fix_description),
        fix_commit=redact(flags.fix_commit),
        fixed_by=redact(flags.fixed_by or git.author),
        changed_files=changed_files(directory, revision=flags.fix_commit) if flags.fix_commit else (),
    )
