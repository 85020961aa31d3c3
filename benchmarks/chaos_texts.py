"""Failures for the chaos benchmark: causes with made-up words, and their logs, in which all but the words varies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from ci_memory_producers.events import Stage

_ONSETS = (
    "b",
    "br",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gl",
    "k",
    "kr",
    "l",
    "m",
    "n",
    "p",
    "pl",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "w",
    "z",
)
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ou")
KEY = "zq"
"""Begins the word by which the stand-in for a language model knows a cause; no other word begins so."""
SUITE_KEY = KEY + "suite"
"""Begins that of a suite whose tests all fail for one reason: each is a failure of its own, whatever the others are."""
BROKEN_SUITE = 6
"""The shape of their logs, which no other cause has."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A root cause: its words, and the shape of its log. ``key`` names it, and begins with `KEY`."""

    key: str
    words: tuple[str, str, str]
    shape: int

    @property
    def identity(self) -> str:
        """What makes it one failure: its key, and of a suite that broke as a whole the test."""
        return f"{self.key} {self.words[1]}" if self.shape == BROKEN_SUITE else self.key

    @property
    def stage(self) -> Stage:
        """Where it fails."""
        return _SHAPES[self.shape][0]

    @property
    def test_id(self) -> str:
        """The test that fails, where it is one."""
        return f"tests/test_{self.words[0]}.py::test_{self.words[1]}" if self.shape in (0, BROKEN_SUITE) else ""

    def log(self, variation: int) -> str:
        """Its log, as another build prints it: numbers, times and addresses vary."""
        return _SHAPES[self.shape][1](self, variation)


def causes(seed: int, count: int) -> list[Cause]:
    """Causes that share no word, each shape in its turn."""
    rng = Random(f"{seed}|causes")
    words = _words(rng)
    found = []
    for number in range(count):
        first, second, third, key = (next(words) for _ in range(4))
        found.append(Cause(KEY + key, (first, second, third), number % BROKEN_SUITE))
    return found


def suite(seed: int, number: int, tests: int) -> list[Cause]:
    """The tests of a suite in which one thing is broken: a cause each, all with the same key and the same reason."""
    words = _words(Random(f"{seed}|suite|{number}"))
    first, third, key = (next(words) for _ in range(3))
    return [Cause(SUITE_KEY + key, (first, next(words), third), BROKEN_SUITE) for _ in range(tests)]


def disguised(cause: Cause, rng: Random) -> Cause:
    """The same cause in another place: some of its words are others, and so is its fingerprint."""
    words = _words(rng)
    return Cause(cause.key, (cause.words[0], next(words), next(words)), cause.shape)


def _words(rng: Random) -> Iterator[str]:
    told: set[str] = set()
    while True:
        word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) for _ in range(4)) + rng.choice("lmnrst")
        if word not in told:
            told.add(word)
            yield word


def _assertion(cause: Cause, n: int) -> str:
    a, b, c = cause.words
    return (
        f"_____________ test_{b} _____________\n"
        f"    def test_{b}(store):\n>       assert store.{c}({a!r}) == {cause.key!r}\n"
        f"E       AssertionError: the {a} of {c} is no {cause.key}\n"
        f"tests/test_{a}.py:{10 + n % 90}: AssertionError\n"
        f"FAILED tests/test_{a}.py::test_{b} - AssertionError: the {a} of {c} is no {cause.key}\n"
        f"1 failed, {100 + n % 50} passed in {n % 60}.{n % 10}1s\n"
    )


def _module(cause: Cause, n: int) -> str:
    a, b, c = cause.words
    return (
        f"Traceback (most recent call last):\n"
        f'  File "/builds/{n}/{a}/{b}.py", line {3 + n % 400}, in <module>\n    from {c} import {cause.key}\n'
        f"ModuleNotFoundError: No module named '{c}.{cause.key}'\n"
    )


def _compiler(cause: Cause, n: int) -> str:
    a, b, c = cause.words
    return (
        f"[{n % 90}%] Building C object src/{a}.c.o\n"
        f"/build/{n}/src/{a}.c:{12 + n % 700}:{1 + n % 60}: error: unknown type name '{b}_{cause.key}'\n"
        f"make[2]: *** [CMakeFiles/{c}.dir/build.make:{60 + n % 30}: src/{a}.c.o] Error 1\n"
    )


def _checkout(cause: Cause, n: int) -> str:
    a, b, c = cause.words
    return (
        f"Cloning into '/builds/{n}/{a}'...\nremote: counting objects: {n % 900}\n"
        f"fatal: the {b} of {c} refuses to serve {cause.key}\n"
    )


def _timeout(cause: Cause, n: int) -> str:
    a, b, c = cause.words
    return (
        f"2026-02-1{n % 10}T0{n % 10}:11:0{n % 7}Z calling {a}\n"
        f"requests.exceptions.ConnectTimeout: {b}.{cause.key}.example timed out calling /{c} (attempt {1 + n % 3})\n"
    )


def _rollout(cause: Cause, n: int) -> str:
    a, b, c = cause.words
    return (
        f"Waiting for rollout of {a}: {n % 3} of 3 replicas are there\n"
        f'error: deployment "{a}-{cause.key}" exceeded its progress deadline: {b} of {c} is not ready\n'
    )


def _suite(cause: Cause, n: int) -> str:
    a, b, c = cause.words
    return (
        f"_____________ test_{b} _____________\n"
        f"    def test_{b}({c}):\n>       {c}.connect()\n"
        f"E       ConnectionRefusedError: the {c} of {a} refuses {cause.key}\n"
        f"tests/test_{a}.py:{10 + n % 90}: ConnectionRefusedError\n"
        f"FAILED tests/test_{a}.py::test_{b} - ConnectionRefusedError: the {c} of {a} refuses {cause.key}\n"
    )


_SHAPES: tuple[tuple[Stage, Callable[[Cause, int], str]], ...] = (
    ("test", _assertion),
    ("build", _module),
    ("build", _compiler),
    ("build", _checkout),
    ("verify", _timeout),
    ("deploy", _rollout),
    ("test", _suite),
)
