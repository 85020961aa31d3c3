"""What the Aegis stand-in refuses to store: the server's rules, put in our own words."""

from __future__ import annotations

import re
from typing import Any

MAX_CONTENT = 50_000
MAX_KEYS = 50
MAX_DEPTH = 5
MAX_STRING = 10_000

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SECRETS = re.compile(
    r"AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9]{20,}|gh[opsr]_[A-Za-z0-9]{36}|(?i:(?:password|passwd|secret|pwd)\s*[=:]\s*\S)"
)
_CARD = re.compile(r"\b(?:\d[ -]*?){13,19}\b")
_INJECTION = re.compile(
    r"ignore\s+(all\s+)?previous|disregard\s+(all\s+)?(previous|above|prior)|new\s+instructions|forget\s+everything"
    r"|you\s+(are|must)\s+now|act\s+as\s+(a|if\s+you\s+are)|pretend\s+(you\s+are|to\s+be)|system\s+prompt\s*[:=]"
    r"|override\s+(system|previous)|exfiltrate|send\s+(all\s+)?(data|information|contents?)\s+to",
    re.IGNORECASE,
)


def screened(content: str, metadata: dict[str, Any], scope: str) -> list[str] | None:
    """The flags of a rejection, or None where content and metadata may be stored."""
    too_long = any(isinstance(value, str) and len(value) > MAX_STRING for value in metadata.values())
    too_much = _keys(metadata) > MAX_KEYS or _depth(metadata) > MAX_DEPTH or len(content) > MAX_CONTENT
    if too_long or too_much or _CONTROL.search(content):
        return ["validation_failed"]
    if _SECRETS.search(content) or any(_is_card(run) for run in _CARD.findall(content)):
        return []
    if scope == "global" and _INJECTION.search(content):
        return ["injection_flagged", "injection_global_scope_rejected"]
    return None


def _keys(value: Any) -> int:
    return len(value) + sum(map(_keys, value.values())) if isinstance(value, dict) else 0


def _depth(value: Any) -> int:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, children), default=0)


def _is_card(run: str) -> bool:
    """Luhn's check, over 13 to 19 digits."""
    digits = [int(character) for character in reversed(run) if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits)]
    return 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0
