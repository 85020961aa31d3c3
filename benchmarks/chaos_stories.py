"""Stories of a chaos run that are more than builds: a suite breaks as a whole, later commits change the files of a fix, a test is
flaky each time, a failure is long over.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Literal

from chaos_texts import Cause
from ci_memory_producers.events import FailureEvent, PassEvent, RunTotals

WRITTEN = datetime(2026, 3, 1, tzinfo=UTC)
LONG_AGO_HOURS = 48
"""How old the log's first entries are: a day is what the sweep of a chaos run lets a failure grow old in."""
FLAKY_BUILDS = 6
"""At most so many flaky builds: with more, a sweep that comes early might end a quarantine that one that comes late begins."""
Touch = Literal["after", "before", "own", "branch", "elsewhere"]
TOUCHES: tuple[Touch, ...] = ("after", "before", "own", "branch", "elsewhere")
"""Which commit changes a file of a fix: a later one, one from before it, itself, one of a branch, one of another repository."""


def suites_of(events: int) -> tuple[int, int]:
    """How many suites break, and how many tests each has."""
    return 2 + events // 30_000, max(12, events // 300)


def broken_suite(tests: list[Cause], tenant: str, build: str, rng: Random) -> Iterator[tuple[int, FailureEvent]]:
    """One run in which all of a suite's tests fail, each by its number."""
    totals = RunTotals(tests=len(tests) + 1, failed=len(tests))
    for number, test in enumerate(tests):
        yield (
            number,
            FailureEvent(
                tenant=tenant,
                repo=f"acme/{test.words[0]}-0",
                build_id=build,
                job="suite",
                stage=test.stage,
                error_message=test.log(rng.randrange(10_000)),
                test_id=test.test_id,
                commit_sha=f"5{build}",
                run_totals=totals,
                timestamp=WRITTEN,
            ),
        )


def watched_file(cause: Cause) -> str:
    """What the fix of a cause changes."""
    return f"conf/{cause.words[2]}-watched.toml"


def touching(cause: Cause, number: int, tenant: str, touch: Touch, fix_commit: str) -> PassEvent:
    """A run of a commit that changes the file of a cause's fix."""
    repo = f"acme/{cause.words[0]}-{1 if touch == 'elsewhere' else 0}"
    return PassEvent(
        tenant=tenant,
        repo=repo,
        build_id=f"watched-{number}-{touch}",
        run_number=1 + TOUCHES.index(touch),
        job=f"watched-{number}",
        stage=cause.stage,
        branch="topic" if touch == "branch" else "main",
        default_branch="main",
        commit_sha=fix_commit if touch == "own" else f"a{number:05x}{TOUCHES.index(touch)}bead",
        changed_files=(f"src/{cause.words[1]}.py", watched_file(cause)),
        author="dev@example.com",
        timestamp=WRITTEN,
    )
