"""Secrets that give themselves away by their own shape, wherever they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """Characters ``start`` to ``end`` (exclusive) of a text are a secret of this kind."""

    start: int
    end: int
    kind: str


class _Shape(NamedTuple):
    """Group ``s`` of ``pattern``, or else the whole match, is the secret."""

    kind: str
    pattern: re.Pattern[str]


# A gate says in one or two microseconds for 4 kB whether any of its shapes can occur at all: it begins with one literal
# character, which the regex engine looks for at the speed of memory.
# Each pattern either fails within a bounded number of characters of its beginning or succeeds and consumes what it read:
# that keeps the whole search linear, whatever the text.
_GATED = tuple(
    (re.compile(gate), tuple(_Shape(kind, re.compile(pattern)) for kind, pattern in shapes))
    for gate, shapes in (
        ("J(?<=eyJ)", (("jwt", r"eyJ[\w-]*+(?P<s>(?:\.[\w-]{10,}+){1,2}(?:\.[\w-]*+){0,2})?"),)),
        (
            "A(?:[KS]IA|Iza|GE-S)",
            (
                ("aws_access_key", r"A[KS]IA(?<![A-Za-z0-9]A[KS]IA)[A-Z0-9]{16}"),
                ("google_api_key", r"AIza[\w-]{35}"),
                ("age_key", r"AGE-SECRET-KEY-1[A-Z0-9]{40,}+"),
            ),
        ),
        (r"ya29\.", (("google_oauth_token", r"ya29\.[\w-]{20,}+"),)),
        ("X(?<=GOCSPX)-", (("google_client_secret", r"GOCSPX-[\w-]{20,}+"),)),
        ("~(?<=8Q~)", (("azure_client_secret", r"(?<![\w~.-])[\w~.-]{3}8Q~[\w~.-]{28,}+"),)),
        ("gl[a-z]{2,5}-", (("gitlab_token", r"gl(?:pat|rt|dt|ptt|cbt|soat|ft|agent|oas|imt|ffct)-[\w.-]{16,}+"),)),
        (
            "x(?:ox[a-z]|app-)",
            (
                ("slack_token", r"xox[a-z](?:\.xox[a-z])?-[\w-]{10,}+"),
                ("slack_token", r"xapp-\d-[\w-]{10,}+"),
            ),
        ),
        (
            r"h(?:ook|v[sbr]\.)",
            (
                ("webhook_url", r"hooks\.slack(?:-gov)?\.com/[a-z]{3,12}/(?P<s>[\w/-]{20,}+)"),
                ("webhook_url", r"hooks/\d{10,24}/(?P<s>[\w-]{30,}+)"),
                ("webhook_url", r"hook\.office\.com/(?P<s>[\w@/-]{20,}+)"),
                ("vault_token", r"hv[sbr]\.[\w-]{20,}+"),
            ),
        ),
        (
            "s(?:k-|ig=)",
            (
                ("api_key", r"sk-(?<![A-Za-z0-9]sk-)(?=[A-Za-z_-]{0,80}+\d)[\w-]{20,}+"),
                ("url_signature", r"sig=(?<=[?&;]sig=)(?P<s>[\w%+/=~.-]{16,}+)"),
            ),
        ),
        (
            r"S(?:G\.|K[0-9a-f]{8}|ignature=)",
            (
                ("sendgrid_key", r"SG\.[\w-]{16,40}\.[\w-]{16,}+"),
                ("twilio_key", r"SK(?<![A-Za-z0-9]SK)[0-9a-f]{32}(?![A-Za-z0-9])"),
                ("url_signature", r"Signature=(?<=[?&;-]Signature=)(?P<s>[\w%+/=~.-]{16,}+)"),
            ),
        ),
        (
            "d(?:ckr_|api[0-9a-f])",
            (
                ("docker_token", r"dckr_[po]at_[\w-]{20,}+"),
                ("databricks_token", r"dapi[0-9a-f]{32}(?:-\d)?"),
            ),
        ),
        ("_(?<=whsec_)", (("stripe_webhook_secret", r"whsec_[\w+/=-]{20,}+"),)),
        (r"v1\.[\w=-]{40}", (("terraform_token", r"\.atlasv1\.[\w=-]{40,}+"),)),
    )
)

# Prefixes that end in _ or -, and the body that follows at least. Bodies begin with 16 letters and digits or more.
_PREFIXED: dict[str, tuple[str, re.Pattern[str]]] = {
    prefix: (kind, re.compile(body))
    for kind, body, prefixes in (
        ("github_token", "[A-Za-z0-9]{20}", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")),
        ("npm_token", "[A-Za-z0-9]{30}", ("npm_",)),
        ("pypi_token", "Ag[A-Za-z0-9]{14}", ("pypi-",)),
        ("stripe_key", "[A-Za-z0-9]{16}", ("sk_live_", "sk_test_", "rk_live_", "rk_test_")),
        ("digitalocean_token", "[0-9a-f]{40}", ("dop_v1_", "doo_v1_", "dor_v1_")),
        ("huggingface_token", "[A-Za-z0-9]{30}", ("hf_",)),
        ("shopify_token", "[0-9a-f]{30}", ("shpat_", "shpss_")),
        ("linear_key", "[A-Za-z0-9]{30}", ("lin_api_",)),
        ("ci_memory_token", "[0-9a-f]{64}", ("cim_",)),
        ("grafana_token", "[A-Za-z0-9]{30}", ("glsa_", "glc_")),
        ("rubygems_key", "[0-9a-f]{40}", ("rubygems_",)),
        ("circleci_token", "[A-Za-z0-9]{16}", ("CCIPAT_",)),
        ("buildkite_token", "[A-Za-z0-9]{30}", ("bkua_",)),
        ("newrelic_key", "[A-Z0-9]{20}", ("NRAK-",)),
        ("postman_key", "[0-9a-f]{20}", ("PMAK-",)),
        ("mailgun_key", "[0-9a-f]{32}(?![0-9A-Za-z])", ("key-",)),
    )
    for prefix in prefixes
}
_ENDINGS = tuple(_PREFIXED)
_LONGEST = max(map(len, _ENDINGS))
_AFTER_PREFIX = (re.compile(r"_[A-Za-z0-9]{16}"), re.compile(r"-[A-Za-z0-9]{16}"))
_NAME = re.compile(r"[\w-]")
_REST = re.compile(r"[\w-]*+")
_TELEGRAM = re.compile(r":AA[\w-]{30,}+")
_DISCORD = re.compile(r"\.[\w-]{6}\.[\w-]{27,}+")
_DIGITS_BEFORE = re.compile(r"(?<!\d)\d{8,12}\Z")
_RUN_BEFORE = re.compile(r"(?<![\w-])[MNO][\w-]{22,27}\Z")
_ORGANIZATION_BEFORE = re.compile(r"[A-Za-z0-9]{10,20}\Z")


def find_shapes(text: str) -> Iterator[Span]:
    """Spans of the tokens and keys in ``text``, in no particular order."""
    for gate, shapes in _GATED:
        if gate.search(text):
            for shape in shapes:
                yield from _matches(shape, text)
    for after_prefix in _AFTER_PREFIX:
        done = 0
        for hit in after_prefix.finditer(text):
            span = _prefixed(text, hit.start() + 1) if hit.start() >= done else None
            if span:
                done = span.end
                yield span
    yield from _with_head(text, ":AA", _TELEGRAM, _DIGITS_BEFORE, 13, "telegram_token")
    yield from _with_head(text, ".", _DISCORD, _RUN_BEFORE, 28, "discord_token")


def _matches(shape: _Shape, text: str) -> Iterator[Span]:
    for match in shape.pattern.finditer(text):
        if shape.kind == "terraform_token":
            head = _ORGANIZATION_BEFORE.search(text, max(0, match.start() - 20), match.start())
            if head:
                yield Span(head.start(), match.end(), shape.kind)
        elif shape.kind == "jwt":
            if match["s"]:
                yield Span(*match.span(), shape.kind)
        elif "s" in shape.pattern.groupindex:
            yield Span(*match.span("s"), shape.kind)
        else:
            yield Span(*match.span(), shape.kind)


def _prefixed(text: str, body: int) -> Span | None:
    """The token whose letters and digits begin at ``body``, where a known prefix stands before them."""
    before = text[max(0, body - _LONGEST) : body]
    if not before.endswith(_ENDINGS):
        return None
    prefix = max((known for known in _ENDINGS if before.endswith(known)), key=len)
    kind, pattern = _PREFIXED[prefix]
    start = body - len(prefix)
    if not pattern.match(text, body) or (prefix == "key-" and start and _NAME.match(text, start - 1)):
        return None
    rest = _REST.match(text, body)
    return Span(start, rest.end() if rest else body, kind)


def _with_head(text: str, anchor: str, tail: re.Pattern[str], head: re.Pattern[str], reach: int, kind: str) -> Iterator[Span]:
    """Tokens known by their middle: ``tail`` matches from the anchor on, ``head`` what stands before it."""
    if anchor not in text:
        return
    for match in tail.finditer(text):
        before = head.search(text, max(0, match.start() - reach), match.start())
        if before:
            yield Span(before.start(), match.end(), kind)
