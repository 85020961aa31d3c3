"""Nothing of a log is a mention, a link, an emoji or a format where a chat shows it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_producers.comment.content import Build, Failed
from ci_memory_producers.events import Analysis, Diagnosis, Evidence
from ci_memory_workers.domain.chat_text import MOST, Told, failure_message, outbreak_over_message, span, words
from ci_memory_workers.domain.notice import Place
from ci_memory_workers.domain.pattern import Outbreak
from nasty_texts import NASTY

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SHA = "9f3c2e1a" * 5
BUILD = Build("acme/shop", "CI / unit", SHA, "https://code.example.com/acme/shop/runs/1", "https://code.example.com", "github")
PLACE = Place("acme/shop", "main", "main", SHA, "1", "CI / unit", 1, "github", BUILD.url, 1, 0)
MRKDWN = [
    "<!channel> down", "<!here|here>", "<!everyone>", "<@U024BE7LH>", "<#C024BE7LR|general>", "<!subteam^SAZ94GDB8|@ops>",
    "<!date^1392734382^Posted {date}|x>", "<https://evil.example|click>", "<mailto:x@evil.example|x>", "@channel", "@here",
    "@everyone", "@all", "#general", ":fire::skull:", "*bold*", "_em_", "~gone~", "`code`", "```\nblock\n```", "> quote",
    "&gt; quote", "&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;", "\n<!channel>", "a`<!channel>`b", "`<!channel>", "<!channel",
    "https://evil.example/x www.evil.example", "javascript:alert(1)", "<>", "|", "<|>", "•", "\u2028<!here>",
]  # fmt: skip
ALL = NASTY + MRKDWN

SPAN = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"<https://code\.example\.com/[\w./-]*\|[\w ]+>")
ENTITY = re.compile(r"&(?:amp|lt|gt);")
MEANING = re.compile(r"[<>&`@#~_|\\]|https?:/|www\.\w|:\w+:|\*(?!(?:New|Known|Came|An|The))", re.IGNORECASE)
"""What outside of code might mean something to some chat; our own titles are bold."""


def assert_is_text(said: str) -> None:
    """Beside our own links and titles, whatever may mean something stands in code, and no ``<`` is left anywhere."""
    for line in said.split("\n"):
        ours = LINK.sub("", line)
        assert "<" not in ours, line
        assert ">" not in ours, line
        assert "&" not in ENTITY.sub("", ours), line
        outside = SPAN.sub("", ours)
        outside = re.sub(
            r"\*(New failure|Known failure|Known flaky:|Came back after its fix|An outbreak[^*]*|The outbreak[^*]*)\*",
            "",
            outside,
        )
        assert not MEANING.search(outside), (outside, line)


@pytest.mark.parametrize("nasty", ALL)
def test_nothing_nasty_survives(nasty: str) -> None:
    for said in (span(nasty), words(nasty), words(f"The test said {nasty}, and ended."), words(f"({nasty})"), words(f"x{nasty}")):
        assert_is_text(said)


PILES = st.lists(st.sampled_from(ALL), max_size=6)


@given(st.text(max_size=400) | PILES.map(" ".join) | PILES.map("".join))
def test_nothing_made_of_anything_survives(text: str) -> None:
    assert_is_text(span(text))
    assert_is_text(words(text))


@given(st.text(alphabet="*_~`<>!@#a1 \n/:.-|&;$\"'()", max_size=80))
def test_a_reader_sees_what_the_log_said(text: str) -> None:
    assert unescape(span(text, 1_000).strip("`")).split() == text.replace("`", "'").split() or "&" in text


def analysis(**fields: Any) -> Analysis:
    usual: dict[str, Any] = {
        "status": "new_pattern", "event_id": "event-0001", "pattern_id": "pat_aaaaaaaaaaaa", "similar_failures": 3,
        "analyst": "model-x", "analysis": Diagnosis(summary="s", likely_cause="c", suggested_fix="f", prevention="p"),
    }  # fmt: skip
    return Analysis.model_validate(usual | fields)


def known(source: str = "fix", **fields: Any) -> Analysis:
    evidence = {"source": source, "occurrences": 4, "repositories": 2, "episodes": 4, **fields.pop("evidence", {})}
    usual = {"status": "known_pattern", "evidence": Evidence.model_validate(evidence), "suggested_fix": "set AUTH_TOKEN"}
    return analysis(**(usual | fields))


def message(*told: Analysis, failed: Failed | None = None, place: Place = PLACE, build: Build = BUILD, more: int = 0) -> str:
    said = failed or Failed("assert 401 == 200", "tests/test_a.py::test_it")
    return failure_message([Told(one, said) for one in told], place, build, more=more, now=NOW)


@pytest.mark.parametrize("nasty", [one for one in ALL if one != "\ud800"])  # no JSON, and so no answer, holds it
@pytest.mark.parametrize("kind", ["new", "fixed", "known", "flaky", "outbreak"])
def test_no_part_of_a_message_lets_anything_through(kind: str, nasty: str) -> None:
    diagnosis = Diagnosis(summary=nasty, likely_cause=nasty, suggested_fix=nasty, prevention=nasty)
    evidence = {"fix_commit": nasty, "fixed_by": nasty, "fix_repo": nasty, "note": nasty, "fix_id": nasty}
    one = {
        "new": analysis(analysis=diagnosis, analyst=nasty),
        "fixed": known(suggested_fix=nasty, evidence=evidence),
        "known": known("analysis", analysis=None, suggested_fix=nasty),
        "flaky": known("analysis", pattern_status="flaky"),
        "outbreak": known("analysis", analysis=diagnosis, evidence={"outbreak_builds": 9, "outbreak_repositories": 4}),
    }[kind]
    place = Place(nasty, nasty, nasty, nasty, "1", nasty, 1, nasty, nasty, 1, 0)
    build = Build(nasty, nasty, nasty, nasty, nasty, "github")

    assert_is_text(message(one, failed=Failed(nasty, nasty), place=place, build=build))


def test_a_known_failure_comes_with_its_fix_its_evidence_and_the_way_out() -> None:
    evidence = {
        "fix_id": "fix1", "fix_commit": "abcdef1234567890", "fix_repo": "acme/shop", "fix_worked": 3, "fix_failed": 1,
        "fix_repositories": 2, "first_seen": datetime(2026, 11, 2, tzinfo=UTC),
    }  # fmt: skip
    lines = message(known(pattern_status="resolved", evidence=evidence)).split("\n")

    assert lines[0].startswith("*Came back after its fix* on `main` of `acme/shop`")
    assert "`assert 401 == 200`, test `tests/test_a.py::test_it`, job `CI / unit`" in lines[0]
    assert lines[1:] == [
        "Seen before: 4 times in 2 repositories, since 2026-11-02",
        "Fix: set `AUTH_TOKEN` (worked 3 of 4, in 2 repositories in "
        "<https://code.example.com/acme/shop/commit/abcdef1234567890|abcdef123456>)",
        'Wrong? `ci-memory patterns veto pat_aaaaaaaaaaaa fix1 --why "…"`',
    ]


def test_what_is_flaky_is_one_line() -> None:
    said = message(known("analysis", pattern_status="quarantined", evidence={"flaky_episodes": 3}))

    assert said == (
        "*Known flaky:* `tests/test_a.py::test_it` in `acme/shop` passed when run again in 3 of 4 builds (`pat_aaaaaaaaaaaa`)"
    )


def test_a_message_is_bounded_and_says_what_it_leaves_out() -> None:
    long = Failed("&" * 10_000, "<" * 10_000)
    said = message(*[known(suggested_fix="<&>" * 3_000) for _ in range(20)], failed=long, more=30)
    short = message(*[analysis() for _ in range(9)], more=30)

    assert len(said) <= MOST
    assert said.startswith("*Known failure*")
    assert short.endswith("and 34 more in this job")


def test_an_outbreak_that_is_over_is_one_line() -> None:
    outbreak = Outbreak(since_ms=0, last_ms=0, builds=12, repositories=5)
    said = outbreak_over_message("pat_aaaaaaaaaaaa", "<!channel> down", outbreak, since=NOW, until=NOW)

    assert said == (
        "*The outbreak is over:* 12 builds in 5 repositories failed with `&lt;!channel&gt; down` "
        "from 12:00 to 12:00 UTC (`pat_aaaaaaaaaaaa`)"
    )
