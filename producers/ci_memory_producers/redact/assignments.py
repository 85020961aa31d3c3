"""Secrets that are known by the name they are given: ``KEY=value``, ``"key": "value"``, ``--key value``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ci_memory_producers.redact.shapes import Span
from ci_memory_producers.redact.values import Binding, secret_value

_WORDS = {
    "token": ("token", "[sS]?"),
    "secret": ("secret", "[sS]?"),
    "passw": ("password", "(?:[oO][rR][dD]|[oO][rR][tT]|[dD])[sS]?"),
    "passphrase": ("password", "[sS]?"),
    "_pass": ("password", ""),
    "pwd": ("password", ""),
    "key": ("key", ""),
    "auth": ("auth", ""),
    "credential": ("credential", "[sS]?"),
}
"""Words that make a name a secret's, in lower case: the kind, and how the word goes on."""

_ANSI = r"(?:\x1b\[[\d;]{0,12}m){0,3}"
_QUOTE = r"\\{0,3}[\"'`]?"
_BLANK = r"[ \t]{0,30}"
_TAIL = r"(?P<tail>(?:[_.-]|(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d))[\w.-]{0,60}+)?(?![A-Za-z0-9])"
_SIGN = rf"{_ANSI}{_QUOTE}\]?{_ANSI}{_BLANK}(?P<sign>=>|:=|=(?![=~])|:(?!:)){_ANSI}{_BLANK}{_ANSI}"
_NAME_AND_VALUE = r"[\"']?\s{0,20},?\s{0,20}[\"']?[vV]alue[\"']?\s{0,4}[:=]\s{0,4}"
_ELEMENT = r"(?P<element>>)(?=[^<>\n]{1,200}</)"
_SPACE = r"(?P<space>[ \t]{1,4})(?=\S)"

_AFTER = {
    word: re.compile(f"{rest}{_TAIL}(?:{_SIGN}|{_ELEMENT}|{_SPACE}|{_NAME_AND_VALUE})") for word, (_, rest) in _WORDS.items()
}
"""What follows a word of `_WORDS` up to the value: the rest of the name, and what binds it to the value."""
_VALUE_AFTER_SPACE = re.compile(rf"{_NAME_AND_VALUE}")

_HARMLESS_TAIL = re.compile(
    r"(?:names?|ids?|refs?|types?|path|files?|dir|ur[li]s?|arn|count|length|len|size|limits?|ttl|expir\w*|version"
    r"|policy|prefix|regex|pattern|format|header|field|param\w*|provider|source|endpoint|class|scopes?|enabled|disabled"
    r"|required|index|budget|rate|usage|mode|stdin|rotation|manager|reset|algorithm|alg|strength|min|max|age|status"
    r"|state|errors?|exists|valid\w*|location|region|store|namespace|mount|ring|chain|used|left|at|timeout|fingerprint)\Z",
    re.IGNORECASE,
)
_SECRET_KEYS = re.compile(
    r"(?:api|access|secret|private|encrypt|encryption|sign|signing|account|master|auth|storage|ssh|deploy|app"
    r"|application|client|consumer|service|subscription|admin|root|session|hmac|jwt|crypto?|cipher|sas|functions"
    r"|license|shared|aes|webhook|integration|ingest|ingestion|fernet)[_. -]?\Z",
    re.IGNORECASE,
)
_FLAG_BEFORE = re.compile(r"(?:(?<![\w-])--?[A-Za-z]?|\bset -g?x |\bsetenv |\bENV )[\w.-]{0,40}\Z")
_LOGIN_BEFORE = re.compile(r"\bmachine\s+\S{1,100}\s+(?:(?:login|account)\s+\S{1,100}\s+)?\Z")
_NOT_A_NAME_BEFORE = re.compile(r"(?:(?:unexpected|unknown|illegal) |\blib|\[REDACTED:[a-z_]{0,40})\Z", re.IGNORECASE)
_LETTER = re.compile(r"[A-Za-z]")


def find_assignments(text: str, lower: str) -> Iterator[Span]:
    """Spans of the values that a secret's name is bound to. ``lower`` is ``text`` in lower case, equally long."""
    for word, (kind, _) in _WORDS.items():
        at = lower.find(word)
        while at >= 0:
            after = _AFTER[word].match(text, at + len(word))
            span = _assigned(text, at, word, kind, after) if after else None
            if span:
                yield span
            at = lower.find(word, span.end if span else at + len(word))


def _assigned(text: str, at: int, word: str, kind: str, after: re.Match[str]) -> Span | None:
    if not _names_a_secret(text, at, word) or _HARMLESS_TAIL.search(after["tail"] or ""):
        return None
    start = after.end()
    if after["space"]:
        pair = _VALUE_AFTER_SPACE.match(text, after.start("space"))
        if pair:
            return secret_value(text, pair.end(), kind, Binding.PAIR)
        if _FLAG_BEFORE.search(text, max(0, at - 60), at):
            return secret_value(text, start, kind, Binding.FLAG)
        if word == "passw" and _LOGIN_BEFORE.search(text, max(0, at - 240), at):
            return secret_value(text, start, kind, Binding.FLAG)
        return None
    if after["element"]:
        return secret_value(text, start, kind, Binding.ELEMENT)
    if after["sign"] is None:
        return secret_value(text, start, kind, Binding.PAIR)
    if after["sign"] == ":":
        return secret_value(text, start, kind, Binding.COLON, own_word=word)
    shell = text[at : at + len(word)].isupper() and after["sign"] == "="
    return secret_value(text, start, kind, Binding.SHELL if shell else Binding.EQUALS, own_word=word)


def _names_a_secret(text: str, at: int, word: str) -> bool:
    before = max(0, at - 60)
    if _NOT_A_NAME_BEFORE.search(text, before, at):
        return False
    if word == "key":
        return _SECRET_KEYS.search(text, before, at) is not None
    if word == "auth":
        return at == 0 or not _LETTER.match(text, at - 1)
    return True
