"""What Aegis's server refuses to store, turned into what it stores, still readable.

Its screening runs on added strategies and on every later metadata change of a memory, reflections included, and it rejects
secrets, digit runs that look like a payment card, control characters and, in global scope, phrases of prompt injection. Build
logs hold all of them innocently. The patterns here match at least what the server's do.
"""

from __future__ import annotations

import re

REDACTED = "[redacted]"
DIGITS = "[digits]"

_ESCAPES = re.compile(
    r"""\x1b\[ [0-?]* [ -/]* [@-~]?           # CSI: colours, cursor
      | \x9b [0-?]* [ -/]* [@-~]              # CSI as one 8-bit character
      | \x1b[\]PX^_] [^\x07\x1b\x9c\n]* (?:\x07|\x1b\\|\x9c)?   # OSC and other strings: titles, links
      | \x1b [ -/]* [0-~]?                    # the rest
    """,
    re.VERBOSE,
)
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_END = re.compile("\r\n?|[\u2028\u2029]")

_TOKEN = re.compile(r"AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9]{20,}|gh[a-z]_[A-Za-z0-9]{36,}")
_KEY = re.compile(r"((?:api|secret|private)[_-]?key|access[_-]?token)\s*[=:]\s*[\"']?[A-Za-z0-9/+=]{24,}[\"']?", re.IGNORECASE)
_PASSWORD = re.compile(r"((?:(?:password|passwd|secret|pwd)\s*[=:]\s*)+)(\S+)", re.IGNORECASE)
_PASSWORD_WORD = re.compile(r"\s*[=:]\s*")
# fmt: off
_SAYS_WHAT_IS_WRONG = frozenset({
    "cannot", "could", "denied", "does", "empty", "error", "expected", "expired", "failed", "has", "incorrect",
    "invalid", "is", "missing", "must", "no", "none", "not", "null", "required", "undefined", "unknown", "unset", "was",
    "wrong",
})
# fmt: on
_LONG_DIGITS = re.compile(r"(?<!\w)\d(?:[ -]*\d){12,}(?!\w)")

_DATA = r"(?:data|information|contents?)"
_PHRASE = re.compile(
    rf"""ignore\s+(?:all\s+)?previous
      | disregard\s+(?:all\s+)?(?:previous|above|prior)
      | new\s+instructions | forget\s+everything | system\s+prompt\s*[:=]
      | override\s+(?:system|previous)
      | you\s+(?:are|must)\s+now | from\s+now\s+on\s+you | as\s+an\s+ai\s+you
      | pretend\s+(?:you|to)\s+(?:are|be)
      | act\s+as\s+(?:a|if\s+you)
      | (?:send|email|post|upload|transmit)\s+(?:all\s+)?{_DATA}\s+to
      | forward\s+(?:all\s+)?to
      | exfiltrate
      | ://\S+\s+(?:with|containing)\s+(?:all|the)\s+(?:data|information|memories)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SPACES = re.compile(r"\s+")


def printable(text: str) -> str:
    """``text`` without escape sequences, control and invisible characters; newline and tab stay, other line ends are newlines."""
    text = _LINE_END.sub("\n", _ESCAPES.sub("", text))
    return _SURROGATE.sub("\ufffd", _UNPRINTABLE.sub("", text))


def without_secrets(text: str) -> str:
    """``text`` with what looks like a token, an assigned key or an assigned password replaced by ``[redacted]``."""
    text = _TOKEN.sub(REDACTED, text)
    text = _KEY.sub(rf"\1 {REDACTED}", text)
    return _PASSWORD.sub(_without_password, text)


def acceptable(text: str) -> str:
    """``text`` as the server's screening lets it through, in any scope. A fixed point: applying it again changes nothing."""
    text = _LONG_DIGITS.sub(DIGITS, without_secrets(text))
    while True:
        defused = _PHRASE.sub(_defused, text)
        if defused == text:
            return text
        text = defused


def _without_password(match: re.Match[str]) -> str:
    words = " ".join(_PASSWORD_WORD.split(match.group(1))).strip()
    value: str = match.group(2)
    # "secret: not found" is what a failure says, not a secret; only its colon offends.
    if value.strip(".,;!\"'").lower() in _SAYS_WHAT_IS_WRONG:
        return f"{words} - {value}"
    return f"{words} {REDACTED}"


def _defused(match: re.Match[str]) -> str:
    """The phrase with hyphens for its spaces: people read it, a pattern (or a model) takes it for one odd word."""
    phrase: str = match.group()
    if not _SPACES.search(phrase):
        return f"{phrase[:2]}-{phrase[2:]}"
    return _SPACES.sub("-", phrase)
