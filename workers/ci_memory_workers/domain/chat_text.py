"""Messages for a chat that speaks Slack's mrkdwn, in which nothing of a log means anything.

Source of what must be escaped: Slack, "Formatting text for app surfaces" (``&``, ``<``, ``>``; mentions and links are made of
``<…>``). Other chats take the same messages and look for ``@channel`` and addresses outside of code too, so whatever is not a
plain word stands in a code span, and no span can be closed from within.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ci_memory_producers.comment.content import Build, Failed, outcomes, seen_before, wrong_command
from ci_memory_producers.comment.text import one_line, prose
from ci_memory_producers.events import Analysis, Evidence

from .notice import Place
from .pattern import Outbreak
from .telling import said_of

MOST = 2_900
"""Characters of a message: Slack takes 3,000 in a block."""
MOST_FAILURES = 5
LONGEST_PROSE = 400


@dataclass(frozen=True, slots=True)
class Told:
    """A failure of which a chat is told."""

    analysis: Analysis
    failed: Failed


def span(text: str, longest: int = 160) -> str:
    """``text`` as one code span; empty for an empty one."""
    line = one_line(text, longest).replace("`", "'")
    return f"`{_escaped(line)}`" if line else ""


def words(text: str, longest: int = LONGEST_PROSE) -> str:
    """``text`` with its words as they are, and everything else in code spans."""
    return _escaped(prose(text.replace("`", "'"), longest))


def link(url: str, shown: str) -> str:
    """A link to a plain web address; where there is none, ``shown`` in a code span."""
    return f"<{url}|{shown}>" if url else span(shown)


def failure_message(told: Sequence[Told], place: Place, build: Build, *, more: int, now: datetime) -> str:
    """One message for what failed in one execution of a job, what matters most first; ``more`` failures are only counted."""
    lines: list[str] = []
    for one in told[:MOST_FAILURES]:
        lines += _failure(one, place, build, now)
    left = more + max(0, len(told) - MOST_FAILURES)
    return _within([*lines, *([f"and {left} more in this job"] if left else [])])


def outbreak_over_message(pattern_id: str, headline: str, outbreak: Outbreak, *, since: datetime, until: datetime) -> str:
    """One line at the end of an incident."""
    size = f"{outbreak.builds} builds in {outbreak.repositories} repositories"
    what = f" with {span(headline)}" if headline.strip() else ""
    return f"*The outbreak is over:* {size} failed{what} from {since:%H:%M} to {until:%H:%M} UTC ({span(pattern_id)})"


def _failure(told: Told, place: Place, build: Build, now: datetime) -> list[str]:
    analysis, evidence = told.analysis, told.analysis.evidence
    said = said_of(analysis)
    if evidence is not None and said == "outbreak":
        return [_outbreak(analysis, evidence, told.failed)]
    if evidence is not None and said == "flaky":
        what = span(told.failed.test_id or told.failed.headline) or span(analysis.category)
        passed = f"passed when run again in {evidence.flaky_episodes} of {evidence.episodes} builds"
        return [f"*Known flaky:* {what} in {span(place.repo, 100)} {passed} ({span(analysis.pattern_id or '')})"]
    what = span(told.failed.headline) or span(analysis.category)
    test = f", test {span(told.failed.test_id)}" if told.failed.test_id.strip() else ""
    job = f", job {span(place.job, 100)}" if place.job.strip() else ""
    at = f" at {link(build.commit_url(place.commit, place.repo), place.commit[:12])}" if place.commit else ""
    seen = f" (<{build.build_url}|build>)" if build.build_url else ""
    lines = [f"*{_title(analysis, place)}* on {span(place.branch, 100)} of {span(place.repo, 100)}{at}: {what}{test}{job}{seen}"]
    if said != "new":
        lines.append(f"Seen before: {seen_before(analysis, now)}")
    lines += _help(analysis, build, now)
    wrong = wrong_command(analysis, build.tenant)
    return [*lines, f"Wrong? {span(wrong, 300)}"] if wrong else lines


def _title(analysis: Analysis, place: Place) -> str:
    if said_of(analysis) == "new":
        return "New failure"
    fixed_here = analysis.evidence is not None and analysis.evidence.fix_repo == place.repo
    return "Came back after its fix" if analysis.pattern_status == "resolved" and fixed_here else "Known failure"


def _help(analysis: Analysis, build: Build, now: datetime) -> list[str]:
    evidence, said = analysis.evidence, analysis.analysis
    if evidence is not None and evidence.source == "fix":
        url = build.commit_url(evidence.fix_commit, evidence.fix_repo)
        commit = f" in {link(url, evidence.fix_commit[:12])}" if evidence.fix_commit.strip() else ""
        return [f"Fix: {words(analysis.suggested_fix)} ({outcomes(evidence, now)}{commit})"]
    if said is None:
        return [f"Try (a suggestion, not a proven fix): {words(analysis.suggested_fix)}"] if analysis.suggested_fix else []
    who = span(analysis.analyst, 60) or "an analyst"
    return [f"Diagnosis by {who}, not a proven fix: {words(said.summary)}", f"Try: {words(said.suggested_fix)}"]


def _outbreak(analysis: Analysis, evidence: Evidence, failed: Failed) -> str:
    since = f" since {evidence.outbreak_since:%H:%M} UTC" if evidence.outbreak_since else ""
    size = f"{evidence.outbreak_builds} builds in {evidence.outbreak_repositories} repositories{since}"
    says = f" It says {span(failed.headline)}." if failed.headline.strip() else ""
    cause = f" Likely cause: {words(analysis.analysis.likely_cause)}" if analysis.analysis is not None else ""
    return f"*An outbreak, probably infrastructure:* {size} fail alike ({span(analysis.pattern_id or '')}).{says}{cause}"


def _within(lines: Iterable[str]) -> str:
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line) + 1
        if size > MOST:
            break
        kept.append(line)
    return "\n".join(kept)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
