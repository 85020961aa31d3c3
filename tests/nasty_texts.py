"""What a log may hold that would mean something where people discuss it: to Markdown, GitHub, GitLab, a chat, a terminal."""

from __future__ import annotations

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
