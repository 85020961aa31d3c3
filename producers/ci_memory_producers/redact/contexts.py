"""Secrets that are known by where they stand: in a URL, a header, a command line, a workflow command."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ci_memory_producers.redact.shapes import Span

_MASKED = r"(?!\*{3}|\[[A-Z][A-Za-z_:]{2,60}\]|\$[A-Za-z_({]|\{\{|<[\w .-]{0,60}>|%[A-Za-z_]\w{0,60}%)"
_USERINFO = re.compile(rf"://[^\s/@:\"'<>?#`\\]{{0,200}}:{_MASKED}(?P<s>[^\s/?\"'<>`\\]{{1,500}})@(?!sha\d)")
_USER_ONLY = re.compile(r"://(?P<s>[A-Za-z0-9_~-]{20,500}+)@")
_SCHEME = (
    r"(?:Bearer|Basic|Token|Digest|ApiKey|Api-Key|Negotiate|NTLM|Bot|OAuth|SSWS|Splunk|GoogleLogin|JWT|Key"
    r"|AWS4-HMAC-SHA256)"
)
_AUTHORIZATION = re.compile(
    rf"authorization\\{{0,3}}[\"'`]?\]?[ \t]{{0,8}}(?:=>|[:=])[ \t]{{0,8}}\[?(?:[bru]{{0,2}}\\{{0,3}}[\"'`])?"
    rf"(?:(?P<whole>(?:Digest|AWS4-HMAC-SHA256)[ \t]{{1,4}}{_MASKED}[^\n]++)"
    rf"|(?P<scheme>{_SCHEME}(?:[ \t]{{1,4}}|(?=[\"'`\s]|\Z)))?+{_MASKED}(?P<s>[^\s\"'`\\]++)(?P<more>[ ]+[a-z]+)?)",
    re.IGNORECASE,
)
_BEARER = re.compile(rf"bearer[ \t]{{1,4}}{_MASKED}(?=[A-Za-z._~+/=-]{{0,200}}+\d)(?P<s>[\w.~+/=-]{{12,}}+)", re.IGNORECASE)
_BASIC = re.compile(r"basic[ \t]{1,4}(?=[A-Za-z+/]{0,200}+[\d=])(?P<s>[A-Za-z0-9+/]{12,}+={0,2})", re.IGNORECASE)
_COOKIE = re.compile(
    r"cookies?\\{0,3}[\"']?[ \t]{0,8}[:=][ \t]{0,8}\[?\\{0,3}[\"']?(?P<s>(?=[\w.%-]{1,100}=[^\s=])[^\n\"'\r\\]++)",
    re.IGNORECASE,
)
_CURL_USER = re.compile(rf"(?<=\s)(?:-u|--(?:proxy-)?user)[ =]{{0,2}}[\"']?[^\s:\"']{{1,100}}:{_MASKED}(?P<s>[^\s\"']++)")
_SHORT_FLAG = re.compile(rf"(?<=\s)-[pa](?P<gap>[ =]{{0,2}})[\"']?{_MASKED}(?P<s>[^\s\"'-][^\s\"']*+)")
_SPACED = re.compile(r"\b(?:login|sshpass|redis-cli)\b[^\n]*\Z")
_GLUED = re.compile(r"\b(?:mysql\w*|mariadb\w*|sshpass|7z)\b[^\n]*\Z")
_ADD_MASK = re.compile(r"::add-mask::(?P<s>(?!\*{3}|\[REDACTED:)[^\n]++)")
_SET_VARIABLE = re.compile(
    r"(?:::(?:set-env|set-output|save-state)[ ]name=(?P<name>[\w.-]{1,100})::"
    r"|##vso\[task\.setvariable[ ]variable=(?P<variable>[\w.-]{1,100})[^\]\n]{0,100}\])"
    rf"{_MASKED}(?P<s>[^\n]++)"
)
_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|_pass\b|pwd|api_?key|access_?key|private_?key|credential", re.IGNORECASE
)
_REACH = 300


def find_in_context(text: str, lower: str) -> Iterator[Span]:
    """Spans of the secrets that their surroundings give away. ``lower`` is ``text`` in lower case, equally long."""
    if "://" in text:
        yield from _each(_USERINFO, text, "url_password")
        yield from _each(_USER_ONLY, text, "url_password")
    if "authorization" in lower:
        yield from _authorizations(text, lower)
    if "bearer" in lower:
        yield from _at(_BEARER, "bearer", text, lower, "authorization")
    if "basic" in lower:
        yield from _at(_BASIC, "basic", text, lower, "authorization")
    if "cookie" in lower:
        yield from _at(_COOKIE, "cookie", text, lower, "cookie")
    if "curl" in lower:
        for match in _CURL_USER.finditer(text):
            if lower.rfind("curl", max(0, match.start() - _REACH), match.start()) >= 0:
                yield Span(*match.span("s"), "password")
    if " -p" in text or " -a" in text:
        yield from _short_flags(text)
    if "::add-mask::" in text:
        yield from _each(_ADD_MASK, text, "masked_value")
    if "name=" in text or "##vso" in text:
        for match in _SET_VARIABLE.finditer(text):
            if _SECRET_NAME.search(match["name"] or match["variable"]):
                yield Span(*match.span("s"), "variable")


def _each(pattern: re.Pattern[str], text: str, kind: str) -> Iterator[Span]:
    return (Span(*match.span("s"), kind) for match in pattern.finditer(text))


def _at(pattern: re.Pattern[str], word: str, text: str, lower: str, kind: str) -> Iterator[Span]:
    at = lower.find(word)
    while at >= 0:
        match = pattern.match(text, at)
        if match:
            yield Span(*match.span("s"), kind)
        at = lower.find(word, match.end() if match else at + len(word))


def _authorizations(text: str, lower: str) -> Iterator[Span]:
    at = lower.find("authorization")
    while at >= 0:
        match = _AUTHORIZATION.match(text, at)
        if match:
            group = "whole" if match["whole"] else "s"
            prose = group == "s" and not match["scheme"] and match["more"] and match["s"].isalpha()
            if not prose:
                yield Span(*match.span(group), "authorization")
        at = lower.find("authorization", match.end() if match else at + 13)


def _short_flags(text: str) -> Iterator[Span]:
    """``docker login -p X``, ``sshpass -p X``, ``mysql -pX``, ``redis-cli -a X``: never a lone ``-p``, it means ports too."""
    for match in _SHORT_FLAG.finditer(text):
        command = _SPACED if match["gap"] else _GLUED
        if command.search(text, max(0, match.start() - _REACH), match.start()):
            yield Span(*match.span("s"), "password")
