from __future__ import annotations

import importlib
import json
import re
import sys
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ci_memory_producers.redact import assignments, contexts, private_keys, redact, shapes, values
from producers.secrets_corpus import LEAKS, LOOK_ALIKES, Leak, jwt, pem

MODULES = (assignments, contexts, private_keys, shapes, values)


@pytest.mark.parametrize("leak", LEAKS, ids=range(len(LEAKS)))
def test_a_secret_is_masked_and_its_surroundings_stay(leak: Leak) -> None:
    masked = redact(leak.text)

    assert leak.secret not in masked
    assert "[REDACTED:" in masked
    assert "[REDACTED:[" not in masked
    for kept in leak.kept:
        assert kept in masked
    assert redact(masked) == masked


@pytest.mark.parametrize("leak", LEAKS, ids=range(len(LEAKS)))
def test_no_line_of_a_secret_survives(leak: Leak) -> None:
    masked = redact(leak.text)

    for line in re.split(r"\n|\\n", leak.secret):
        if len(line) > 12 and "PRIVATE KEY" not in line:
            assert line not in masked


def test_look_alikes_stay_as_they_are() -> None:
    changed = [text for text in LOOK_ALIKES if redact(text) != text]

    assert len(LOOK_ALIKES) >= 60
    assert changed == []


def test_the_corpus_has_sixty_kinds_of_secrets() -> None:
    assert len({leak.text for leak in LEAKS}) >= 60


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GITHUB_TOKEN=" + "ghp_" + "x1" * 18, "GITHUB_TOKEN=[REDACTED:github_token]"),
        ("DB_PASSWORD=hunter2", "DB_PASSWORD=[REDACTED:password]"),
        ('{"api_key": "hunter2", "n": 1}', '{"api_key": "[REDACTED:key]", "n": 1}'),
        ("secret: hunter2 # rotate", "secret: [REDACTED:secret] # rotate"),
        ("postgres://dev:hunter2@db/app", "postgres://dev:[REDACTED:url_password]@db/app"),
        ("Authorization: Bearer hunter-2-hunter-2", "Authorization: Bearer [REDACTED:authorization]"),
        ("Set-Cookie: id=hunter2; Path=/", "Set-Cookie: [REDACTED:cookie]"),
        ("a\n" + pem("RSA PRIVATE KEY") + "\nb", "a\n[REDACTED:private_key]\nb"),
        ("see " + jwt(), "see [REDACTED:jwt]"),
        ("both " + "AKIA" + "X1" * 8 + " and TOKEN=hunter2", "both [REDACTED:aws_access_key] and TOKEN=[REDACTED:token]"),
    ],
)
def test_the_marker_names_the_kind(text: str, masked: str) -> None:
    assert redact(text) == masked


@pytest.mark.parametrize("cut", range(0, len(pem("RSA PRIVATE KEY")), 7))
def test_a_private_key_is_masked_wherever_an_excerpt_cuts_it(cut: int) -> None:
    key = pem("RSA PRIVATE KEY")
    body = key.split("\n")[1:-1]

    head = redact(f"start\n{key[:cut]}\nFAILED tests/test_x.py - assert 1 == 2")
    if cut > len(key.split("\n")[0]):
        assert not any(line[:40] in head for line in body)
    assert head.endswith("FAILED tests/test_x.py - assert 1 == 2")
    tail = redact(key[key.index("\n", min(cut, 280)) + 1 :] + "\nFAILED")
    assert not any(line in tail for line in body)
    assert tail.endswith("FAILED")


def test_a_key_without_its_end_takes_no_log_line_with_it() -> None:
    key = pem("PRIVATE KEY").rsplit("\n", 1)[0]
    log = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: bad key'

    assert redact(f"{key}\n{log}") == f"[REDACTED:private_key]\n{log}"


def test_a_character_that_grows_in_lower_case_moves_no_mask() -> None:
    assert redact("İİİ TOKEN=hunter2 İ") == "İİİ TOKEN=[REDACTED:token] İ"
    growing = [chr(code) for code in range(sys.maxunicode + 1) if len(chr(code).lower()) != 1]
    assert growing == ["İ"]


def test_a_marker_is_not_read_as_a_name() -> None:
    for text in ("[REDACTED:github_token]: hunter2", "[REDACTED:token]=hunter2", "x [REDACTED:password] hunter2"):
        assert redact(text) == text


PLANTED = {
    "github": "ghp_" + "x1" * 18,
    "gitlab": "glpat-" + "x1Y2" * 5,
    "npm": "npm_" + "x1" * 18,
    "aws": "AKIA" + "X1" * 8,
    "slack": "xoxb-" + "123456789012-" + "x1Y2" * 6,
    "google": "AIza" + "x1Y2_" * 7,
    "anthropic": "sk-" + "ant-api03-" + "x1Y2" * 20,
    "sendgrid": "SG." + "x1" * 11 + "." + "y2" * 22,
    "vault": "hvs." + "x1Y2" * 8,
    "jwt": jwt(),
    "pem": pem("PRIVATE KEY"),
    "assignment": "\nDEPLOY_PASSWORD=" + "x1y2z3" * 3 + "\n",
    "json": '\n"client_secret": "' + "x1y2z3" * 3 + '"\n',
    "yaml": "\n  api_key: " + "x1y2z3" * 3 + "\n",
    "header": "\nAuthorization: Bearer " + "x1y2z3" * 3 + "\n",
    "url": "\nredis://:" + "x1y2z3" * 3 + "@cache:6379\n",
}
SPOILS = {"assignment", "json", "yaml", "header", "url"}
LOGGED = st.lists(
    st.sampled_from([*(leak.text for leak in LEAKS), *LOOK_ALIKES])
    | st.text(max_size=20)
    | st.text("ab=:\"'\\@/-_.[]{}(),;&$*\n TOKENtokenpasswordkeyauth0123456789", max_size=40),
    max_size=6,
).map("".join)


@given(LOGGED)
@example("TOKEN=a[REDACTED:token]b")
@example("İtoken=İ")
@example('"password": "a" "token": "b')
def test_what_is_redacted_stays_so(text: str) -> None:
    masked = redact(text)

    assert redact(masked) == masked
    assert len(masked) <= 8 * len(text) + 64


@settings(max_examples=300)
@given(before=st.text(max_size=80), after=st.text(max_size=80), kind=st.sampled_from(sorted(PLANTED)))
def test_a_secret_planted_in_any_text_never_survives(before: str, after: str, kind: str) -> None:
    planted = PLANTED[kind]
    secret = "x1y2z3" * 3 if kind in SPOILS else planted

    assert secret not in redact(f"{before} {planted} {after}")


@given(LOGGED, LOGGED, st.sampled_from(sorted(PLANTED)))
def test_a_secret_planted_between_log_lines_never_survives(before: str, after: str, kind: str) -> None:
    secret = "x1y2z3" * 3 if kind in SPOILS else PLANTED[kind]

    assert secret not in redact(f"{before}\n{PLANTED[kind]}\n{after}")


def compiled(module: ModuleType) -> dict[str, re.Pattern[str]]:
    """Every pattern of ``module``, in whatever container it stands, by the name of its variable."""
    found: dict[str, re.Pattern[str]] = {}

    def collect(name: str, value: object) -> None:
        if isinstance(value, re.Pattern):
            found[name] = value
        elif isinstance(value, dict):
            for key, inner in value.items():
                collect(f"{name}[{key}]", inner)
        elif isinstance(value, tuple):
            for number, inner in enumerate(value):
                collect(f"{name}[{number}]", inner)

    for name, value in vars(module).items():
        collect(name, value)
    return found


PATTERNS = {f"{module.__name__}.{name}": pattern for module in MODULES for name, pattern in compiled(module).items()}
# These read a window before a hit, of at most 300 characters, or a name of at most 60.
WINDOWED = re.compile(r"\._(?:SPACED|GLUED|CURL|LOGIN_BEFORE|HARMLESS_TAIL)$")


def loose_repeats(pattern: re.Pattern[str]) -> list[str]:
    """Repeats without an upper bound that can be given back: what makes a search take more than linear time."""
    parser = importlib.import_module("re._parser")
    loose: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, tuple) and len(node) == 2 and str(node[0]) == "ATOMIC_GROUP" and len(node[1]) == 1:
            (only,) = node[1]
            if str(only[0]) == "MAX_REPEAT":
                walk(only[1])
                return
        if isinstance(node, tuple) and len(node) == 2 and str(node[0]) in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, _ = node[1]
            if most == parser.MAXREPEAT:
                loose.append(f"{node[0]} {least}")
        if isinstance(node, tuple) and len(node) == 2 and str(node[0]) == "POSSESSIVE_REPEAT" and wrong_before_3_11_5(node[1][2]):
            loose.append("POSSESSIVE_REPEAT of a group")
        if isinstance(node, (tuple, list, parser.SubPattern)):
            for inner in node:
                walk(inner)

    def wrong_before_3_11_5(body: Any) -> bool:
        """Early Python 3.11 mismatches a possessive repeat of what can backtrack; an atomic group around a repeat is right."""
        return len(body) > 1 or str(body[0][0]) not in ("IN", "LITERAL", "NOT_LITERAL", "ANY")

    walk(parser.parse(pattern.pattern, pattern.flags))
    return loose


def test_patterns_are_found_and_a_loose_repeat_would_be_seen() -> None:
    assert len(PATTERNS) > 90
    assert loose_repeats(re.compile(r"(?:a+b)*c")) == ["MAX_REPEAT 0", "MAX_REPEAT 1"]
    assert loose_repeats(re.compile(r"(?>a+b)")) == ["MAX_REPEAT 1"]
    assert loose_repeats(re.compile(r"(?>(?:a+b)*)c")) == ["MAX_REPEAT 1"]
    assert loose_repeats(re.compile(r"(?:a|bc)*+d")) == ["POSSESSIVE_REPEAT of a group"]
    assert loose_repeats(re.compile(r"a*+b{1,9}(?>(?:a|bc)*)d")) == []


@pytest.mark.parametrize("name", sorted(name for name in PATTERNS if not WINDOWED.search(name)))
def test_no_pattern_gives_back_what_an_unbounded_repeat_read(name: str) -> None:
    assert loose_repeats(PATTERNS[name]) == []


def test_a_key_whose_beginning_is_cut_off_is_found_in_json_too() -> None:
    lines = pem("EC PRIVATE KEY").split("\n")[1:]

    said = redact(json.dumps({"error_message": "\n".join([*lines, "E   assert 1 == 2"]), "stage": "nowhere"}))

    assert said == '{"error_message": "[REDACTED:private_key]\\nE   assert 1 == 2", "stage": "nowhere"}'


@pytest.mark.parametrize(
    "unit",
    [
        *("a", "=", "://", "-----BEGIN", "-----BEGIN RSA PRIVATE KEY-----\n", "-----END RSA PRIVATE KEY-----\n", "\n"),
        *("MIIE\\n", '"A\n-----END PRIVATE KEY-----', "MIIE\\n-----END PRIVATE KEY-----"),
        *("eyJ", "eyJa.", "ghp_", "token=", 'token="', "token=$", "token: the ", "://a:", "@://:", "Bearer ", "cookie: a="),
        *("MIIE" * 16 + "\n", "curl -u a:", "mysql -p", "machine a login b password ", "::add-mask::", "glpat-", "."),
    ],
)
def test_a_megabyte_of_anything_comes_to_an_end(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))

    assert len(redact(text)) < 5 * len(text)
