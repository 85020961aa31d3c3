"""Masking: what varies from run to run goes, what tells failures apart stays.

A line is masked token by token, because tokens repeat and are cached; what a bare number means is read from the word
before it. Kept: HTTP statuses, exit codes, errno, error codes (TS2304, ORA-00942), protocol versions, constraints
(``six>=1.10``). Dropped: ids, times, durations, sizes, addresses, hosts, ports, hashes, absolute path prefixes, counts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from .bare_number import TRIM, tells_apart
from .token_noise import NUMBER, mask_token

_BARE: Final = re.compile(r"[\W_]*<n>[\W_]*")
_IDENTITY: Final = re.compile(r"(<(?:uuid|hex|email))>")
_REPEATED: Final = re.compile(r"(<[a-z]+)\d*>(?:[,;]? ?\(?\1\d*>\)?)+")
_USER: Final = re.compile(r"\b((?:for|invalid|unknown)(?: invalid)? user) [^\s:,]+")
# The path of an access log's line is the visitor's; its method and status stay.
_REQUEST: Final = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S+ (?=HTTP/\d)")
_DURATIONS: Final = "ms s sec secs second seconds minute minutes min mins hour hours h ns us milliseconds day days"
_SIZES: Final = "b kb mb gb tb kib mib gib tib bytes byte k m g"
_UNITS: Final = {**dict.fromkeys(_DURATIONS.split(), "<duration>"), **dict.fromkeys(_SIZES.split(), "<size>")}
_DAYS_AND_MONTHS: Final = "Mon Tue Wed Thu Fri Sat Sun Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_CALENDAR: Final = frozenset(_DAYS_AND_MONTHS.split())
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@lru_cache(maxsize=16_384)
def mask_line(line: str) -> str:
    """``line`` with its noise masked and its white space squeezed to single blanks."""
    if " HTTP/" in line:
        line = _REQUEST.sub(r"\1 <route> ", line)
    if " user " in line:
        line = _USER.sub(r"\1 <user>", line)
    tokens = line.split()
    out: list[str] = []
    identities: dict[int, str] = {}
    after_number = False
    for position, token in enumerate(tokens):
        masked = mask_token(token)
        if masked is None:
            if after_number and (unit := _UNITS.get(token.strip(TRIM).lower())) is not None:
                out[-1] = out[-1][: -len(NUMBER)] + unit + token.strip(_LETTERS)
            elif token in _CALENDAR and (_is_date(tokens, position)):
                out.append("<time>")
            else:
                out.append(token)
            after_number = False
            continue
        if _BARE.fullmatch(masked) is not None and tells_apart(tokens, position, line):
            masked = token
        after_number = masked.endswith(NUMBER)
        if not after_number and _IDENTITY.search(masked) is not None:
            identities[len(out)] = token.strip(TRIM)
        out.append(masked)
    if len(identities) > 1:
        _number(out, identities)
    return _REPEATED.sub(r"\1>", " ".join(out))


def _number(out: list[str], identities: dict[int, str]) -> None:
    """Number the placeholders of a line: the same value the same number, so that "expected X, got X" differs from "got Y"."""
    seen: dict[str, list[str]] = {}
    for position, value in identities.items():
        kind = _IDENTITY.search(out[position])
        values = seen.setdefault(kind.group() if kind is not None else "", [])
        if value not in values:
            values.append(value)
        if (number := values.index(value) + 1) > 1:
            out[position] = _IDENTITY.sub(rf"\g<1>{number}>", out[position])


def _is_date(tokens: list[str], position: int) -> bool:
    """True for the name of a day or a month that stands beside another such name or a day's number."""
    beside = (tokens[position + 1] if position + 1 < len(tokens) else "", tokens[position - 1] if position else "")
    return any(token in _CALENDAR or token.strip(",").isdigit() for token in beside)


def mask(text: str) -> str:
    """``text`` with the noise of each line masked; lines stay lines. Linear in the length of the text."""
    return "\n".join(mask_line(line) for line in text.splitlines())
