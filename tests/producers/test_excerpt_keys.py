"""Private keys in logs: an excerpt holds no line of one, wherever it begins and ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ci_memory_producers.excerpt import read_text
from ci_memory_producers.excerpt.key_lines import MASK, without_keys
from producers.secrets_corpus import pem

KEY = pem("RSA PRIVATE KEY").split("\n")
BODY = KEY[1:-1]


def masked(*lines: str) -> list[str]:
    return b"".join(without_keys(["\n".join((*lines, "")).encode()])).decode().split("\n")[:-1]


def test_each_line_of_a_key_is_masked_and_what_is_around_it_stays() -> None:
    stamped = [f"2026-04-01T09:00:0{number}.1234567Z {line}" for number, line in enumerate(KEY)]

    for key in (KEY, stamped):
        assert masked("$ cat key", *key, "Load key: error in libcrypto") == [
            "$ cat key", key[0], *[MASK.decode()] * len(BODY), key[-1], "Load key: error in libcrypto",
        ]  # fmt: skip


def test_a_key_without_its_first_or_its_last_line_is_masked_too() -> None:
    assert masked(*BODY, KEY[-1], "done with it") == [*[MASK.decode()] * len(BODY), KEY[-1], "done with it"]
    assert masked(KEY[0], *BODY, "E   assert 1 == 2") == [KEY[0], *[MASK.decode()] * len(BODY), "E   assert 1 == 2"]


def test_a_putty_key_is_masked() -> None:
    assert masked("Private-Lines: 2", *BODY[:2], "Private-MAC: 00")[1:3] == [MASK.decode()] * 2


@given(st.integers(min_value=1, max_value=40))
def test_it_does_not_matter_where_blocks_are_cut(size: int) -> None:
    lines = [f"{line}\n".encode() for line in ("before", *KEY, "E   assert 1 == 2", "after")]
    blocks = [b"".join(lines[at : at + size]) for at in range(0, len(lines), size)]

    assert not any(line.encode() in b"".join(without_keys(blocks)) for line in BODY)


def test_lines_keep_their_numbers_and_other_texts_are_untouched() -> None:
    log = "\n".join(("x", "PRIVATE KEY is missing", "AAAA", "E   assert 1 == 2", ""))

    assert b"".join(without_keys([log.encode()])).decode() == log


def test_an_excerpt_of_a_long_log_holds_no_line_of_a_key() -> None:
    log = "\n".join((*(f"step {n} of the build prints a line" for n in range(400)), *KEY, "E   assert 1 == 2", ""))

    found = read_text(log)

    assert "assert 1 == 2" in found.text
    assert not any(line in found.text for line in BODY)


def test_the_value_of_a_secret_variable_keeps_the_command_that_names_it() -> None:
    log = "##vso[task.setvariable variable=API_TOKEN;issecret=true]hunter-two\n##[error]it failed\n"

    assert "##vso[task.setvariable variable=API_TOKEN" in read_text(log).text
