"""Which RE2 patterns match a text exactly where they match one of its lines: these are matched line by line, and remembered.

Of the others, what some line of a text must match, each alone, where they match the text, and how many lines a match may take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_FLAGS: Final = re.compile(r"\(\?([a-z]+)\)")
_CLASS_OR_ESCAPE: Final = re.compile(r"\\[xpP]\{[^}]*\}|\\x..|\\.|(?P<class>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])", re.DOTALL)
# A letter's escape that may stand for a line break, or for a text's end; characters by number are fine from the blank on.
_MAY_BREAK: Final = re.compile(r"\\(?:[ACDnpPQsWz0-9]|x(?![2-7][0-9A-Fa-f]|\{0*[2-9A-Fa-f][0-9A-Fa-f]{1,5}\}))")
_REPEAT: Final = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})?\??")
_GROUP: Final = re.compile(r"\((?:\?(?:P?<\w+>|:))?(?P<inside>.*)\)(?P<repeat>[^)]*)", re.DOTALL)
_MOST: Final = re.compile(r"\{(?:\d+,)?(\d+)\}\??\Z")
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


def lines_of(pattern: str) -> tuple[str, ...]:
    """RE2 patterns, each of which matches within one line of whatever ``pattern`` matches: its runs of parts that stay in their
    line. Empty where nothing can be said. What is repeated or has alternatives is not looked into.
    """
    flags = _FLAGS.match(pattern)
    named, body = (flags[0], pattern[flags.end() :]) if flags is not None else ("", pattern)
    runs = [""]
    if body.startswith(r"^\s*") and "m" in named:  # the blanks of the line itself, whatever it passed before
        runs, body = [r"^\s*"], body[4:]
    for part in _parts(body):
        if part == "|":
            return ()
        if part not in ("^", "$") and stays_in_line(named + part):
            runs[-1] += part
        else:
            runs.append("")
    return tuple(named + run for run in runs if run)


def steps_of(pattern: str) -> int | None:
    """How many lines below its first a match of ``pattern`` (RE2) takes at most, where those of white space alone don't count;
    None where there is no such number, or in doubt.
    """
    flags = _FLAGS.match(pattern)
    named, body = (flags[1], pattern[flags.end() :]) if flags is not None else ("", pattern)
    if set(named) - set("im") or _SINGLE_LINE_OFF.search(body) or r"\Q" in body:
        return None
    return _steps(body)


def _steps(body: str) -> int | None:
    steps = 0
    for part in _parts(body):
        if part in ("^", "$", "|") or stays_in_line("(?m)" + part):
            continue
        if part.startswith(r"\s"):
            steps += 1
            continue
        group = _GROUP.fullmatch(part)
        inside = 1 if group is None else None if group["inside"].startswith("?") else _steps(group["inside"])
        repeat = group["repeat"] if group is not None else part[len(_atom(part)) :]
        most = _MOST.match(repeat)
        if inside is None or (most is None and repeat not in ("", "?", "??")):
            return None
        steps += inside * (int(most[1]) if most is not None else 1)
    return steps


def _parts(body: str) -> Iterator[str]:
    at = 0
    while at < len(body):
        part = _part(body, at)
        at += len(part)
        yield part


def _atom(part: str) -> str:
    found = _CLASS_OR_ESCAPE.match(part)
    return found[0] if found is not None else part[0]


def _part(body: str, start: int) -> str:
    """The part of a pattern that begins at ``start``, with how often it may come."""
    found = _CLASS_OR_ESCAPE.match(body, start)
    end = found.end() if found is not None else start + 1
    depth = int(found is None and body[start] == "(")
    while depth and end < len(body):
        inner = _CLASS_OR_ESCAPE.match(body, end)
        depth += 0 if inner is not None else {"(": 1, ")": -1}.get(body[end], 0)
        end = inner.end() if inner is not None else end + 1
    return body[start : end + len(_REPEAT.match(body, end)[0])]  # type: ignore[index]  # it matches the empty text too


def _class_stays(characters: str) -> bool:
    if characters.startswith("[^"):
        return r"\n" in characters or r"\s" in characters
    return _MAY_BREAK.search(characters) is None and r"\S" not in characters and "[:" not in characters[1:]
