"""Lines that hold no secret, remembered: failures repeat, and most lines of a repeat were read before.

All that is looked for ends with its line, but for what `may_cross_lines` tells. Where no line of a text may cross, the text has a
secret exactly where one of its lines, read alone, has one, and the same one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

_BLANK = r"[^\S\n]"
_VALUE = rf"[vV]alue[\"']?{_BLANK}*"
_CROSSES_LINES = re.compile(
    r"PRIVATE KEY|Private-Lines|LS0tLS1CRUdJTi"  # a key's lines
    # .netrc: "machine HOST", then "login" and "password", on lines of their own or not
    rf"|\bmachine(?:{_BLANK}+\S{{1,100}})?{_BLANK}*$|\bmachine{_BLANK}+\S{{1,100}}{_BLANK}+(?:login|account)"
    # a name, and its value below: "value" begins its line, or ends one behind the name
    rf"|^(?:{_BLANK}|[,\"'])*{_VALUE}(?:[:=]|$)"
    rf"|(?i:token|secret|pass|pwd|key|auth|credential)[\w.-]{{0,80}}[\"']?{_BLANK}{{0,20}},?{_BLANK}{{0,20}}[\"']?"
    rf"{_VALUE}(?:[:=]{_BLANK}*)?$",
    re.MULTILINE,
)
_IN_WHAT_CROSSES = ("PRIVATE KEY", "Private-Lines", "LS0tLS1CRUdJTi", "machine", "alue")
_LONGEST_LINE = 300
_MOST_LINES = 16_384


def may_cross_lines(text: str) -> bool:
    """Whether a secret of ``text`` may take several lines. A text may where one of its lines, read alone, may."""
    # One of these is in each alternative. To look for them takes a thirtieth of the time.
    return any(part in text for part in _IN_WHAT_CROSSES) and _CROSSES_LINES.search(text) is not None


class HarmlessLines:
    """Remembers up to two times `_MOST_LINES` lines of up to `_LONGEST_LINE` characters. Safe to share among threads: what one
    forgets while another asks is read again.
    """

    def __init__(self, has_secrets: Callable[[str], bool]) -> None:
        self._has_secrets = has_secrets
        self._young: set[str] = set()
        self._old: frozenset[str] | set[str] = frozenset()

    def __contains__(self, text: str) -> bool:
        """Whether ``text`` is known to hold no secret. False where it must be read as a whole."""
        lines = text.split("\n")
        young, old = self._young, self._old
        if young.issuperset(lines):
            return True
        new = [line for line in lines if line not in young]
        unread = [line for line in new if line not in old]
        if unread:
            joined = "\n".join(dict.fromkeys(unread))
            if may_cross_lines(joined) or self._has_secrets(joined):
                return False
        self._remember(line for line in new if len(line) <= _LONGEST_LINE)
        return True

    def _remember(self, lines: Iterable[str]) -> None:
        if len(self._young) >= _MOST_LINES:
            self._old, self._young = self._young, set()
        self._young.update(lines)
