"""Which RE2 patterns match a text exactly where they match one of its lines: these are matched line by line, and remembered."""

from __future__ import annotations

import re
from typing import Final

_FLAGS: Final = re.compile(r"\(\?([a-z]+)\)")
_CLASS_OR_ESCAPE: Final = re.compile(r"\\[xpP]\{[^}]*\}|\\x..|\\.|(?P<class>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])", re.DOTALL)
# A letter's escape that may stand for a line break, or for a text's end; characters by number are fine from the blank on.
_MAY_BREAK: Final = re.compile(r"\\(?:[ACDnpPQsWz0-9]|x(?![2-7][0-9A-Fa-f]|\{0*[2-9A-Fa-f][0-9A-Fa-f]{1,5}\}))")
_SINGLE_LINE_OFF: Final = re.compile(r"\(\?[a-zA-Z-]*[smU]")


def stays_in_line(pattern: str) -> bool:
    """True where ``pattern`` (RE2) can neither match a line break nor tell a line's edge from a text's. False where in doubt."""
    flags = _FLAGS.match(pattern)
    named = flags[1] if flags is not None else ""
    if set(named) - set("im") or any(character < " " for character in pattern):
        return False
    body = pattern[flags.end() :] if flags is not None else pattern
    for found in _CLASS_OR_ESCAPE.finditer(body):
        if not (_class_stays(found["class"]) if found["class"] else _MAY_BREAK.match(found[0]) is None):
            return False
    plain = _CLASS_OR_ESCAPE.sub("", body)
    return _SINGLE_LINE_OFF.search(plain) is None and ("m" in named or not set("^$") & set(plain))


def _class_stays(characters: str) -> bool:
    if characters.startswith("[^"):
        return r"\n" in characters or r"\s" in characters
    return _MAY_BREAK.search(characters) is None and r"\S" not in characters and "[:" not in characters[1:]
