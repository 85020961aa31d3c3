"""What is said of a failure where it is discussed: a comment on a pull or merge request, or a job's summary, as Markdown.

Pure. All that comes from logs, people and models goes through `text`; links are made of what has the form of a commit alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from ..events import Analysis, Diagnosis, Evidence
from .text import code, prose

MOST_BYTES = 60_000
"""Of one comment: GitHub takes 65,536 characters, GitLab a million; what resolves a comment adds to it."""
MOST_OTHERS = 10

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_REPO = re.compile(r"[\w.-]+(?:/[\w.-]+)+", re.ASCII)
_PATTERN = re.compile(r"pat_[a-z0-9]{6,32}")
_FIX = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WEB = re.compile(r"https?://[\w.:-]+(?:/[\w.~%#/-]*)?", re.ASCII)

_PYTEST_MARK = re.compile(r"^E {2,}")

Forge = Literal["", "github", "gitlab"]


@dataclass(frozen=True, slots=True)
class Failed:
    """What failed: the line that says why, and the test, where it is one."""

    headline: str = ""
    test_id: str = ""


def shown_headline(headline: str) -> str:
    """The line that says why it failed, without pytest's mark of an error line: that says nothing to who reads one line."""
    return _PYTEST_MARK.sub("", headline)


@dataclass(frozen=True, slots=True)
class Build:
    """Where it failed. ``host`` is where people see the repository (``https://github.com``), its path being ``repo``."""

    repo: str = ""
    job: str = ""
    commit: str = ""
    url: str = ""
    host: str = ""
    forge: Forge = ""
    tenant: str = "default"

    def commit_link(self, commit: str, repo: str) -> str:
        """A link to ``commit`` of ``repo``; the commit alone where it is none, or where nobody can say which host has it."""
        shown = code(commit[:12] if _COMMIT.fullmatch(commit) else commit, 100)
        url = self.commit_url(commit, repo)
        return f"[{shown}]({url})" if url else shown

    def commit_url(self, commit: str, repo: str) -> str:
        """Where people see ``commit`` of ``repo``; '' where it is none, or nobody can say which host has it."""
        same_owner = repo.split("/")[0] == self.repo.split("/")[0]
        if not (_COMMIT.fullmatch(commit) and _REPO.fullmatch(repo) and _WEB.fullmatch(self.host) and same_owner and self.forge):
            return ""
        return f"{self.host.rstrip('/')}/{repo}/{'-/' if self.forge == 'gitlab' else ''}commit/{commit}"

    @property
    def build_url(self) -> str:
        """Where people see the build; '' for what is no plain web address."""
        return self.url if _WEB.fullmatch(self.url) else ""


def failure_comment(
    analysis: Analysis, failed: Failed, build: Build, *, now: datetime, others: Mapping[str, Failed] | None = None
) -> str:
    """Markdown of at most `MOST_BYTES` bytes; one line for what is known to be flaky, one paragraph for an outbreak.

    ``others`` are further failures of the job, by the ids of their events.
    """
    evidence = analysis.evidence
    if evidence is not None and evidence.outbreak_builds:
        return _outbreak(analysis, evidence, failed, build)
    if evidence is not None and analysis.pattern_status in ("flaky", "quarantined"):
        return _flaky(analysis, evidence, failed)
    lines = [f"### {_title(analysis)}", "", *_what(failed, build)]
    if analysis.status == "known_pattern":
        lines.append(f"- **Seen before:** {seen_before(analysis, now)}")
    if evidence is not None and evidence.source == "fix":
        lines += _fix(analysis, evidence, build, now)
    elif analysis.analysis is not None:
        lines += _diagnosis(analysis, analysis.analysis)
    elif analysis.suggested_fix:
        lines += [f"- **Try** (a suggestion, not a proven fix): {prose(analysis.suggested_fix)}"]
    if analysis.status == "pending":
        lines += ["- The memory has not answered in time; its answer is written under the failure's id, and the next run has it."]
    lines += [*_when_wrong(analysis, build), *_others(analysis, others or {})]
    return _within(lines)


def _within(lines: Iterable[str]) -> str:
    """As many lines as fit."""
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line.encode()) + 1
        if size > MOST_BYTES:
            break
        kept.append(line)
    return "\n".join(kept) + "\n"


def _title(analysis: Analysis) -> str:
    if analysis.status == "known_pattern":
        return "Known failure"
    return "New failure" if analysis.status == "new_pattern" else "Failure, not analysed yet"


def _what(failed: Failed, build: Build) -> list[str]:
    lines = [f"- **What failed:** {code(failed.headline)}"] if failed.headline.strip() else []
    if failed.test_id.strip():
        lines.append(f"- **Test:** {code(failed.test_id)}")
    where = [code(build.job)] if build.job else []
    where += [f"at {build.commit_link(build.commit, build.repo)}"] if build.commit else []
    where += [f"([build]({build.build_url}))"] if build.build_url else []
    return [*lines, f"- **Job:** {' '.join(where)}"] if where else lines


def seen_before(analysis: Analysis, now: datetime) -> str:
    """How often, where and since when it was seen, in words of our own."""
    evidence = analysis.evidence or Evidence(source="analysis", occurrences=analysis.similar_failures)
    said = f"{_times(evidence.occurrences)} in {_repositories(evidence.repositories)}"
    if evidence.first_seen:
        said += f", since {evidence.first_seen:%Y-%m-%d}"
    if analysis.last_seen:
        said += f", last {_ago(analysis.last_seen, now)}"
    return said


def _fix(analysis: Analysis, evidence: Evidence, build: Build, now: datetime) -> list[str]:
    lines = [f"- **Fix:** {prose(analysis.suggested_fix)}", f"- **Evidence:** {outcomes(evidence, now)}"]
    by = f" by {code(evidence.fixed_by, 100)}" if evidence.fixed_by.strip() else ""
    on = f" on {evidence.resolved_at:%Y-%m-%d}" if evidence.resolved_at else ""
    commit = f" in {build.commit_link(evidence.fix_commit, evidence.fix_repo)}" if evidence.fix_commit.strip() else ""
    kind = f" ({evidence.fix_type.replace('_', ' ')})" if evidence.fix_type else ""
    if by or on or commit:
        how = "Learned from the commit after which it passed" if evidence.fix_learned else "Fixed"
        lines.append(f"- **{how}**{by}{on}{commit}{kind}")
    return lines + ([f"- **Note:** {prose(evidence.note, 600)}"] if evidence.note.strip() else [])


def outcomes(evidence: Evidence, now: datetime) -> str:
    """What its fix has done so far, in words of our own."""
    tried = evidence.fix_worked + evidence.fix_failed
    if not tried:
        return "it has not proved itself yet"
    last = f", last {_ago(evidence.fix_last_worked, now)}" if evidence.fix_last_worked else ""
    return f"worked {evidence.fix_worked} of {tried}{last}, in {_repositories(max(1, evidence.fix_repositories))}"


def _diagnosis(analysis: Analysis, said: Diagnosis) -> list[str]:
    who = code(analysis.analyst, 100) or "an analyst"
    later = "; rules answered for now, the model's analysis follows" if analysis.provisional else ""
    return [
        f"- **Diagnosis** by {who}, not a proven fix{later}: {prose(said.summary)}",
        f"- **Likely cause:** {prose(said.likely_cause)}",
        f"- **Try:** {prose(said.suggested_fix)}",
        f"- **Prevention:** {prose(said.prevention)}",
    ]


def _when_wrong(analysis: Analysis, build: Build) -> list[str]:
    wrong = wrong_command(analysis, build.tenant)
    if not wrong:
        return []
    whose = f" --tenant {build.tenant}" if build.tenant != "default" else ""
    fixed = f'ci-memory-report resolution --pattern-id {analysis.pattern_id} --fix-type … --fix-description "…"{whose}'
    if " veto " in wrong:
        return ["", f"Is this fix wrong? {code(wrong)} and nobody gets it again. Another one helped? {code(fixed)}"]
    return ["", f"Found the fix? {code(fixed)} Is the diagnosis wrong? {code(wrong)} and it is analysed afresh."]


def wrong_command(analysis: Analysis, tenant: str) -> str:
    """The command for when the answer is wrong: it vetoes its fix, or else has the failure analysed afresh; '' where none can."""
    pattern_id, evidence = analysis.pattern_id or "", analysis.evidence
    if not _PATTERN.fullmatch(pattern_id):
        return ""
    whose = f" --tenant {tenant}" if tenant != "default" else ""
    if evidence is not None and evidence.source == "fix" and _FIX.fullmatch(evidence.fix_id):
        return f'ci-memory patterns veto {pattern_id} {evidence.fix_id} --why "…"{whose}'
    return f'ci-memory patterns forget {pattern_id} --why "…"{whose}'


def _others(analysis: Analysis, others: Mapping[str, Failed]) -> list[str]:
    if not analysis.others:
        return []
    lines = ["", f"{len(analysis.others)} more failed in this job:", ""]
    for other in analysis.others[:MOST_OTHERS]:
        failed = others.get(other.event_id, Failed(test_id=other.test_id))
        named = code(failed.test_id or failed.headline) or prose(other.message, 200)
        known = {"known_pattern": "known", "new_pattern": "new"}.get(other.status, "not analysed yet")
        lines.append(f"- {known}: {named}{f' ({code(other.pattern_id, 100)})' if other.pattern_id else ''}")
    left = len(analysis.others) - MOST_OTHERS
    return [*lines, f"- and {left} more"] if left > 0 else lines


def _flaky(analysis: Analysis, evidence: Evidence, failed: Failed) -> str:
    what = code(failed.test_id or failed.headline, 200) or code(analysis.category)
    held = ", in quarantine" if analysis.pattern_status == "quarantined" else ""
    passed = f"passed when run again in {evidence.flaky_episodes} of {evidence.episodes} builds"
    return f"**Known flaky:** {what} {passed}{held} ({code(analysis.pattern_id or '', 100)})\n"


def _outbreak(analysis: Analysis, evidence: Evidence, failed: Failed, build: Build) -> str:
    since = f" since {evidence.outbreak_since:%H:%M} UTC" if evidence.outbreak_since else ""
    size = f"{evidence.outbreak_builds} builds in {_repositories(evidence.outbreak_repositories)}{since}"
    said = [f"**An outbreak, probably infrastructure and not this change:** {size} fail alike"]
    said[0] += f" ({code(analysis.pattern_id, 100)})." if analysis.pattern_id else "."
    if failed.headline.strip():
        said.append(f"It says {code(failed.headline)}.")
    if analysis.analysis is not None:
        said.append(
            f"Likely cause, by {code(analysis.analyst, 100) or 'an analyst'}: {prose(analysis.analysis.likely_cause, 600)}"
        )
    elif analysis.suggested_fix:
        said.append(f"What helped before: {prose(analysis.suggested_fix, 600)}")
    return _within([" ".join(said)])


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _repositories(number: int) -> str:
    return "1 repository" if number == 1 else f"{number} repositories"


def _ago(moment: datetime, now: datetime) -> str:
    passed = now - moment
    if passed < timedelta(hours=1):
        return "within the last hour"
    if passed < timedelta(days=2):
        hours = int(passed / timedelta(hours=1))
        return f"{hours} hour{'s' if hours > 1 else ''} ago"
    return f"{passed.days} days ago"
