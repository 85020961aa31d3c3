"""Private keys of several lines, whole or with their beginning or end cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ci_memory_producers.redact.shapes import Span

_BREAKS = r"(?>(?:\\[nrt]|[\s\"'+,>|]|\x1b\[[\d;]{0,12}m)*)"
_STAMP = r"(?>(?:\d{4}-\d\d-\d\d[T ][\d:.,]{5,20}Z?[ \t]{1,8})?)"
_HEADER = r"(?:Proc-Type|DEK-Info|Comment|Version|Hash|Charset|MessageID): [^\n\\]{0,200}"
_LINE = rf"{_STAMP}(?:{_HEADER}|(?:[A-Za-z0-9+/=]{{20,}}+|[A-Za-z0-9+/]{{1,18}}={{1,2}})(?=[\s\\\\\"',\x1b-]|\Z))"
_SHORT_LINE = rf"{_STAMP}[A-Za-z0-9+/=]{{1,19}}+"
_BEGIN = r"-----BEGIN (?:[A-Z0-9]{2,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_END = r"-----END (?:[A-Z0-9]{2,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----"

_FROM_BEGIN = re.compile(rf"{_BEGIN}(?>(?:{_BREAKS}{_LINE})*)(?:(?:{_BREAKS}{_SHORT_LINE}){{0,2}}{_BREAKS}{_STAMP}{_END})?")
# A line of a key at the end of what is searched; its break may be escaped, as in JSON.
_BODY_LINE = re.compile(rf"(?:\A|(?<=[\n\"'])|(?<=\\n))[ \t]{{0,40}}{_STAMP}[A-Za-z0-9+/=]{{1,100}}(?:\s|\\[rn]){{1,4}}\Z")
_LONGEST_LINE, _MOST_LINES = 220, 300
_END_LINE = re.compile(_END)
_PUTTY = re.compile(r"Private-Lines: \d{1,4}(?P<s>(?>(?:\s++[A-Za-z0-9+/=]{20,}+)+)(?:\s++[A-Za-z0-9+/]{1,19}={0,2})?)")
_ENCODED = re.compile(
    r"LS0tLS1CRUdJTi(?:BQUklWQVRFIEtFWS|BSU0EgUFJJVkFURSBLRVkt|BFQyBQUklWQVRFIEtFWS|BPUEVOU1NIIFBSSVZBVEUgS0VZ)"
    r"[A-Za-z0-9+/=_-]*+"
)


def find_private_keys(text: str) -> Iterator[Span]:
    """Spans of private keys in PEM, PGP, OpenSSH and PuTTY form, and of PEM in base64."""
    if "PRIVATE KEY" in text:
        yield from (Span(*match.span(), "private_key") for match in _FROM_BEGIN.finditer(text))
        yield from _beheaded(text)
    if "Private-Lines" in text:
        yield from (Span(*match.span("s"), "private_key") for match in _PUTTY.finditer(text))
    if "J" in text and "LS0tLS1CRUdJTi" in text:
        yield from (Span(*match.span(), "private_key") for match in _ENCODED.finditer(text))


def _beheaded(text: str) -> Iterator[Span]:
    """Keys of which only the end is left: an excerpt may begin in the middle of one."""
    since = 0
    for end in _END_LINE.finditer(text):
        start = end.start()
        for _ in range(_MOST_LINES):
            line = _BODY_LINE.search(text, max(since, start - _LONGEST_LINE), start)
            if line is None:
                break
            start = line.start()
        yield Span(start, end.end(), "private_key")
        since = end.end()
