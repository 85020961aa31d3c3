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
    | (?P<keep_constraint>[A-Za-z_\])"'](?:[=<>!~^]=|~>|[<>^])v?\d[\w.*+-]*)
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
    | (?P<host>(?<![\w.@/-])(?:[a-z0-9](?:[a-z0-9-]{{0,62}})\.){{2,6}}
        (?:com|org|net|io|dev|internal|local|cloud|edu|gov|lan|corp|localdomain)(?:\.[a-z]{{2}})?(?::\d{{1,5}})?(?![\w/-]|\.\w))
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
_REPEATED: Final = re.compile(r"(<\w+>)(?:[,;]? ?\(?\1\)?)+")
_USER: Final = re.compile(r"\b((?:for|invalid|unknown)(?: invalid)? user) [^\s:,]+")
_REQUEST: Final = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S+ (?=HTTP/\d)")
_WORTH_A_LOOK: Final = re.compile(r"[0-9/\\@]|\w\.\w+\.\w")
_CODE_OR_VERSION: Final = re.compile(r"-?\d{1,10}|\d\.\d")
_VERSION: Final = re.compile(r"\d+(?:\.\d+){1,3}")
_COMPARISONS: Final = frozenset((">=", "<=", "==", "~>", "^", "<", ">", "!="))
_VERSIONED: Final = frozenset(
    ["version", "python", "ruby", "node", "php", "requires", "java", "go", "rust", "npm", "expected", "needs"]
)
_BARE: Final = re.compile(r"[\W_]*<n>[\W_]*")
_KEEP_AFTER: Final = frozenset(
    [
        "status",
        "code",
        "http",
        "https",
        "errno",
        "exit",
        "exitcode",
        "signal",
        "error",
        "err",
        "rc",
        "returncode",
        "tls",
        "tlsv",
        "ssl",
        "http/1.1",
        "http/2",
    ]
)
_STATUS_AFTER: Final = frozenset(["returned", "got", "received", "response", "responded", "server", "failed", "with"])
_FILLER: Final = frozenset(("=", ":", "is", "was", "of", "with", "status", "==", "->", "=>", "value", "a", "an"))
_HTTP: Final = frozenset(
    [
        "400",
        "401",
        "402",
        "403",
        "404",
        "405",
        "406",
        "407",
        "408",
        "409",
        "410",
        "411",
        "412",
        "413",
        "415",
        "422",
        "423",
        "424",
        "425",
        "426",
        "428",
        "429",
        "431",
        "451",
        "500",
        "501",
        "502",
        "503",
        "504",
        "505",
        "507",
        "508",
        "511",
    ]
)
_MEASURES: Final = frozenset(
    [
        "len",
        "length",
        "time",
        "size",
        "count",
        "port",
        "line",
        "pid",
        "tid",
        "uid",
        "id",
        "bytes",
        "lines",
        "total",
        "duration",
        "ms",
        "col",
    ]
)
_ABOUT_HTTP: Final = re.compile(
    r"(?i)https?\b|\bhttp|\burl\b|\b(?:client|server) error\b|\bstatus\b|\bapi\b|\bgateway\b|\bresponse\b"
)
_REASONS: Final = frozenset(
    [
        "bad",
        "unauthorized",
        "forbidden",
        "not",
        "method",
        "conflict",
        "gone",
        "unprocessable",
        "too",
        "internal",
        "service",
        "gateway",
        "proxy",
        "payment",
        "request",
    ]
)
_UNIT_WORDS: Final = {
    **dict.fromkeys(
        [
            "ms",
            "s",
            "sec",
            "secs",
            "second",
            "seconds",
            "minute",
            "minutes",
            "min",
            "mins",
            "hour",
            "hours",
            "h",
            "ns",
            "us",
            "milliseconds",
            "day",
            "days",
        ],
        "<duration>",
    ),
    **dict.fromkeys(["b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "bytes", "byte", "k", "m", "g"], "<size>"),
}
_CALENDAR: Final = frozenset(
    [
        "Mon",
        "Tue",
        "Wed",
        "Thu",
        "Fri",
        "Sat",
        "Sun",
        "Jan",
        "Feb",
        "Mar",
        "Apr",
        "May",
        "Jun",
        "Jul",
        "Aug",
        "Sep",
        "Oct",
        "Nov",
        "Dec",
    ]
)
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TRIM: Final = "()[]{},.;:\"'`!"


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


def _mask_token(token: str) -> str | None:
    """``token`` masked, None where it has no noise."""
    if not _WORTH_A_LOOK.search(token):
        return None
    masked = _NOISE.sub(_replace, token[:_LONGEST_TOKEN])
    return None if masked == token else masked


_mask_cached = lru_cache(maxsize=16_384)(_mask_token)


def _keeps(tokens: list[str], position: int) -> bool:
    """True where the words around a bare number say that it is a status, an exit code or a protocol version."""
    number, before = tokens[position].strip(_TRIM), _bare(tokens, position - 1)
    if before in _KEEP_AFTER:
        return _CODE_OR_VERSION.fullmatch(number) is not None
    further = _bare(tokens, position - 2)
    if before in _COMPARISONS:
        return further in _VERSIONED and _VERSION.fullmatch(number) is not None
    if (before in _FILLER or not before) and further in _KEEP_AFTER:
        return _CODE_OR_VERSION.fullmatch(number) is not None
    is_status = len(number) == 3 and number[0] in "45" and number.isdigit()
    return is_status and (before in _STATUS_AFTER or further in _STATUS_AFTER or _bare(tokens, position + 1) in _REASONS)


def _of_http(tokens: list[str], position: int, line: str) -> bool:
    """True for a number that can be an HTTP status, in a line about HTTP, and not the value of another name."""
    unit = _bare(tokens, position + 1) in _UNIT_WORDS
    return not unit and _bare(tokens, position - 1) not in _MEASURES and _ABOUT_HTTP.search(line) is not None


def _bare(tokens: list[str], position: int) -> str:
    return tokens[position].strip(_TRIM).lower() if 0 <= position < len(tokens) else ""


def mask_line(line: str) -> str:
    """``line`` with its noise masked and its white space squeezed to single blanks."""
    if " HTTP/" in line:
        line = _REQUEST.sub(r"\1 <route> ", line)
    if " user " in line:
        line = _USER.sub(r"\1 <user>", line)
    tokens = line.split()
    out: list[str] = []
    after_number = False
    for position, token in enumerate(tokens):
        masked = _mask_cached(token) if len(token) <= _LONGEST_CACHED else _mask_token(token)
        if masked is None:
            if after_number and (unit := _UNIT_WORDS.get(token.strip(_TRIM).lower())) is not None:
                out[-1] = out[-1][: -len(NUMBER)] + unit + token.strip(_LETTERS)
            elif token in _CALENDAR and (_is_date(tokens, position)):
                out.append("<time>")
            else:
                out.append(token)
            after_number = False
            continue
        if _BARE.fullmatch(masked) and (
            _keeps(tokens, position) or (token.strip(_TRIM) in _HTTP and _of_http(tokens, position, line))
        ):
            masked = token
        after_number = masked.endswith(NUMBER)
        out.append(masked)
    return _REPEATED.sub(r"\1", " ".join(out))


def _is_date(tokens: list[str], position: int) -> bool:
    """True for the name of a day or a month that stands beside another such name or a day's number."""
    beside = (tokens[position + 1] if position + 1 < len(tokens) else "", tokens[position - 1] if position else "")
    return any(token in _CALENDAR or token.strip(",").isdigit() for token in beside)


def mask(text: str) -> str:
    """``text`` with the noise of each line masked; lines stay lines. Linear in the length of the text."""
    return "\n".join(mask_line(line) for line in text.splitlines())
