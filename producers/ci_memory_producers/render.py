"""The answer, for a person at a terminal. Control characters of a log never reach the terminal."""

from __future__ import annotations

from .events import Analysis

_CONTROL = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)))


def plain(text: str) -> str:
    """``text`` without control characters; line ends and tabs stay."""
    return text.translate(_CONTROL)


def render(analysis: Analysis) -> str:
    """A few lines that say what is known and what to do."""
    lines = [_title(analysis), f"  {analysis.message}"]
    if analysis.status == "known_pattern":
        lines += _known(analysis)
    elif analysis.analysis is not None:
        said = analysis.analysis
        lines += [
            f"  what failed   {said.summary}",
            f"  likely cause  {said.likely_cause}",
            f"  try           {said.suggested_fix}",
            f"  prevention    {said.prevention}",
        ]
    if analysis.pattern_id:
        lines.append(
            f"  when fixed    ci-memory-report resolution --pattern-id {analysis.pattern_id} --fix-type … --fix-description …"
        )
    lines += [
        f"  also          {other.pattern_id or other.event_id}: {other.test_id or other.message}" for other in analysis.others
    ]
    return plain("\n".join(lines))


def _title(analysis: Analysis) -> str:
    name = {"known_pattern": "KNOWN FAILURE", "new_pattern": "NEW FAILURE", "pending": "NOT ANSWERED YET"}[analysis.status]
    where = f" · {analysis.category}" + (f" ({analysis.signal})" if analysis.signal else "")
    sure = f" · confidence {analysis.confidence:.0%}" if analysis.status == "known_pattern" else ""
    return f"{name} {analysis.pattern_id or ''}{where}{sure}"


def _known(analysis: Analysis) -> list[str]:
    lines = []
    if analysis.suggested_fix:
        label = "fix" if analysis.evidence and analysis.evidence.source == "fix" else "try"
        lines.append(f"  {label:13} {analysis.suggested_fix}")
    evidence = analysis.evidence
    if evidence and evidence.source == "fix":
        by = f" by {evidence.fixed_by}" if evidence.fixed_by else ""
        commit = f", commit {evidence.fix_commit}" if evidence.fix_commit else ""
        lines.append(f"  fixed         {evidence.resolved_at:%Y-%m-%d}{by}{commit} ({evidence.fix_type})")
    if analysis.last_seen:
        lines.append(f"  last seen     {analysis.last_seen:%Y-%m-%d %H:%M} UTC")
    return lines
