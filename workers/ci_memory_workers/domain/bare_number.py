"""What a number that stands alone means, read from the words around it: a status or a version stays, a count goes."""

from __future__ import annotations

import re
from typing import Final

TRIM: Final = "()[]{},.;:\"'`!"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CODE_OR_VERSION: Final = re.compile(r"-?\d{1,10}|\d\.\d")
_VERSION: Final = re.compile(r"\d+(?:\.\d+){1,3}")
_CODES: Final = _words("status code http https errno exit exitcode signal error err rc returncode tls tlsv ssl http/1.1 http/2")
_ANSWERS: Final = _words("returned got received response responded server failed with")
_FILLERS: Final = _words("= : is was of with status == -> => value a an")
_COMPARISONS: Final = _words(">= <= == ~> ^ < > !=")
_VERSIONED: Final = _words("version python ruby node php requires java go rust npm expected needs")
# RFC 9110 and its registry: the statuses that say that a request failed, and how their reason phrases begin.
_HTTP_ERRORS: Final = _words(
    "400 401 402 403 404 405 406 407 408 409 410 411 412 413 415 422 423 424 425 426 428 429 431 451 "
    "500 501 502 503 504 505 507 508 511"
)
_REASONS: Final = _words(
    "bad unauthorized forbidden not method conflict gone unprocessable too internal service gateway proxy payment request"
)
_MEASURES: Final = _words("len length time size count port line pid tid uid id bytes lines total duration ms col")
_UNITS: Final = _words("ms s sec secs second seconds minutes min mins hours b kb mb gb bytes")
_ABOUT_HTTP: Final = re.compile(
    r"(?i)https?\b|\bhttp|\burl\b|\b(?:client|server) error\b|\bstatus\b|\bapi\b|\bgateway\b|\bresponse\b"
)


def tells_apart(tokens: list[str], position: int, line: str) -> bool:
    """True where the number ``tokens[position]`` of ``line`` is a status, an exit code, an errno or a version."""
    number, before = tokens[position].strip(TRIM), _bare(tokens, position - 1)
    if before in _CODES:
        return _CODE_OR_VERSION.fullmatch(number) is not None
    further = _bare(tokens, position - 2)
    if before in _COMPARISONS:
        return further in _VERSIONED and _VERSION.fullmatch(number) is not None
    if (before in _FILLERS or not before) and further in _CODES:
        return _CODE_OR_VERSION.fullmatch(number) is not None
    if number not in _HTTP_ERRORS:
        return False
    after = _bare(tokens, position + 1)
    if before in _ANSWERS or further in _ANSWERS or after in _REASONS:
        return True
    return after not in _UNITS and before not in _MEASURES and _ABOUT_HTTP.search(line) is not None


def _bare(tokens: list[str], position: int) -> str:
    return tokens[position].strip(TRIM).lower() if 0 <= position < len(tokens) else ""
