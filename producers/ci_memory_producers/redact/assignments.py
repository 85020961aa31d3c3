"""Secrets that are known by the name they are given: ``KEY=value``, ``"key": "value"``, ``--key value``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ci_memory_producers.redact.shapes import Span
from ci_memory_producers.redact.values import Binding, secret_value

_WORDS = {
    "token": ("token", ""),
    "secret": ("secret", ""),
    "passw": ("password", "(?:[oO][rR][dD]|[oO][rR][tT]|[dD])"),
    "passphrase": ("password", ""),
    "pass": ("password", ""),
    "pwd": ("password", ""),
    "key": ("key", ""),
    "auth": ("auth", ""),
    "credential": ("credential", ""),
}
"""Words that make a name a secret's, in lower case: the kind, and how the word goes on."""
_MAY_BE_A_NUMBER = frozenset({"secret", "passw", "passphrase", "pwd"})

_ANSI = r"(?:\x1b\[[\d;]{0,12}m){0,3}"
_QUOTE = r"\\{0,3}[\"'`]?"
_BLANK = r"[ \t]{0,30}"
_TAIL = r"(?P<tail>(?:[_.-]|(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d))[\w.-]{0,60}+)?(?![A-Za-z0-9])"
_SIGN = rf"{_ANSI}{_QUOTE}\]?{_ANSI}{_BLANK}(?P<sign>=>|:=|=(?![=~])|:(?!:)){_ANSI}{_BLANK}{_ANSI}"
_NAME_AND_VALUE = r"[\"']?\s{0,20},?\s{0,20}[\"']?[vV]alue[\"']?\s{0,4}[:=]\s{0,4}"
_ELEMENT = r"(?P<element>>)(?=[^<>\n]{1,200}</)"
_SPACE = r"(?P<space>[ \t]{1,4}|[\"'],[ ]?(?=[\"']))(?=\S)"

_AFTER = {
    word: re.compile(f"{rest}(?P<plural>[sS])?{_TAIL}(?:{_SIGN}|{_ELEMENT}|{_SPACE}|{_NAME_AND_VALUE})")
    for word, (_, rest) in _WORDS.items()
}
"""What follows a word of `_WORDS` up to the value: the rest of the name, and what binds it to the value."""
_SCANS = (
    re.compile(r"k(?:(?P<key>ey)|(?P<token>(?<=tok)en))"),
    re.compile(r"c(?:(?P<credential>redential)|(?P<secret>(?<=sec)ret))"),
    re.compile(r"p(?:(?P<pwd>wd)|ass(?:(?P<passw>w)|(?P<passphrase>phrase)|(?P<pass>)))"),
    re.compile(r"uth(?P<auth>(?<=auth))"),
)
"""Find the words in lower case; each begins with a letter that is rare in its words, to skip ahead by."""
_PAIR = re.compile(_NAME_AND_VALUE)

_HARMLESS_TAIL = re.compile(
    r"(?:names?|ids?|refs?|types?|path|files?|dir|ur[li]s?|arn|count|length|len|size|limits?|ttl|expir\w*|version"
    r"|policy|prefix|regex|pattern|format|header|field|param\w*|provider|source|endpoint|class|scopes?|enabled|disabled"
    r"|required|index|budget|rate|usage|mode|stdin|rotation|manager|reset|algorithm|alg|strength|min|max|age|status"
    r"|state|errors?|exists|valid\w*|location|region|store|namespace|mount|ring|chain|used|left|at|timeout|fingerprint"
    r"|\.(?:java|kt|scala|groovy|py|go|rb|rs|js|jsx|ts|tsx|cs|php|c|h|cc|cpp|hpp|swift|ex|clj))\Z",
    re.IGNORECASE,
)
_CLASS_TAIL = re.compile(
    r"[A-Z]\w{0,60}?(?:Service|Manager|Factory|Handler|Controller|Filter|Tests?|Spec|Repository|Exception|Utils?|Impl|Config"
    r"|Configuration|Request|Response|Validator|Generator|Provider|Client|Server|Module|Interceptor|Adapter)\Z"
)
_SECRET_KEYS = re.compile(
    r"(?:api|access|secret|private|encrypt|encryption|sign|signing|account|master|auth|storage|ssh|deploy|app"
    r"|application|client|consumer|service|subscription|admin|root|session|hmac|jwt|crypto?|cipher|sas|functions"
    r"|license|shared|aes|webhook|integration|ingest|ingestion|fernet)[_. -]?\Z",
    re.IGNORECASE,
)
_SETTERS = ("set -x ", "set -gx ", "setenv ", "ENV ", "config set ", "configure set ")
_LOGIN_BEFORE = re.compile(r"\bmachine\s+\S{1,100}\s+(?:(?:login|account)\s+\S{1,100}\s+)?\Z")
_NOT_A_NAME_BEFORE = re.compile(
    r"(?:(?:unexpected|unknown|illegal) (?:[a-z]{1,12} )?|\blib|://[\w.-]{0,30}|\[REDACTED:[a-z_]{0,40})\Z", re.IGNORECASE
)
_PASS_BEFORE = re.compile(r"[_.\"'-]|[a-z](?=P)")
_FLAG_BEFORE = re.compile(r"[\[(,]{0,2}[\"']?-")
_LETTER = re.compile(r"[A-Za-z]")


def find_assignments(text: str, lower: str) -> Iterator[Span]:
    """Spans of the values that a secret's name is bound to. ``lower`` is ``text`` in lower case, equally long."""
    for scan in _SCANS:
        hit = scan.search(lower)
        while hit:
            word, end = hit.lastgroup or "", hit.end()
            after = _AFTER[word].match(text, end)
            span = _assigned(text, end - len(word), word, after) if after else None
            if span:
                yield span
            hit = scan.search(lower, span.end if span else end)


def _assigned(text: str, at: int, word: str, after: re.Match[str]) -> Span | None:
    binding = _binding(text, at, word, after)
    if binding is None or not _names_a_secret(text, at, word) or _is_harmless(after["tail"] or ""):
        return None
    pair = _PAIR.match(text, after.start("space")) if after["space"] and binding is Binding.PAIR else None
    number = word in _MAY_BE_A_NUMBER and not after["plural"]
    return secret_value(text, (pair or after).end(), _WORDS[word][0], binding, own_word=word, number=number)


def _binding(text: str, at: int, word: str, after: re.Match[str]) -> Binding | None:
    if after["space"]:
        if _PAIR.match(text, after.start("space")):
            return Binding.PAIR
        return Binding.FLAG if _takes_the_next_word(text, at, word) else None
    if after["element"]:
        return Binding.ELEMENT
    if after["sign"] is None:
        return Binding.PAIR
    if after["sign"] == ":":
        return None if _is_part_of_a_path(text, at, after) else Binding.COLON
    in_shell = after["sign"] == "=" and text[at : at + len(word)].isupper()
    return Binding.SHELL if in_shell else Binding.EQUALS


def _is_part_of_a_path(text: str, at: int, after: re.Match[str]) -> bool:
    """``com.google.auth:auth-library:1.2``, ``dev/my-secret:latest``, ``:app-auth:compile``: no blank, no quote."""
    if not text[at].islower() or not text.startswith(("-", ".", "/"), max(0, at - 1)):
        return False
    quoted = text[after.end() : after.end() + 1] in ('"', "'", "`")
    return after[0].endswith(":") and (after[0][-2:-1].isalnum() or len(after[0]) == 1) and not quoted


def _takes_the_next_word(text: str, at: int, word: str) -> bool:
    """Is the name a flag, a shell's variable to set, or a password in a .netrc file?"""
    least = max(0, at - 60)
    start = max(text.rfind(" ", least, at), text.rfind("\n", least, at), least - 1) + 1
    if _FLAG_BEFORE.match(text, start) or text.endswith(_SETTERS, least, start):
        return True
    return word == "passw" and _LOGIN_BEFORE.search(text, max(0, at - 240), at) is not None


def _is_harmless(tail: str) -> bool:
    return bool(tail) and (_HARMLESS_TAIL.search(tail) is not None or _CLASS_TAIL.match(tail) is not None)


def _names_a_secret(text: str, at: int, word: str) -> bool:
    before = max(0, at - 16)
    if word == "key" and not _SECRET_KEYS.search(text, before, at):
        return False
    if word == "pass" and not _PASS_BEFORE.match(text, max(0, at - 1)):
        return False
    if word == "auth" and at and _LETTER.match(text, at - 1):
        return False
    return not _NOT_A_NAME_BEFORE.search(text, max(0, at - 40), at)
