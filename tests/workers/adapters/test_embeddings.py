from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from aegis_memory.local._embeddings import EmbeddingProvider
from hypothesis import given
from hypothesis import strategies as st

from ci_memory_workers.adapters.embeddings import DIMENSIONS, HashedNgramEmbeddings, Vector

EMBEDDINGS = HashedNgramEmbeddings()


def similarity(left: str, right: str) -> float:
    one, other = EMBEDDINGS.embed_single(left), EMBEDDINGS.embed_single(right)
    return float(one @ other)


def test_it_is_what_aegis_takes() -> None:
    assert isinstance(EMBEDDINGS, EmbeddingProvider)
    assert EMBEDDINGS.dimensions == DIMENSIONS == 384


@given(st.text())
def test_any_text_is_a_unit_vector_or_the_zero_vector(text: str) -> None:
    vector = EMBEDDINGS.embed_single(text)

    assert vector.shape == (384,)
    assert vector.dtype == np.float32
    assert np.all(np.isfinite(vector))
    assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5) or not vector.any()


@given(st.lists(st.text(), max_size=4))
def test_many_texts_are_the_rows_of_one_array(texts: list[str]) -> None:
    rows: Vector = EMBEDDINGS.embed(texts)

    assert rows.shape == (len(texts), 384)
    assert all(np.array_equal(row, EMBEDDINGS.embed_single(text)) for row, text in zip(rows, texts, strict=True))


def test_every_process_gives_the_same_vector_whatever_its_hash_seed() -> None:
    code = (
        "import hashlib; from ci_memory_workers.adapters.embeddings import HashedNgramEmbeddings as E;"
        "print(hashlib.sha256(E().embed_single('ConnectionError: redis refused 127.0.0.1:6379').tobytes()).hexdigest())"
    )

    def digest(seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": seed}
        return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout

    assert digest("1") == digest("2")


def test_the_same_failure_in_other_words_is_nearer_than_another_failure() -> None:
    asked = "ConnectionRefusedError: redis on port 6379 refused the connection"

    near = similarity(asked, "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379, connection refused")
    far = similarity(asked, "AssertionError: expected basket total 12.50, got 13.00")

    assert near > far + 0.2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 31 ms at line 7", "took 4711 ms at line 12"),
        ("[pat_k3x9ab] disk is full", "disk is full"),
        ("FileNotFoundError", "file not found error"),
        ("MAX_RETRIES", "max retries"),
    ],
)
def test_numbers_the_pattern_and_the_spelling_of_names_make_no_difference(one: str, other: str) -> None:
    assert similarity(one, other) == pytest.approx(1.0, abs=1e-5)


def test_a_text_without_a_word_is_the_zero_vector() -> None:
    assert not EMBEDDINGS.embed_single(" -- \n == ").any()
