"""Secrets that are known by where they stand: in a URL, a header, a command line, a workflow command."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ci_memory_producers.redact.shapes import Span

_MASKED = r"(?!\*{3}|\[[A-Z][A-Za-z_:]{2,60}\]|\$[A-Za-z_({]|\{\{|<[\w .-]{0,60}>|%[A-Za-z_]\w{0,60}%)"
_USERINFO = re.compile(rf"://[^\s/@:\"'<>?#`\\\[]{{0,200}}:{_MASKED}(?P<s>[^\s/?\"'<>`\\]{{1,500}})@(?!sha\d)")
_USER_ONLY = re.compile(r"://(?P<s>[A-Za-z0-9_~-]{20,500}+)@")
_SCHEME = (
    r"(?:Bearer|Basic|Token|Digest|ApiKey|Api-Key|Negotiate|NTLM|Bot|OAuth|SSWS|Splunk|GoogleLogin|JWT|Key"
    r"|AWS4-HMAC-SHA256)"
)
_AUTHORIZATION = re.compile(
    rf"authorization\\{{0,3}}[\"'`]?\]?[ \t]{{0,8}}(?:=>|[:=])[ \t]{{0,8}}{_MASKED}\[?(?:[bru]{{0,2}}\\{{0,3}}[\"'`])?"
    rf"(?:(?P<whole>(?:Digest|AWS4-HMAC-SHA256)[ \t]{{1,4}}{_MASKED}[^\n]++)"
    rf"|(?>(?P<scheme>{_SCHEME}(?:[ \t]{{1,4}}|(?=[\"'`\s]|\Z)))?)"
    rf"{_MASKED}(?P<s>[^\s\"'`\\]++)(?P<more>[ ]{{1,4}}[a-z]{{1,20}})?)",
    re.IGNORECASE,
)
_AUTHORIZATION_WORD = re.compile("authorization")
_SCHEME_WORD = re.compile("b(?:earer|asic)")
_SCHEMES = re.compile(
    rf"(?:bearer[ \t]{{1,4}}{_MASKED}(?=[A-Za-z._~+/=-]{{0,200}}+\d)"
    r"|basic[ \t]{1,4}(?=[A-Za-z+/]{12,200}+=|[A-Za-z+/]{0,200}+\d))"
    r"(?P<s>[\w.~+/=-]{12,}+)",
    re.IGNORECASE,
)
_COOKIE_WORD = re.compile("cookie")
_COOKIE = re.compile(
    r"cookies?\\{0,3}[\"']?[ \t]{0,8}[:=][ \t]{0,8}\[?\\{0,3}[\"']?(?P<s>(?=[\w.%-]{1,100}=[^\s=])[^\n\"'\r\\]++)",
    re.IGNORECASE,
)
_FLAG = re.compile(r" -(?P<letter>[pau]|-user|-proxy-user)")
_SHORT_VALUE = re.compile(rf"(?P<gap>[ =]{{0,2}})[\"']?{_MASKED}(?P<s>[^\s\"'-][^\s\"']*+)")
_USER_AND_PASSWORD = re.compile(rf"[ =]{{0,2}}[\"']?[^\s:\"']{{1,100}}:{_MASKED}(?P<s>[^\s\"']++)")
_CURL = re.compile(r"\bcurl\b[^\n]*\Z")
_SPACED = re.compile(r"\b(?:login|sshpass|redis-cli)\b[^\n]*\Z")
_GLUED = re.compile(r"\b(?:mysql\w*|mariadb\w*|sshpass|7z)\b[^\n]*\Z")
_COMMAND = re.compile("::(?:add-mask|set-|save-)")
_ADD_MASK = re.compile(r"::add-mask::(?P<s>(?!\*{3}|\[REDACTED:)[^\n]++)")
_SET_ENV = re.compile(rf"::(?:set-env|set-output|save-state) name=(?P<name>[\w.-]{{1,100}})::{_MASKED}(?P<s>[^\n]++)")
_SET_VARIABLE = re.compile(
    r"##vso\[task\.setvariable variable=(?P<name>[\w.-]{1,100})[^\]\n]{0,100}\]" rf"{_MASKED}(?P<s>[^\n]++)"
)
_SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|_pass\b|pwd|api_?key|access_?key|private_?key|credential", re.IGNORECASE
)
_REACH = 300


def find_in_context(text: str, lower: str) -> Iterator[Span]:
    """Spans of the secrets that their surroundings give away. ``lower`` is ``text`` in lower case, equally long."""
    if "@" in text and "://" in text:
        yield from _each(_USERINFO, text, "url_password")
        yield from _each(_USER_ONLY, text, "url_password")
    yield from _at(_SCHEME_WORD, _SCHEMES, text, lower, "authorization")
    yield from _at(_COOKIE_WORD, _COOKIE, text, lower, "cookie")
    yield from _authorizations(text, lower)
    for flag in _FLAG.finditer(text):
        yield from _flag_value(text, flag)
    if _COMMAND.search(text):
        yield from _each(_ADD_MASK, text, "masked_value")
        yield from _variables(_SET_ENV, text)
    if "##" in text:
        yield from _variables(_SET_VARIABLE, text)


def _each(pattern: re.Pattern[str], text: str, kind: str) -> Iterator[Span]:
    return (Span(*match.span("s"), kind) for match in pattern.finditer(text))


def _at(word: re.Pattern[str], pattern: re.Pattern[str], text: str, lower: str, kind: str) -> Iterator[Span]:
    """Secrets where ``pattern`` matches at a ``word`` of the text in lower case."""
    hit = word.search(lower)
    while hit:
        match = pattern.match(text, hit.start())
        if match:
            yield Span(*match.span("s"), kind)
        hit = word.search(lower, match.end() if match else hit.end())


def _authorizations(text: str, lower: str) -> Iterator[Span]:
    hit = _AUTHORIZATION_WORD.search(lower)
    while hit:
        match = _AUTHORIZATION.match(text, hit.start())
        if match:
            group = "whole" if match["whole"] else "s"
            prose = group == "s" and not match["scheme"] and match["more"] and match["s"].isalpha()
            if not prose:
                yield Span(*match.span(group), "authorization")
        hit = _AUTHORIZATION_WORD.search(lower, match.end() if match else hit.end())


def _flag_value(text: str, flag: re.Match[str]) -> Iterator[Span]:
    """``docker login -p X``, ``sshpass -p X``, ``mysql -pX``, ``redis-cli -a X``: never a lone ``-p``, it means ports too."""
    letter = flag["letter"]
    match = (_SHORT_VALUE if letter in "pa" else _USER_AND_PASSWORD).match(text, flag.end())
    if match is None:
        return
    command = _CURL if letter not in "pa" else _SPACED if match["gap"] else _GLUED
    if command.search(text, max(0, flag.start() - _REACH), flag.start()):
        yield Span(*match.span("s"), "password")


def _variables(pattern: re.Pattern[str], text: str) -> Iterator[Span]:
    return (Span(*match.span("s"), "variable") for match in pattern.finditer(text) if _SECRET_NAME.search(match["name"]))
