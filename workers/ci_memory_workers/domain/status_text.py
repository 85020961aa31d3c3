"""The one line beside a commit's checks: what the memory knows of its failures. Plain text, which no host interprets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ci_memory_producers.comment.text import one_line
from ci_memory_producers.events import Analysis

from .telling import Said, said_of

LONGEST = 140
"""Characters that GitHub takes; GitLab takes 255."""
PASSES = "passes"
_NAMES: dict[Said, str] = {
    "new": "new",
    "known": "known without a fix",
    "fixed": "known with a fix",
    "flaky": "known flaky",
    "outbreak": "of an outbreak",
}


def job_line(answers: Sequence[Analysis]) -> str:
    """What is known of one job's failures."""
    if len(answers) == 1:
        return _line(answers[0])
    counts = Counter(said_of(one) for one in answers)
    return one_line(
        f"{len(answers)} failures: {', '.join(f'{counts[said]} {_NAMES[said]}' for said in _NAMES if counts[said])}", LONGEST
    )


def commit_line(jobs: Mapping[str, str]) -> str:
    """What is known of a commit, from the lines of its jobs."""
    failing = sorted((job, line) for job, line in jobs.items() if line != PASSES)
    if not failing:
        return PASSES
    if len(failing) == 1:
        return failing[0][1]
    return one_line(f"{len(failing)} jobs fail: {'; '.join(f'{one_line(job, 30)}: {line}' for job, line in failing)}", LONGEST)


def _line(analysis: Analysis) -> str:
    said, evidence = said_of(analysis), analysis.evidence
    if said == "new":
        diagnosis = analysis.analysis
        return one_line(f"new: {diagnosis.summary}" if diagnosis else "new", LONGEST)
    if said == "fixed":
        return one_line(f"known, fix: {analysis.suggested_fix}", LONGEST)
    if evidence is None or said == "known":
        return one_line(f"known, no fix yet: seen {analysis.similar_failures} times", LONGEST)
    if said == "flaky":
        return f"known flaky: passed when run again in {evidence.flaky_episodes} of {evidence.episodes} builds"
    return f"outbreak, not this change: {evidence.outbreak_builds} builds in {evidence.outbreak_repositories} repositories"
