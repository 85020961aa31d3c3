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

GFM = MarkdownIt("gfm-like", {"linkify": True, "html": True})
"""Tables, strikethrough and bare addresses as links, as on GitHub and GitLab."""

NASTY = [
    "@maintainer please look", "ping @acme/admins", "see #123 and acme/shop#4, GH-17, acme/shop@9f3c2e1",
    "fixes #1", "!42 and &5 and $9 and ~bug and %milestone and ^alert#3", "9f3c2e1a9f3c2e1a9f3c2e1a9f3c2e1a9f3c2e1a",
    "deadbee", "![x](https://evil.example/p.png)", "[click](javascript:alert(1))", "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>", "<!-- ci-memory:0123456789abcdef resolved -->", "--> <b>x", "&lt;b&gt; &#64;all &commat;all",
    "https://evil.example/?q=1 www.evil.example ftp://evil.example someone@evil.example mailto:x@evil.example",
    "**bold** _em_ ~~gone~~ __x__ ***y***", "`tick` ``two`` ```three", "`", "``", "\\`a`", "a`b", "`@all`", "`` ` @all",
    "# title", "> quote", "> [!WARNING]\n> x", "- item", "1. item", "+ a", "* a", "---", "===", "a\n===\n", "a\n\n# b",
    "```suggestion\nevil\n```", "~~~\nx\n~~~", "    indented", "\tindented", "| a | b |\n|---|---|\n| 1 | 2 |", "[^1]: note",
    "[a]: https://evil.example\n[a]", "$\\unicode{x}$ $$x$$ $`x`$", ":tada: :+1:", "/close",
    "\n/assign @me\n", "{{7*7}} [[wiki]]",
    "a\u202eb\u2066c\u200b@all", "\u202e", "\x1b[31mred\x1b[0m @all", "\x00@all\x00", "a\r\n- b\r# c", "\u2028# x\u2029@all",
    "@\u200ball", "\ud800", "\U000e0041\U000e0042", "&nbsp;", "\\", "\\\\@all", "a\\", "<https://evil.example>", "<a@b.example>",
    "::error::x", "##[add-mask]x", "${{ secrets.TOKEN }}", "[[_TOC_]]", "[x] [ ]", "<details>",
    "</details>", "</summary>", "</code>",
    "*", "_", "(", ")", "[", "]", "!", "![", "](", "x](y", "http:", "www.", "!)",
    "'@all'", '("@all")', "(#1)", "x:@all", "@all,", "@all.",
]  # fmt: skip

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
