"""``ci-memory-report``: tell the memory what happened in this CI job, and read what it knows.

Exit status: 0 reported, 2 bad input or flag, 3 server out of reach (or refusing, or full: what was to be sent waits on this
machine's disk, and the next report sends it).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from .client import EventTooLarge, Producer, ServerUnreachable, without_password
from .comment.flags import add_comment_flags
from .events import ENVIRONMENTS, FIX_TYPES, STAGES, Analysis, FailureEvent, OtherFailure, ResolutionReceipt
from .junit_events import MOST_TESTS
from .render import plain, render
from .rendezvous import default_data_dir, find_url
from .report import BadFlag, failures, passed, repository, resolution
from .unsent import Unsent

REPORTED, BAD_INPUT, UNREACHABLE = 0, 2, 3
RECEIPT_SECONDS = 10.0


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit status. A script's ``main`` is given to `sys.exit`."""
    flags = _parser().parse_args(arguments)
    try:
        return int(flags.run(flags))
    except ServerUnreachable as error:
        return _fail(error, UNREACHABLE)
    except ValidationError as error:
        problems = "; ".join(f"{_flag(e['loc'])}: {e['msg']}" for e in error.errors(include_input=False))
        return _fail(problems, BAD_INPUT)
    except (BadFlag, EventTooLarge, ValueError, OSError) as error:
        return _fail(error, BAD_INPUT)


def _fail(message: object, status: int) -> int:
    print(plain(f"ci-memory-report: {message}"), file=sys.stderr)
    return status


def _flag(loc: tuple[int | str, ...]) -> str:
    return "--" + str(loc[0]).replace("_", "-") if loc else "event"


def _failure(flags: argparse.Namespace) -> int:
    events, retries, left_out = failures(flags, os.environ, Path.cwd(), sys.stdin)
    _say_left_out(left_out)
    with _producer(flags) as producer:
        producer.push_many([*events, *retries], wait=flags.wait > 0)
        if flags.wait <= 0:
            print(f"reported {len(events)} failure{'s' if len(events) > 1 else ''}: {events[0].event_id}{_retried(retries)}")
            return REPORTED
        found = producer.analyses(flags.tenant, [event.event_id for event in events], seconds=flags.wait)
    analysis = found[0].model_copy(update={"others": _others(events[1:], found[1:])})
    Path(flags.output).write_text(analysis.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8")
    print(render(analysis))
    return REPORTED


def _others(events: list[FailureEvent], found: list[Analysis]) -> tuple[OtherFailure, ...]:
    return tuple(
        OtherFailure(
            event_id=event.event_id,
            status=analysis.status,
            pattern_id=analysis.pattern_id,
            test_id=event.test_id,
            message=analysis.message,
        )
        for event, analysis in zip(events, found, strict=True)
    )


def _pass(flags: argparse.Namespace) -> int:
    event, retries, left_out = passed(flags, os.environ, Path.cwd())
    _say_left_out(left_out)
    with _producer(flags) as producer:
        producer.push_many([*retries, event])
    print(f"reported a pass: {event.event_id}{_retried(retries)}")
    return REPORTED


def _retried(retries: Sequence[object]) -> str:
    # Each is a failure and the pass after it.
    return f", and {len(retries) // 2} that passed when retried" if retries else ""


def _say_left_out(tests: int) -> None:
    if tests:
        message = f"--junit: {tests} more tests are counted and not told of, a report tells of {MOST_TESTS}"
        print(plain(f"ci-memory-report: warning: {message}"), file=sys.stderr)


def _quarantine(flags: argparse.Namespace) -> int:
    repo = repository(flags, os.environ)
    with _producer(flags) as producer:
        listed = producer.quarantine(flags.tenant, repo)
    said = listed.model_dump_json(indent=2) + "\n"
    if flags.output:
        Path(flags.output).write_text(said, encoding="utf-8")
    else:
        sys.stdout.write(said)
    return REPORTED


def _comment(flags: argparse.Namespace) -> int:
    # Most calls write no comment, and need none of its modules.
    from .comment.command import run

    return run(flags, os.environ, Path.cwd())


def _resolution(flags: argparse.Namespace) -> int:
    event = resolution(flags, os.environ, Path.cwd())
    with _producer(flags) as producer:
        producer.push(event, wait=flags.wait > 0)
        receipt = producer.wait(flags.tenant, event.event_id, seconds=flags.wait) if flags.wait > 0 else None
    if isinstance(receipt, ResolutionReceipt):
        if receipt.status == "rejected":
            return _fail(f"--pattern-id: {receipt.message}", BAD_INPUT)
        print(receipt.message)
        return REPORTED
    print(f"reported a resolution: {event.event_id} (not confirmed yet)")
    return REPORTED


def _producer(flags: argparse.Namespace) -> Producer:
    url = flags.server or find_url()
    if not url:
        raise ServerUnreachable(
            "no server",
            ValueError(f"CI_MEMORY_URL is not set, and no `ci-memory up` uses {default_data_dir()}; nothing was sent"),
        )
    return Producer(url, timeout=flags.timeout, unsent=Unsent.for_server(without_password(url), default_data_dir()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ci-memory-report", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="failure | pass | resolution | quarantine | comment")
    _failure_parser(commands.add_parser("failure", help="a job or its tests failed"))
    _place_flags(passing := commands.add_parser("pass", help="a job passed"))
    passing.add_argument("--junit", default="", metavar="GLOB", help="JUnit XML files: tests that passed when retried are flaky")
    passing.set_defaults(run=_pass)
    _resolution_parser(commands.add_parser("resolution", help="somebody fixed a known failure"))
    _common_flags(listing := commands.add_parser("quarantine", help="which failures of a repository are known to be flaky"))
    listing.add_argument("--output", default="", help="where the list goes, JSON (default: standard output)")
    listing.set_defaults(run=_quarantine)
    _place_flags(commenting := commands.add_parser("comment", help="write the answer on the pull or merge request"))
    add_comment_flags(commenting)
    commenting.set_defaults(run=_comment)
    return parser


def _common_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo", default="", help="owner/name; default: what the CI provider says")
    parser.add_argument(
        "--tenant", default=os.environ.get("CI_MEMORY_TENANT", "default"), help="whose memory (default: %(default)s)"
    )
    parser.add_argument("--server", default="", help="URL; default: CI_MEMORY_URL, else what `ci-memory up` started here")
    parser.add_argument("--timeout", type=_timeout, default=5.0, help="seconds for a connection and for a reply (default: 5)")


def _place_flags(parser: argparse.ArgumentParser) -> None:
    _common_flags(parser)
    parser.add_argument("--build-id", default="", help="default: what the CI provider says")
    parser.add_argument("--stage", required=True, choices=STAGES)
    parser.add_argument("--job", default="", help="with its matrix leg")
    parser.add_argument("--attempt", type=int, default=None)
    parser.add_argument("--run-number", type=int, default=None, help="grows with each build of the repository")
    parser.add_argument("--environment", choices=ENVIRONMENTS, default="ci")
    parser.add_argument("--branch", default="")
    parser.add_argument("--commit", default="")
    parser.add_argument("--author", default="")
    parser.add_argument("--url", default="", help="where a person sees this build")
    parser.add_argument("--test-id", default="", help="the test, where it is one test")
    parser.add_argument("--changed-file", action="append", default=[], help="again for each; default: what git says")


def _failure_parser(parser: argparse.ArgumentParser) -> None:
    _place_flags(parser)
    parser.add_argument("--error-file", default="", help="the log (- or nothing: standard input)")
    parser.add_argument("--junit", default="", metavar="GLOB", help="JUnit XML files: one failure for each failed test")
    parser.add_argument("--exit-code", type=int, default=None)
    parser.add_argument("--wait", type=_seconds, default=0.0, help="seconds to wait for the answer")
    parser.add_argument("--output", default="failure_analysis.json", help="where the answer goes (default: %(default)s)")
    parser.set_defaults(run=_failure)


def _resolution_parser(parser: argparse.ArgumentParser) -> None:
    _common_flags(parser)
    parser.add_argument("--pattern-id", required=True)
    parser.add_argument("--fix-type", required=True, choices=FIX_TYPES)
    parser.add_argument("--fix-description", default="", help="what was done, for whoever meets the failure next")
    parser.add_argument("--fix-commit", default="")
    parser.add_argument("--fixed-by", default="")
    parser.add_argument("--wait", type=_seconds, default=RECEIPT_SECONDS, help="seconds to wait for the receipt (default: 10)")
    parser.set_defaults(run=_resolution)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds between 0 and 86400")
    return seconds


def _timeout(text: str) -> float:
    seconds = _seconds(text)
    if seconds == 0:
        raise argparse.ArgumentTypeError("0 leaves no time for an answer: give seconds above 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
