"""What is remembered of harmless lines changes no result: the reading that remembers nothing is the measure."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ci_memory_producers import redact as package
from ci_memory_producers.redact import redact, redact_line
from ci_memory_producers.redact.harmless import HarmlessLines
from producers.secrets_corpus import LEAKS, LOOK_ALIKES

_TEXTS = [*(leak.text for leak in LEAKS), *LOOK_ALIKES]
_LINES = sorted({line for text in _TEXTS for line in text.split("\n")})
_PIECES = sorted({piece for line in _LINES for piece in (line[: len(line) // 2], line[len(line) // 2 :], *line.split(" ")[:3])})
_JOINTS = ["\n", "\r\n", " ", "\n  ", "\n\n", ",\n", ":\n", "=\n"]
_BROKEN = st.lists(
    st.tuples(st.sampled_from([*_LINES, *_PIECES, '"value"', "value:", "machine db", "Value"]), st.sampled_from(_JOINTS)),
    max_size=12,
).map(lambda parts: "".join(part for pair in parts for part in pair))


def unremembered(text: str) -> str:
    return package._redacted(text)


@given(_BROKEN)
@example('"name": "DB_PASSWORD",\n"value": "hunter2"')
@example('"name": "DB_PASSWORD", "value":\n"hunter2"')
@example('DB_PASSWORD\n, value\n= "hunter2"')
@example("machine db.example.com\nlogin dev\npassword hunter2")
@example("ERROR: my-token:\nhunter2")
def test_texts_are_redacted_as_if_nothing_were_remembered(text: str) -> None:
    expected = unremembered(text)

    assert redact(text) == expected
    assert redact(text) == expected


@given(_BROKEN)
@example("a\rPASSWORD=hunter2\nTOKEN=hunter2hunter2")
@example("curl -u dev:hunter2hunter2\n-p hunter2 \u0130\nexport API_KEY=hunter2hunter2")
def test_lines_that_can_be_redacted_alone_are_redacted_so_in_any_text(text: str) -> None:
    lines = [redact_line(line) for line in text.split("\n")]

    assert None in lines or "\n".join(map(str, lines)) == unremembered(text)


@pytest.mark.parametrize(
    "line", ["-----BEGIN PRIVATE KEY-----", "machine db.example.com", '"value": 3', 'name: DB_TOKEN, value: "']
)
def test_what_may_begin_or_end_a_secret_of_several_lines_is_never_redacted_alone(line: str) -> None:
    assert redact_line(line.rstrip(' "')) is None


@pytest.mark.parametrize("line", ["expected a falsy value:", "undefined: atomic.Value", "TOKEN=[REDACTED:token]"])
def test_a_value_that_no_secret_has_crosses_no_lines(line: str) -> None:
    assert redact_line(line) == line


@pytest.mark.parametrize("text", _TEXTS, ids=range(len(_TEXTS)))
def test_a_text_whose_lines_were_read_alone_before_is_redacted_as_a_whole(text: str) -> None:
    for line in text.split("\n"):
        redact(line)

    assert redact(text) == unremembered(text)


@pytest.mark.parametrize("text", ["x my-token:", "-token:", "dev/a.secret:", "-key:\n"])
def test_a_name_at_the_end_of_a_text_has_no_value(text: str) -> None:
    assert redact(text) == text


def test_a_harmless_line_is_read_once() -> None:
    read: list[str] = []

    def has_secrets(text: str) -> bool:
        read.append(text)
        return False

    lines = HarmlessLines(has_secrets)

    assert "a\nb" in lines
    assert "b\nc\na" in lines
    assert read == ["a\nb", "c"]


def test_a_line_with_a_secret_is_never_remembered() -> None:
    lines = HarmlessLines(lambda text: "secret" in text)

    assert "a\nsecret" not in lines
    assert "secret" not in lines
    assert "a" in lines


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_memory_producers.redact.harmless._MOST_LINES", 10)
    lines = HarmlessLines(lambda text: False)

    for number in range(100):
        assert f"line {number}" in lines
    assert "x" * 10_000 in lines

    assert len(lines._young) + len(lines._old) <= 22
    assert "x" * 10_000 not in lines._young
