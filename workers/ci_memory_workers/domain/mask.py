"""Masking: what varies from run to run goes, what tells failures apart stays.

A line is masked token by token, because tokens repeat and are cached; what a bare number means is read from the word
before it. Kept: HTTP statuses, exit codes, errno, error codes (TS2304, ORA-00942), protocol versions, constraints
(``six>=1.10``). Dropped: ids, times, durations, sizes, addresses, hosts, ports, hashes, absolute path prefixes, counts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_LONGEST_CACHED: Final = 200
_LONGEST_TOKEN: Final = 2_000
NUMBER: Final = "<n>"

_UNIT = r"(?:[nuµm]s|secs?|mins?|hrs?|[smhd]|seconds?|minutes?|hours?|milliseconds?)"
_SIZE = r"(?:[kKMGT]i?[bB]|[kKMGT]|[bB]|bytes?)"

# One alternative a kind of thing, the most specific first. Groups whose name begins with "keep" stay as they are.
_NOISE: Final = re.compile(
    rf"""
      (?P<url>\b[a-zA-Z][a-zA-Z0-9+.-]{{1,15}}://[^\s'"<>()\[\]{{}}|\\^`,;]+)
    | (?P<keep_constraint>[A-Za-z_\])](?:[=<>!~^]=|~>|[<>^])v?\d[\w.*+-]*)
    | (?P<email>[\w.+-]{{1,64}}@[A-Za-z][\w-]{{0,62}}(?:\.[A-Za-z][\w-]{{0,62}}){{1,4}}\b)
    | (?P<uuid>(?<![0-9a-zA-Z])[0-9a-fA-F]{{8}}-?(?:[0-9a-fA-F]{{4}}-?){{3}}[0-9a-fA-F]{{12}}(?![0-9a-zA-Z]))
    | (?P<time>(?<!\d)\d{{4}}[-/.]\d\d[-/.]\d\d(?:[T_]?\d\d[:.]?\d\d(?:[:.]?\d\d)?(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?(?!\d))
    | (?P<clock>(?<![\d:])\d{{1,2}}:\d\d:\d\d(?:[.,:]\d+)?(?:Z|[+-]\d\d:?\d\d)?(?![\d:]))
    | (?P<path>(?<![\w.~>)\]$-])(?:~|[A-Za-z]:)?(?:[/\\]{{1,2}}[\w.@+~%$=#-]+){{2,}}[/\\]*)
    | (?P<keep_protocol>(?<![A-Za-z])(?:TLSv?|SSLv?|HTTPS?/)\d(?:\.\d)?(?![\d.]))
    | (?P<keep_status>(?:[Ss]tatus|[Cc]ode|[Ee]xit|[Ee]rrno|rc)["']?[=:]["']?-?\d{{1,5}}(?![\w.]))
    | (?P<hex>(?<![0-9a-zA-Z])0[xX][0-9a-fA-F]+)
    | (?P<ip>(?<![\d.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d{{1,5}})?(?:/\d{{1,2}})?(?![\d.]))
    | (?P<ip6>(?<![\w:])(?:[0-9a-fA-F]{{1,4}}:){{2,7}}:?(?:[0-9a-fA-F]{{1,4}}:){{0,5}}[0-9a-fA-F]{{1,4}}(?![\w:]))
    | (?P<host>(?<![\w.@/-])(?:[a-z0-9](?:[a-z0-9-]{{0,62}})\.){{2,6}}
        (?:com|org|net|io|dev|internal|local|cloud|edu|gov|lan|corp|localdomain)(?::\d{{1,5}})?(?![\w/-]|\.\w))
    | (?P<port>(?<![\w.@/-])(?:localhost|(?:[a-z0-9-]{{1,63}}\.){{1,6}}[a-z]{{2,12}}):\d{{2,5}}(?![\w:]))
    | (?P<hash>(?<![0-9a-zA-Z])(?:(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{{7,128}}|[a-f]{{8,64}})(?![0-9a-zA-Z])
        |(?<![0-9a-zA-Z])(?=[A-F]*\d)(?=\d*[A-F])[0-9A-F]{{8,128}}(?![0-9a-zA-Z]))
    | (?P<duration>(?<![\w.])\d+(?:[.,]\d+)?{_UNIT}(?:\d+(?:[.,]\d+)?{_UNIT})*(?![A-Za-z0-9_-]))
    | (?P<size>(?<![\w.])\d+(?:[.,]\d+)?{_SIZE}(?![A-Za-z0-9_-]))
    | (?P<nth>(?:worker|thread|executor|node|pod|runner|job|task|agent|shard|container|replica|cpu|core|gpu|device|
        eth|port|process|proc|attempt|step|part|chunk|tmp|user|vm|instance|session|pool|conn|id)[-_#]?\d[\d.]*(?![A-Za-z]))
    | (?P<keep_code>(?<![A-Za-z0-9_~#.-])[A-Z][A-Z]{{0,11}}-?\d{{1,5}}(?![\w.~-]))
    | (?P<keep_name>(?<=[A-Za-z])\d{{1,2}}(?!\d))
    | (?P<number>[-+]?(?:\d+[.,_x])*\d+(?:[eE][-+]?\d+)?)
    """,
    re.VERBOSE | re.ASCII,
)
_REPEATED: Final = re.compile(r"(<\w+>)(?:[,;] ?\1)+")
_REQUEST: Final = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S+ (?=HTTP/\d)")
_WORTH_A_LOOK: Final = re.compile(r"[0-9/\\@]")
_BARE: Final = re.compile(r"[\W_]*<n>[\W_]*")
_KEEP_AFTER: Final = frozenset(
    "status code http https errno exit exitcode signal error err rc returncode tls tlsv ssl http/1.1 http/2".split()
)
_STATUS_AFTER: Final = frozenset("returned got received response responded server failed with".split())
_FILLER: Final = frozenset(("=", ":", "is", "was", "of", "with", "status", "==", "->", "=>", "value", "a", "an"))
_REASONS: Final = frozenset(
    "bad unauthorized forbidden not method conflict gone unprocessable too internal service gateway proxy payment request".split()
)
_UNITS: Final = frozenset("ms s sec secs second seconds minute minutes min mins hour hours h ns us milliseconds days day".split())
_SIZES: Final = frozenset("b kb mb gb tb kib mib gib tib bytes byte k m g".split())
_TRIM: Final = "()[]{}<>,.;:\"'`!"


def _replace(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    if kind.startswith("keep"):
        return match.group()
    if kind == "number":
        return NUMBER
    if kind == "path":
        return _path(match.group())
    if kind == "nth":
        return match.group().rstrip("0123456789.") + NUMBER
    if kind in ("time", "clock"):
        return "<time>"
    if kind in ("host", "port"):
        return "<host>"
    if kind in ("ip", "ip6"):
        return "<ip>"
    if kind == "hash":
        return NUMBER
    return f"<{kind}>"


def _path(path: str) -> str:
    parts = [part for part in re.split(r"[/\\]+", path) if part]
    if parts and parts[0].lower() in ("tmp", "temp") and not re.fullmatch(r"[A-Za-z_]+\.\w{1,4}", parts[-1]):
        return "<tmp>"
    return "<path>/" + _NOISE.sub(_replace, parts[-1]) if parts else path


def _mask_token(token: str) -> str:
    if not _WORTH_A_LOOK.search(token):
        return token
    return _NOISE.sub(_replace, token[:_LONGEST_TOKEN])


_mask_cached = lru_cache(maxsize=16_384)(_mask_token)


def _keeps(number: str, before: str, further: str, after: str) -> bool:
    """True where the words around a bare number say that it is a status, an exit code or a protocol version."""
    if before in _FILLER and further in _KEEP_AFTER | _STATUS_AFTER:
        before = further
    if before in _KEEP_AFTER:
        return len(number) <= 5
    is_status = len(number) == 3 and number[0] in "45" and number.isdigit()
    return is_status and (before in _STATUS_AFTER or after in _REASONS)


def mask_line(line: str) -> str:
    """``line`` with its noise masked and its white space squeezed to single blanks."""
    if " HTTP/" in line:
        line = _REQUEST.sub(r"\1 <route> ", line)
    tokens = line.split()
    out: list[str] = []
    for position, token in enumerate(tokens):
        masked = _mask_cached(token) if len(token) <= _LONGEST_CACHED else _mask_token(token)
        if masked is not token and NUMBER in masked and _BARE.fullmatch(masked):
            before = tokens[position - 1].strip(_TRIM).lower() if position else ""
            further = tokens[position - 2].strip(_TRIM).lower() if position > 1 else ""
            after = tokens[position + 1].strip(_TRIM).lower() if position + 1 < len(tokens) else ""
            if _keeps(token.strip(_TRIM), before or "=", further, after):
                masked = token
        elif out and out[-1].endswith(NUMBER) and token.strip(_TRIM).lower() in _UNITS | _SIZES:
            unit = "<duration>" if token.strip(_TRIM).lower() in _UNITS else "<size>"
            out[-1] = out[-1][: -len(NUMBER)] + unit
            masked = token.strip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
            out[-1] += masked
            continue
        out.append(masked)
    return _REPEATED.sub(r"\1", " ".join(out))


def mask(text: str) -> str:
    """``text`` with the noise of each line masked; lines stay lines. Linear in the length of the text."""
    return "\n".join(mask_line(line) for line in text.splitlines())
