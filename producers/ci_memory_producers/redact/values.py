"""Where a secret's value ends, and what looks like a value and is none: references, literals, prose, paths."""

from __future__ import annotations

import re
from enum import Enum

from ci_memory_producers.redact.shapes import Span


class Binding(Enum):
    """How a value is bound to its name."""

    SHELL = "NAME=value"
    EQUALS = "name = value"
    COLON = "name: value"
    FLAG = "--name value"
    PAIR = "name: NAME, value: value"
    ELEMENT = "<name>value</name>"


_LITERALS = "none|null|nil|undefined|true|false|yes|no|on|off|unset"
_WORDS = (
    "required|missing|invalid|incorrect|wrong|expired|empty|not|must|is|are|was|were|has|have|cannot|could|should|may"
    "|will|the|a|an|this|that|to|for|of|in|or|and|with|without|string|str|int|integer|number|bool|boolean|bytes"
    "|object|any|optional|unknown|list|dict|array|set|default|values?|masked|redacted|hidden|filtered|sensitive"
    "|removed|placeholder|basic|bearer|digest|token|failed|failure|error|ok|success|passed|denied|unauthori[sz]ed"
    "|forbidden|found|authentication|authorization|enabled|disabled|auto|inherit|read|write|option|flag|argument"
    "|malformed|unsupported|rejected|revoked|mismatch|unexpected|expected|uses?|using|you|your|please|if|from|amd64|arm64|i386|all"
)
_REFERENCE = (
    r"\$(?:[A-Za-z_]|[({])|%[A-Za-z_]\w{0,60}%|\{\{|<[\w .-]{0,60}>|@[A-Za-z_.-]{1,60}@|\[[A-Z][A-Za-z_:]{2,60}\]"
    r"|\(?(?:sensitive|known after)\b|\*{3,}+(?!\w)|[xX]{4,}+(?![A-Za-z0-9])|\.{3}|\u2026|sha\d{1,3}[:-][A-Za-z0-9]"
)
_PATH = (
    r"(?:\.{1,2}|~)/|[A-Za-z]:\\|/(?:var|run|etc|home|usr|tmp|opt|root|mnt|data|app|builds?|workspaces?|srv|secrets"
    r"|github|private|Users|dev|proc|__w|bin|go|code|src|repo|project)(?:/|(?![\w+]))"
    r"|[\w./-]{1,100}\.(?:pem|key|crt|cer|p12|pfx|jks|json|ya?ml|txt|env|py|js|ts|go|rb|properties|toml|conf)(?![\w.-])"
)
_CODE = (
    r"(?:self|this|os|process|env|config|settings|secrets|vars?|inputs|github|steps|needs|params|args|options|opts"
    r"|request|req|ctx|context|data|local|module|each|credentials)\.[A-Za-z_]|[A-Za-z_][\w.]{0,80}[(\[{]"
    r"|(?:[a-z]\w{0,40}\.){1,9}[A-Z][\w$]{0,60}@[0-9a-f]"
)
_END = r"(?![\w-])"
_KEPT = {
    Binding.SHELL: rf"\Z|[\s\[(){{}}|,;]|{_REFERENCE}|{_PATH}|(?i:{_LITERALS}){_END}",
    Binding.EQUALS: rf"\Z|[\s\[(){{}}<>|,;:?!=&]|{_REFERENCE}|{_PATH}|{_CODE}|(?i:{_LITERALS}){_END}",
    Binding.COLON: rf"\Z|[\s\[(){{}}<>|,;:?!=&]|{_REFERENCE}|{_PATH}|{_CODE}|(?i:{_LITERALS}|{_WORDS}){_END}",
    Binding.FLAG: rf"\Z|[\s\[(){{}}<>|,;:?!=&-]|{_REFERENCE}|{_PATH}|(?i:{_LITERALS}|{_WORDS}){_END}",
    Binding.PAIR: rf"\Z|[\s\[(){{}}<>|,;:?!=&]|{_REFERENCE}|{_PATH}|(?i:{_LITERALS}){_END}",
    Binding.ELEMENT: rf"{_REFERENCE}|{_PATH}|(?i:{_LITERALS}){_END}",
}
_KEPT_BARE = {binding: re.compile(pattern) for binding, pattern in _KEPT.items()}
_KEPT_INSIDE = re.compile(rf"{_REFERENCE}|{_PATH}|(?i:{_LITERALS}|{_WORDS})(?=[\"'`\\.|])")
_NUMBER = re.compile(r"-?[\d.,_]{1,12}(?:k|kb|mb|ms|s|%)?(?![\w.,/+=@-]|:\S)", re.IGNORECASE)
_PROSE = re.compile(r"[A-Za-z][A-Za-z'\u2019]*+[,.]?(?= ++[A-Za-z(\[\"'`\u00ab])")
_VARIABLE = re.compile(r"(?:[A-Z]{1,30}_){1,6}(?:TOKEN|SECRET|PASSWORD|PASS|PWD|KEY|CREDENTIALS?)(?![\w-])")
_ALPHANUMERIC = re.compile(r"[^\W_]")
_IDENTIFIER = re.compile(r"[A-Za-z_]++(?=[),;\s\]}]|\Z)")

_OPENING = re.compile(r"[bBrRuUfF]{0,2}(?P<escape>\\{0,3})(?P<quote>[\"'`])")
_INSIDE = {
    (quote, bool(escaped)): re.compile(
        rf"(?>(?:[^{quote}\\\n]|\\(?!\\{{0,3}}{quote}))*)" if escaped else rf"(?>(?:[^{quote}\\\n]|\\[^\n])*)"
    )
    for quote in "\"'`"
    for escaped in (False, True)
}
_TO_BLANK = re.compile(r"[^\s\"'`]++")
_TO_END_OF_LINE = re.compile(r"[^\n\r\"'`#]++")
_TO_TAG = re.compile(r"[^<>\n]++")
_TO_DELIMITER = re.compile(
    r"(?>(?:[^\s\"'`,;&)\]}]"
    r"|,(?![\w.-]{1,40}[=:])(?=[^\s,;&)\]}\"'`])"
    r"|;(?![A-Za-z][A-Za-z ]{0,30}=)(?=[^\s,;&)\]}\"'`])"
    r"|&(?![\w.%-]{1,40}=)(?=[^\s,;&)\]}\"'`])"
    r"|[)\]}](?=[^\s,;&)\]}\"'`]))+)"
)
_FUNCTION_WORDS = frozenset(
    {"a", "an", "and", "are", "be", "can", "cannot", "field", "for", "is", "must", "not", "of", "or", "the", "this", "to", "was"}
)


def secret_value(text: str, start: int, kind: str, binding: Binding, *, own_word: str, number: bool) -> Span | None:
    """The span of the value that begins at ``start``; None where what stands there is no secret.

    ``own_word`` is the word that made the name a secret's. ``number`` says that a few digits may be one: a password may, while
    tokens and keys are also counted.
    """
    opening = _OPENING.match(text, start)
    first = opening.end() if opening else start
    if not number and _NUMBER.match(text, first):
        return None
    end = _quoted_end(text, opening) if opening else _bare_end(text, start, binding, own_word)
    if end == first or (kind == "auth" and not _drawn(text[first : min(end, first + 200)])):
        return None
    return Span(first, end, kind)


def _bare_end(text: str, start: int, binding: Binding, own_word: str) -> int:
    if _KEPT_BARE[binding].match(text, start):
        return start
    if binding in (Binding.COLON, Binding.EQUALS):
        identifier = _IDENTIFIER.match(text, start)
        if _VARIABLE.match(text, start) or (identifier and own_word in identifier[0].lower()):
            return start
    if binding is Binding.COLON and own_word != "passphrase" and text[start - 1] in " \t" and _PROSE.match(text, start):
        return start
    value = _end_pattern(binding, own_word).match(text, start)
    if value is None or (binding is Binding.COLON and value.end() - start < 3):
        return start
    return value.end()


def _end_pattern(binding: Binding, own_word: str) -> re.Pattern[str]:
    if binding is Binding.ELEMENT:
        return _TO_TAG
    if binding is Binding.COLON and own_word == "passphrase":
        return _TO_END_OF_LINE
    return _TO_BLANK if binding in (Binding.SHELL, Binding.FLAG) else _TO_DELIMITER


def _quoted_end(text: str, opening: re.Match[str]) -> int:
    start = opening.end()
    inside = _INSIDE[opening["quote"], bool(opening["escape"])].match(text, start)
    if inside is None or _KEPT_INSIDE.match(text, start):
        return start
    words = text[start : min(inside.end(), start + 200)].lower().split()
    if not _ALPHANUMERIC.search(text, start, min(inside.end(), start + 200)):
        return start
    says_something = len(words) > 2 and not _FUNCTION_WORDS.isdisjoint(words)
    return start if says_something else inside.end()


def _drawn(value: str) -> bool:
    """Does it look drawn at random? ``auth`` names many things that are no secrets."""
    return len(value) >= 8 and (any(c.isdigit() for c in value) or (not value.islower() and not value.istitle()))
