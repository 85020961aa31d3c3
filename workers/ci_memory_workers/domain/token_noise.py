"""The noise inside one token (no white space): ids, times, addresses, paths, numbers; and what in it must stay."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

NUMBER: Final = "<n>"

_LONGEST_CACHED: Final = 200
_LONGEST_TOKEN: Final = 2_000

_UNIT = r"(?:[nuµm]s|secs?|mins?|hrs?|[smhd]|seconds?|minutes?|hours?|milliseconds?)"
_SIZE = r"(?:[kKMGT]i?[bB]|[kKMGT]|[bB]|bytes?)"

# One alternative a kind of thing, the most specific first. Groups whose name begins with "keep" stay as they are.
_NOISE: Final = re.compile(
    rf"""
      (?P<url>\b[a-zA-Z][a-zA-Z0-9+.-]{{1,15}}://[^\s'"<>()\[\]{{}}|\\^`,;]+)
    | (?P<keep_constraint>[A-Za-z_\])"'](?:[=<>!~^]=|~>|[<>^])v?\d[\w.*+-]*)
    | (?P<keep_quoted>(?<=['"`])(?![0-9a-f]{{7,}}['"`])[A-Za-z_](?:[A-Za-z_.]|\d{{1,2}}(?!\d)){{0,80}}(?=['"`]))
    | (?P<email>[\w.+-]{{1,64}}@[A-Za-z][\w-]{{0,62}}(?:\.[A-Za-z][\w-]{{0,62}}){{1,4}}\b)
    | (?P<uuid>(?<![0-9a-zA-Z])[0-9a-fA-F]{{8}}-?(?:[0-9a-fA-F]{{4}}-?){{3}}[0-9a-fA-F]{{12}}(?![0-9a-zA-Z]))
    | (?P<time>(?<!\d)\d{{4}}[-/.]\d\d[-/.]\d\d(?:[T_]?\d\d[:.]?\d\d(?:[:.]?\d\d)?(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?(?!\d))
    | (?P<clock>(?<![\w:.])\d{{1,2}}:\d\d(?::\d\d(?:[.,:]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?(?![\w:]))
    | (?P<path>(?<![\w.~>)\]$-])(?:~|[A-Za-z]:)?(?:[/\\]{{1,2}}[\w.@+~%$=#-]+){{2,}}[/\\]*)
    | (?P<keep_protocol>(?<![A-Za-z])(?:TLSv?|SSLv?|HTTPS?/)\d(?:\.\d)?(?![\d.]))
    | (?P<keep_status>(?:[Ss]tatus|[Cc]ode|[Ee]xit|[Ee]rrno|rc)["']?[=:]["']?-?\d{{1,5}}(?![\w.]))
    | (?P<hex>(?<![0-9a-zA-Z])0[xX][0-9a-fA-F]+)
    | (?P<ip>(?<![\d.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d{{1,5}})?(?:/\d{{1,2}})?(?![\d.]))
    | (?P<ip6>(?<![\w:])(?:[0-9a-fA-F]{{1,4}}:){{2,7}}:?(?:[0-9a-fA-F]{{1,4}}:){{0,5}}[0-9a-fA-F]{{1,4}}(?![\w:]))
    | (?P<host>(?<![\w.@/-])(?!(?:com|org|net|io|edu|gov|dev|javax?|kotlin|scala|android)\.)
        (?:[A-Za-z0-9](?:[A-Za-z0-9-]{{0,62}})\.){{2,8}}
        (?:com|org|net|io|dev|internal|local|cloud|edu|gov|lan|corp|localdomain)(?:\.[a-z]{{2}})?(?::\d{{1,5}})?(?![\w/-]|\.\w))
    | (?P<pool>(?<![\w.@/-])(?:[A-Za-z]{{0,20}}-)?\d{{1,3}}(?:-\d{{1,3}}){{1,4}}
        (?:\.[A-Za-z0-9-]{{1,63}}){{1,5}}\.[a-z]{{2,3}}(?![\w/-]|\.\w))
    | (?P<port>(?<![\w.@/-])(?:localhost|(?:[a-z0-9-]{{1,63}}\.){{1,6}}[a-z]{{2,12}}):\d{{2,5}}(?![\w:]))
    | (?P<hash>(?<![0-9a-zA-Z])(?:(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{{7,128}}|[a-f]{{8,64}})(?![0-9a-zA-Z])
        |(?<![0-9a-zA-Z])(?=[A-F]*\d)(?=\d*[A-F])[0-9A-F]{{8,128}}(?![0-9a-zA-Z]))
    | (?P<duration>(?<![\w.])\d+(?:[.,]\d+)?{_UNIT}(?:\d+(?:[.,]\d+)?{_UNIT})*(?![A-Za-z0-9_-]))
    | (?P<size>(?<![\w.])\d+(?:[.,]\d+)?{_SIZE}(?![A-Za-z0-9_-]))
    | (?P<nth>(?:worker|thread|executor|node|pod|runner|job|task|agent|shard|container|replica|cpu|core|gpu|device|
        eth|port|process|proc|attempt|step|part|chunk|tmp|user|vm|instance|session|pool|conn|id)[-_#]?\d[\d.]*(?![A-Za-z]))
    | (?P<keep_code>(?<![A-Za-z0-9_~#.-])[A-Z][A-Z]{{0,11}}-?\d{{1,5}}(?![\w.~-]))
    | (?P<keep_name>(?<=[A-Za-z])\d{{1,2}}(?!\d))
    | (?P<number>[-+]?(?:\d+[.,_])*\d+(?!(?<=[.,_]0)[xX])(?:[eE][-+]?\d+)?)
    """,
    re.VERBOSE | re.ASCII,
)
# Most noise is a whole token: a number, a digest, an address.
_ALONE: Final = re.compile(r"[-+]?\d+(?:\.\d+)?|[0-9a-f]{16,128}|0[xX][0-9a-fA-F]+", re.ASCII)
_WORTH_A_LOOK: Final = re.compile(r"[0-9/\\@]|\w\.\w+\.\w")
_PLACEHOLDERS: Final = {
    "time": "<time>",
    "clock": "<time>",
    "host": "<host>",
    "pool": "<host>",
    "port": "<host>",
    "ip": "<ip>",
    "ip6": "<ip>",
    "hash": NUMBER,
    "number": NUMBER,
}


def mask_token(token: str) -> str | None:
    """``token`` masked, None where it has no noise. Tokens repeat: short ones are answered from a bounded cache."""
    return _mask_cached(token) if len(token) <= _LONGEST_CACHED else _mask(token)


def _mask(token: str) -> str | None:
    if not _WORTH_A_LOOK.search(token):
        return None
    if token.isdigit() or _ALONE.fullmatch(token) is not None:
        return "<hex>" if token[:2] in ("0x", "0X") else NUMBER
    masked = _NOISE.sub(_replace, token[:_LONGEST_TOKEN])
    return None if masked == token else masked


_mask_cached = lru_cache(maxsize=16_384)(_mask)


def _replace(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    if kind.startswith("keep"):
        return match.group()
    if kind == "path":
        return _path(match.group())
    if kind == "nth":
        return match.group().rstrip("0123456789.") + NUMBER
    return _PLACEHOLDERS.get(kind) or f"<{kind}>"


def _path(path: str) -> str:
    parts = [part for part in re.split(r"[/\\]+", path) if part]
    if parts and parts[0].lower() in ("tmp", "temp") and not re.fullmatch(r"[A-Za-z_]+\.\w{1,4}", parts[-1]):
        return "<tmp>"
    return "<path>/" + _NOISE.sub(_replace, parts[-1]) if parts else path
