"""Nothing of a log is Markdown, HTML, a mention, a reference, a link or an image where a comment shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ci_memory_producers.comment.text import code, one_line, prose
from nasty_texts import NASTY

GFM = MarkdownIt("gfm-like", {"linkify": True, "html": True})
"""Tables, strikethrough and bare addresses as links, as on GitHub and GitLab."""

MENTION = re.compile(r"(?<!\w)@\w")
REFERENCE = re.compile(r"(?:#|!|&|~|%|\$|\^|GH-)\w|\w@\w|:\w+:", re.IGNORECASE)
COMMIT = re.compile(r"\b[0-9a-f]{7,64}\b")
PLAIN = {"paragraph_open", "paragraph_close", "inline"}


def tokens(markdown: str) -> Iterator[Token]:
    for token in GFM.parse(markdown):
        yield token
        yield from token.children or ()


def assert_is_text(said: str, prefix: str = "It says ") -> None:
    """``said`` behind our own words is one paragraph of text and code; what is text can't be read as anything else."""
    for token in tokens(prefix + said):
        assert token.type in PLAIN | {"text", "code_inline"}, (token.type, said)
        if token.type == "text":
            for pattern in (MENTION, REFERENCE, COMMIT):
                assert not pattern.search(token.content), said
    assert "\n" not in said


def shown(said: str) -> str:
    """What a reader sees."""
    return "".join(token.content for token in tokens("x " + said) if token.type in ("text", "code_inline"))[2:]


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_nasty_survives(nasty: str) -> None:
    for said in (
        code(nasty),
        prose(nasty),
        prose(f"The test said {nasty}, and then ended."),
        prose(f"x{nasty}"),
        prose(f"({nasty})"),
    ):
        assert_is_text(said)


PILES = st.lists(st.sampled_from(NASTY), max_size=6)


@given(st.text(max_size=400) | PILES.map(" ".join) | PILES.map("".join))
def test_nothing_made_of_anything_survives(text: str) -> None:
    assert_is_text(code(text))
    assert_is_text(prose(text))


@given(st.text(alphabet="`\\*_[]()<>!@#a1 \n/:.-~|&$\"'", max_size=80))
def test_nothing_made_of_what_means_something_survives_and_all_of_it_is_seen(text: str) -> None:
    for said in (code(text), prose(text)):
        assert_is_text(said)
        assert shown(said).split() == text.split() or "`" in text
    assert shown(code(text)) == " ".join(text.split())


def test_words_stay_words_and_names_stand_in_code() -> None:
    assert prose("Set AUTH_TOKEN for this job (its environment, its secrets), then run test_profile alone.") == (
        "Set `AUTH_TOKEN` for this job (its environment, its secrets), then run `test_profile` alone."
    )
    assert (
        prose("Don't pin foo==1.2.3 / bar>=2 - it's 50% slower: 3.5 s")
        == "Don't pin `foo==1.2.3 / bar>=2` - it's 50% slower: 3.5 s"
    )


def test_words_that_may_be_commits_or_tickets_stand_in_code() -> None:
    assert prose("the defaced facade of TICKET-a, a well-known one") == "the `defaced` facade of `TICKET-a`, a well-known one"


def test_a_span_is_longer_than_any_tick_in_it() -> None:
    assert code("a``b`c") == "```a``b`c```"
    assert code("`a`") == "`` `a` ``"
    assert (code(""), code(" \n"), prose("")) == ("", "", "")


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert code("x" * 400) == "`" + "x" * 299 + "…`"
    assert len(prose("word " * 1_000)) == 1_500
    assert one_line("\u200b" * 5_000 + "x", 10) == "…"


def test_what_reorders_or_hides_is_gone() -> None:
    assert one_line("a\u202eb\u2066c\x1b[1m\u200bd\u2028e\tf", 50) == "a b c [1m d e f"
