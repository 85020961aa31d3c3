"""What a comment says of a failure, and that a log can add nothing to it but text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ci_memory_producers.comment.content import MOST_BYTES, Build, Failed, failure_comment
from ci_memory_producers.comment.marker import Marker, resolved
from ci_memory_producers.events import Analysis, Diagnosis, Evidence, OtherFailure

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PATTERN = "pat_aaaaaaaaaaaa"
SHA = "9f3c2e1a9f3c2e1a9f3c2e1a9f3c2e1a9f3c2e1a"
BUILD = Build(
    "acme/shop", "CI / test (3.12)", SHA, "https://github.example/acme/shop/actions/runs/1", "https://github.example", "github"
)
FAILED = Failed("assert 401 == 200", "tests/test_profile.py::test_member")
FIX = Evidence(
    source="fix", occurrences=12, repositories=3, first_seen=NOW - timedelta(days=30), fix_id="fix1", fix_type="config_change",
    fix_commit=SHA, fix_repo="acme/shop", fixed_by="dev@example.com", resolved_at=NOW - timedelta(days=20),
    fix_worked=7, fix_failed=1, fix_repositories=4, fix_last_worked=NOW - timedelta(days=3),
)  # fmt: skip
SAID = Diagnosis(
    summary="A token is missing", likely_cause="AUTH_TOKEN is not set", suggested_fix="Set it", prevention="Check it"
)
GFM = MarkdownIt("gfm-like", {"linkify": True, "html": True})


def known(evidence: Evidence | None = FIX, **fields: Any) -> Analysis:
    usual = {
        "status": "known_pattern", "event_id": "event-0001", "pattern_id": PATTERN, "pattern_status": "resolved",
        "confidence": 0.43, "suggested_fix": "set AUTH_TOKEN in the fixtures", "last_seen": NOW - timedelta(hours=5),
        "evidence": evidence,
    }  # fmt: skip
    return Analysis.model_validate({**usual, **fields})


def new(said: Diagnosis | None = None, **fields: Any) -> Analysis:
    usual = {
        "status": "new_pattern",
        "event_id": "event-0001",
        "pattern_id": PATTERN,
        "analysis": said or SAID,
        "analyst": "model-x",
    }
    return Analysis.model_validate({**usual, **fields})


def comment(analysis: Analysis, failed: Failed = FAILED, build: Build = BUILD) -> str:
    return failure_comment(analysis, failed, build, now=NOW)


def test_a_known_failure_with_its_fix_and_the_evidence_for_it() -> None:
    assert comment(known()).splitlines() == [
        "### Known failure",
        "",
        "- **What failed:** `assert 401 == 200`",
        "- **Test:** `tests/test_profile.py::test_member`",
        f"- **Job:** `CI / test (3.12)` at [`9f3c2e1a9f3c`](https://github.example/acme/shop/commit/{SHA})"
        " ([build](https://github.example/acme/shop/actions/runs/1))",
        "- **Seen before:** 12 times in 3 repositories, since 2026-02-08, last 5 hours ago",
        "- **Fix:** set `AUTH_TOKEN` in the fixtures",
        "- **Evidence:** worked 7 of 8, last 3 days ago, in 4 repositories",
        f"- **Fixed** by `dev@example.com` on 2026-02-18 in [`9f3c2e1a9f3c`](https://github.example/acme/shop/commit/{SHA})"
        " (config change)",
        "",
        f'Is this fix wrong? `ci-memory patterns veto {PATTERN} fix1 --why "…"` and nobody gets it again. Another one helped?'
        f' `ci-memory-report resolution --pattern-id {PATTERN} --fix-type … --fix-description "…"`',
    ]


def test_a_new_failure_has_its_diagnosis_marked_as_such_with_its_analyst() -> None:
    text = comment(new(), build=Build(tenant="acme"))

    assert "- **Diagnosis** by `model-x`, not a proven fix: A token is missing" in text
    assert "- **Likely cause:** `AUTH_TOKEN` is not set" in text
    assert f'`ci-memory patterns forget {PATTERN} --why "…" --tenant acme` and it is analysed afresh' in text
    assert "Seen before" not in text
    assert "Job" not in text


def test_what_rules_said_for_now_says_so() -> None:
    assert "by `rules`, not a proven fix; rules answered for now" in comment(new(analyst="rules", provisional=True))


def test_a_known_failure_without_a_fix_has_its_history_and_its_diagnosis() -> None:
    text = comment(
        known(Evidence(source="analysis", occurrences=2, repositories=1), analysis=SAID, analyst="rules", suggested_fix="x")
    )

    assert "- **Seen before:** 2 times in 1 repository, last 5 hours ago" in text
    assert "- **Diagnosis** by `rules`, not a proven fix" in text
    assert "veto" not in text


@pytest.mark.parametrize("status", ["flaky", "quarantined"])
def test_what_is_known_to_be_flaky_takes_one_line(status: str) -> None:
    evidence = FIX.model_copy(update={"flaky_episodes": 7, "episodes": 9})
    held = ", in quarantine" if status == "quarantined" else ""

    assert comment(known(evidence, pattern_status=status)) == (
        f"**Known flaky:** `tests/test_profile.py::test_member` passed when run again in 7 of 9 builds{held} (`{PATTERN}`)\n"
    )


def test_an_outbreak_is_one_message_and_more_than_flaky() -> None:
    evidence = FIX.model_copy(update={"outbreak_builds": 12, "outbreak_repositories": 5, "outbreak_since": NOW})
    text = comment(known(evidence, pattern_status="flaky", suggested_fix="", analysis=SAID, analyst="rules"))

    assert text == (
        "**An outbreak, probably infrastructure and not this change:** 12 builds in 5 repositories since 12:00 UTC fail alike"
        f" (`{PATTERN}`). It says `assert 401 == 200`. Likely cause, by `rules`: `AUTH_TOKEN` is not set\n"
    )


def test_a_pending_answer_says_what_failed_and_that_it_is_not_answered() -> None:
    text = comment(Analysis(status="pending", event_id="event-0001"))

    assert text.startswith("### Failure, not analysed yet")
    assert "`assert 401 == 200`" in text
    assert "has not answered in time" in text


def test_a_fix_that_never_had_to_prove_itself_and_was_learned_says_both() -> None:
    text = comment(
        known(FIX.model_copy(update={"fix_worked": 0, "fix_failed": 0, "fix_learned": True, "note": "pinned by dev: x"}))
    )

    assert "- **Evidence:** it has not proved itself yet" in text
    assert "- **Learned from the commit after which it passed** by" in text
    assert "- **Note:** pinned by dev: x" in text


@pytest.mark.parametrize(
    ("repo", "host", "forge", "href"),
    [
        ("acme/shop", "https://github.example", "github", f"https://github.example/acme/shop/commit/{SHA}"),
        ("acme/billing", "https://github.example", "github", f"https://github.example/acme/billing/commit/{SHA}"),
        ("acme/shop", "https://gitlab.example", "gitlab", f"https://gitlab.example/acme/shop/-/commit/{SHA}"),
        ("elsewhere/shop", "https://github.example", "github", None),
        ("acme/shop", "", "github", None),
        ("acme/shop", "javascript:alert(1)", "github", None),
        ("acme/shop", "https://jenkins.example", "", None),
        ("acme/shop) [x](https://evil.example", "https://github.example", "github", None),
    ],
)
def test_the_commit_of_a_fix_is_a_link_where_its_host_is_known(repo: str, host: str, forge: Any, href: str | None) -> None:
    text = comment(known(FIX.model_copy(update={"fix_repo": repo})), build=Build(repo="acme/shop", host=host, forge=forge))

    assert links(text) == ([href] if href else [])
    assert "9f3c2e1a9f3c" in text


def test_further_failures_are_named_and_not_all_of_many() -> None:
    others = tuple(OtherFailure(event_id=f"event-{n:04}", status="new_pattern", test_id=f"t::{n}") for n in range(13))
    text = comment(known(others=others))

    assert "13 more failed in this job:" in text
    assert "- new: `t::0`" in text
    assert text.endswith("- and 3 more\n")


def links(markdown: str) -> list[Any]:
    return [child.attrs["href"] for token in GFM.parse(markdown) for child in token.children or () if child.type == "link_open"]


def structure(markdown: str) -> list[str]:
    """What a comment is made of, beside its text."""
    flat = [one for token in GFM.parse(markdown) for one in (token, *(token.children or ()))]
    return [f"{token.type}{token.attrs.get('href', '')}" for token in flat if token.type not in ("text", "code_inline")]


def everywhere(text: str) -> list[tuple[Analysis, Failed, Build]]:
    """Comments of each kind, with ``text`` wherever a log, a person or a model may write."""
    said = Diagnosis(summary=text, likely_cause=text, suggested_fix=text, prevention=text)
    fix = FIX.model_copy(update={"fixed_by": text, "fix_commit": text, "fix_repo": text, "note": text, "fix_id": text})
    burst = fix.model_copy(update={"outbreak_builds": 3, "outbreak_repositories": 2})
    others = (OtherFailure(event_id="event-0002", status=text, pattern_id=text, test_id=text, message=text),)
    failed, build = Failed(text, text), Build(text, text, text, text, text, "github")
    analyses = [
        known(fix, suggested_fix=text, pattern_id=text, others=others),
        known(fix, pattern_status="flaky", pattern_id=text),
        known(burst, suggested_fix=text, pattern_id=text),
        known(burst, suggested_fix=text, analysis=said, analyst=text),
        known(None, suggested_fix=text),
        new(said, analyst=text, others=others, message=text),
    ]
    return [(analysis, failed, build) for analysis in analyses]


@given(st.text(min_size=1, max_size=300) | st.text(alphabet="`\\*_[]()<>!@#a1 \n/:.-~|&$\"'", min_size=1, max_size=60))
def test_a_log_adds_nothing_to_a_comment_but_text(text: str) -> None:
    for nasty, harmless in zip(everywhere(f"x{text}x"), everywhere("harmless"), strict=True):
        assert structure(comment(*nasty)) == structure(comment(*harmless))


@pytest.mark.parametrize("piece", ["`a ", "@", "\U0001f600` ", "word ", "<!--", "\n"])
def test_the_longest_answer_stays_below_what_a_forge_takes(piece: str) -> None:
    for analysis, failed, build in everywhere((piece * 4_000)[:3_999] + "x"):
        body = Marker.of("acme/shop", "test").on(comment(analysis, failed, build))
        assert len(body.encode()) <= MOST_BYTES + 200
        assert len(resolved(body, "j" * 300, SHA).encode()) < 65_536


def test_a_resolved_comment_says_so_first_and_keeps_what_was_said() -> None:
    marker = Marker.of("acme/shop", "test", outbreak=PATTERN)
    body = resolved(marker.on(comment(known())), "CI / test", SHA)

    assert Marker.read(body) == Marker(marker.key, "resolved")
    assert body.splitlines()[1] == "**Resolved:** `CI / test` passes at `9f3c2e1a9f3c`."
    assert "set `AUTH_TOKEN` in the fixtures" in body
    with pytest.raises(ValueError, match="no comment of ours"):
        resolved("somebody's", "", "")


def test_a_marker_is_read_as_it_was_written_and_at_the_beginning_alone() -> None:
    marker = Marker.of("acme/shop", "test", outbreak=PATTERN)

    assert Marker.read(marker.on("text")) == marker
    assert Marker.read(marker.on("text").replace("\n", "\r\n")) == marker
    assert Marker.read("> " + marker.on("text")) is None
    assert len({Marker.of("acme/shop", "a").key, Marker.of("acme/shop", "b").key, Marker.of("acme/sho", "pa").key}) == 3
