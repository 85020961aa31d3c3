"""How likely two error texts are one failure, and whether that may be accepted without asking anybody.

A test that fails again with the same reason is accepted. Similar words alone are not, unless the texts are all but equal: of
neighbours with different fingerprints whose words agree to 95 %, most are two failures.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Final, NamedTuple

import re2
from rapidfuzz import fuzz

from ci_memory_producers.events import Stage

from .text_vector import words
from .traits import Traits, difference, traits

ACCEPT_ALONE: Final = 0.99
"""Likeness of the whole texts (0..1) above which they are accepted without a test that agrees."""
ACCEPT_SILENT: Final = 0.9
"""Likeness of two texts of one test that do not say why it failed, above which they are accepted."""
_COMPARED: Final = 1_000
_ABSENT: Final = re2.compile(r"(?i)not found|\b404\b|no such|does not exist|doesn't exist|missing|resolve")
_SURELY_WHOLE: Final = 800
"""Characters; a masked text that is longer may have lost its beginning."""


class Features(NamedTuple):
    """What is compared of two texts; each between 0 and 1, symmetric in the two."""

    same_test: float
    same_reason_in_test: float
    """The test is one, and the line that says why has the same words and exception type."""
    silent_in_test: float
    """The test is one, and neither text says why."""
    other_test: float
    one_silent: float
    token_set: float
    ratio: float


WEIGHTS: Final = Features(
    same_test=0.0, same_reason_in_test=4.2, silent_in_test=4.0, other_test=-6.7, one_silent=-0.5, token_set=7.1, ratio=1.6
)
BIAS: Final = -8.2
"""A logistic regression over repeats and their nearest neighbours (``benchmarks/matching_fit.py``)."""


@dataclass(frozen=True, slots=True)
class Read:
    """One masked text as it is compared."""

    text: str
    stage: Stage
    test_key: str
    generic: bool
    traits: Traits
    headline_words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Likeness:
    """``probability`` that two texts are one failure; ``accept`` where nobody needs to be asked; ``why`` in words."""

    probability: float
    accept: bool
    why: str


def read(masked: str, *, stage: Stage, test_key: str = "", generic: bool = False) -> Read:
    """What is compared of a masked text, of which the last `traits.MAX_READ` characters count. Linear in the text."""
    found = traits(masked)
    text = " ".join(masked[-2 * _COMPARED :].encode("utf-8", "replace").decode("utf-8").split())
    return Read(text[-_COMPARED:], stage, test_key, generic, found, tuple(words(found.headline)))


def likeness(a: Read, b: Read) -> Likeness:
    """How likely ``a`` and ``b`` are one failure. Symmetric."""
    seen = features(a, b)
    refusal = _refusal(a, b, seen)
    if refusal:
        return Likeness(probability(seen), False, refusal)
    if seen.same_reason_in_test:
        return Likeness(probability(seen), True, "the same test, and its error reads the same")
    if seen.silent_in_test and seen.ratio >= ACCEPT_SILENT:
        return Likeness(probability(seen), True, "the same test, and what it printed reads the same")
    if seen.ratio >= ACCEPT_ALONE and _same_in_sight(a, b):
        return Likeness(probability(seen), True, "the texts are all but equal")
    return Likeness(probability(seen), False, _unsure(seen))


def features(a: Read, b: Read) -> Features:
    """What the comparison of ``a`` and ``b`` gives."""
    one, two = a.traits, b.traits
    both_tests = bool(a.test_key and b.test_key)
    in_test = both_tests and a.test_key == b.test_key
    same_reason = bool(one.headline) and one.types == two.types and a.headline_words == b.headline_words
    return Features(
        same_test=float(in_test),
        same_reason_in_test=float(in_test and same_reason),
        silent_in_test=float(in_test and not one.headline and not two.headline),
        other_test=float(both_tests and not in_test),
        one_silent=float(bool(one.headline) != bool(two.headline)),
        token_set=fuzz.token_set_ratio(a.text, b.text) / 100,
        ratio=fuzz.ratio(a.text, b.text) / 100,
    )


def probability(seen: Features) -> float:
    """The probability that the two are one failure: logistic in the features, with `WEIGHTS` and `BIAS`."""
    logit = BIAS + sum(weight * value for weight, value in zip(WEIGHTS, seen, strict=True))
    return 1.0 / (1.0 + exp(-logit))


def _unsure(seen: Features) -> str:
    if seen.silent_in_test:
        return "the same test, and what it printed differs"
    return "the same test, failing in another way" if seen.same_test else "similar words"


def _same_in_sight(a: Read, b: Read) -> bool:
    """Whether both show what failed, in the same words: a tail that is all trace may belong to any failure."""
    if a.traits.headline or b.traits.headline:
        return a.headline_words == b.headline_words
    return max(len(a.text), len(b.text)) < _SURELY_WHOLE and words(a.text) == words(b.text)


def _refusal(a: Read, b: Read, seen: Features) -> str:
    """Why the two must not be accepted as one without asking; "" where nothing speaks against it."""
    if seen.other_test:
        return "different tests"
    if a.stage != b.stage:
        return "different stages"
    if a.generic or b.generic:
        return "says too little to be told apart"
    if any("<url>" in one.traits.headline and _ABSENT.search(one.traits.headline) is not None for one in (a, b)):
        return "what is missing is named by an address that the mask hides"
    return difference(a.traits, b.traits)
