"""Texts that are deflated for Redis."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.adapters.packed_text import pack, unpack


@given(st.text())
def test_what_is_packed_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text


def test_a_sentence_takes_less_and_what_can_t_be_packed_takes_no_more() -> None:
    sentence = "The test failed because the connection to the database was refused after 30 seconds."

    assert len(pack(sentence)) < len(sentence) / 2
    assert pack("xq") == b"xq"
