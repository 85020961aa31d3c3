"""Lines as a person reads them: colour codes, progress, timestamps and the prefixes of CI providers taken off."""

from __future__ import annotations

import re

MAX_LINE = 2_000
"""Characters of one line that are looked at; the rest of a longer line is cut off."""

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]{0,400}(?:\x07|\x1b\\)"  # operating system commands: titles, hyperlinks
    r"|\x1b_bk;[^\x07]{0,60}\x07"  # Buildkite's timestamps
    r"|\x1b\[[0-?]{0,30}[ -/]{0,4}[@-~]"  # colours, cursor movements
    r"|\x1b[@-Z\\^_=>78]"
    r"|\[(?:\d{1,3}(?:;\d{1,3}){0,4})?m"  # the same codes where a log store has lost the escape character
    r"|\[[0-2]?K"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufeff]")
_NEEDS_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufeff]|\[[0-9;]{0,20}[mK]")

_TIME = r"\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?"
_DATE = r"\d{4}[-/]\d\d[-/]\d\d"
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)?"
_PREFIX = re.compile(
    rf"{_DATE}T{_TIME}{_ZONE}(?: \d\d[OE]\+?)? ?"  # GitHub, Azure; GitLab adds stream and continuation
    rf"|\[(?:[a-z]+[ :])?{_DATE}[T ]{_TIME}{_ZONE}\] ?"  # Jenkins timestamper, Taskcluster
    rf"|\[{_TIME}\](?:\[[^\]\n]{{1,60}}\])? ?:?[ \t]*(?:\[[^\]\n]{{1,60}}\] ?)?(?=\S)"  # AppVeyor, TeamCity
    rf"|{_DATE} {_TIME}{_ZONE}[ \t]+(?=\S)"
    rf"|{_TIME}[ \t]+(?:(?:INFO|WARNING|DEBUG|ERROR|CRITICAL) -(?:[ \t]{{1,2}}|$))?"  # Jenkins timestamps, mozharness
    r"|##\[(?:error|warning|group|endgroup|command|section|debug|notice)\]"
    r"|::(?:error|warning|notice|group|endgroup|debug)(?: [^:\n]{0,300})?::"
    r"|##vso\[(?!task\.setvariable)[^\]\n]{0,200}\]"  # what sets a variable says that its value may be secret
    r"|travis_(?:fold:(?:start|end):[\w.-]{0,80}|time:(?:start|end):[\w:=,.-]{0,200})"
    r"|section_(?:start|end):\d{1,20}:[\w.-]{1,80}(?:\[[^\]\n]{0,80}\])?"
    r"|#\d{1,4} (?:\d{1,6}\.\d{1,3} )"  # docker build steps
)
_MAX_PREFIXES = 6


def strip_line(line: str) -> str:
    """The line without colour codes, overwritten progress, timestamps and provider prefixes; indentation stays.

    A line of more than `MAX_LINE` characters is cut.
    """
    if len(line) > MAX_LINE and "\r" in line:
        line = line.rstrip("\r\n ").rpartition("\r")[2]
    text = line[:MAX_LINE].rstrip()
    if ("[" in text or not text.isprintable()) and _NEEDS_CONTROL.search(text):
        text = _without_control(text)
    at = 0
    for _ in range(_MAX_PREFIXES):
        prefix = _PREFIX.match(text, at)
        if prefix is None or prefix.end() == at:
            break
        at = prefix.end()
    return text[at:] if at else text


def _without_control(text: str) -> str:
    text = _ESCAPES.sub("", text)
    if "\r" in text:
        text = next((part for part in reversed(text.split("\r")) if part.strip()), "")
    return _CONTROL.sub("", text).rstrip()
