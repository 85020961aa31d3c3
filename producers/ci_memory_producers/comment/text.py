"""Text of a build log in Markdown, as text: nothing of it is Markdown, HTML, a mention, a reference, a link or an image.

What could mean anything to GitHub or GitLab stands in a code span, where both take it for text: no mention, no ``#1``, no commit,
no address is looked for in one. Words stay words. Both functions give one line that is never to stand at a line's beginning: a
first ``1.`` would be a list, and GitLab runs a first ``/close``.

Code spans: CommonMark 0.31, 6.1. Autolinks: GitHub Flavored Markdown, 6.9, and "Autolinked references and URLs".
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_CODE = 300
LONGEST_PROSE = 1_500
"""Characters, before the code spans are set."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|[0-9]{1,6}(?:[.,][0-9]{1,6})?%?|[-\u2013\u2014\u2026\u2192\u00b7]")
_MAYBE_LINK = re.compile(r"[0-9a-fA-F]{7,64}|[A-Z]{2,}-.*")
"""Words that may be a commit, or what a repository's own autolinks look for (``TICKET-a``)."""
_BEFORE, _AFTER = "(\"'", ".,;:!?)\"'\u2026"
_TICKS = re.compile(r"`+")


def one_line(text: str, longest: int) -> str:
    """``text`` on one line of at most ``longest`` characters, without any that can't be seen: they reorder or hide others."""
    # A character becomes at most one: what is cut off can't come back.
    seen = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text[: longest * 4])
    line = " ".join(seen.split())
    return line if len(line) <= longest and len(text) <= longest * 4 else line[: longest - 1].rstrip() + "\u2026"


def code(text: str, longest: int = LONGEST_CODE) -> str:
    """``text`` as one code span; empty for an empty one."""
    return _span(one_line(text, longest))


def prose(text: str, longest: int = LONGEST_PROSE) -> str:
    """``text`` with its words as they are, and everything else in code spans."""
    said: list[str] = []
    spanned: list[str] = []
    for token in one_line(text, longest).split(" "):
        start = len(token) - len(token.lstrip(_BEFORE))
        core = token[start:].rstrip(_AFTER)
        if not core or (_WORD.fullmatch(core) and not _MAYBE_LINK.fullmatch(core)):
            said += [*_joined(spanned), token]
        elif token == core:
            spanned.append(core)
        else:
            end = token[start + len(core) :]
            said += [*_joined(spanned), f"{token[:start]}{_span(core)}{end}"]
    return " ".join([*said, *_joined(spanned)])


def _joined(tokens: list[str]) -> list[str]:
    """One span for what stands side by side; ``tokens`` is empty after it."""
    found = [_span(" ".join(tokens))] if tokens else []
    tokens.clear()
    return found


def _span(line: str) -> str:
    if not line:
        return ""
    ticks = "`" * (max((len(run) for run in _TICKS.findall(line)), default=0) + 1)
    room = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{ticks}{room}{line}{room}{ticks}"
