"""Annotations of GitHub Actions: the failure at its file and line (workflow commands, ``::error file=…,line=…::message``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .text import one_line

LONGEST_MESSAGE = 1_000
_PYTHON_FRAME = re.compile(r'File "([^"\n]{1,300})", line ([0-9]{1,7})')
_SPLIT = re.compile(r"[\s()\"'`<>\[\],;|]+")
_AT = re.compile(r"([^:]{1,300}):([0-9]{1,7})(?![0-9])")
_NOT_OURS = re.compile(r"(?:^|/)(?:site-packages|dist-packages|node_modules|vendor|\.venv|\.tox|\.cargo)/")


class Spot(NamedTuple):
    """A line of a file of the checkout; ``file`` is relative to it."""

    file: str
    line: int


def spot_of(text: str, test_id: str, root: str, is_file: Callable[[str], bool]) -> Spot | None:
    """Where in the checkout at ``root`` a failure is: in the test's own file where ``text`` names a line of it, else first.

    ``is_file`` says whether a relative path is a file of the checkout. None where no line is named.
    """
    inside = text.replace("\\", "/").replace(f"{root.rstrip('/')}/", "")
    found = [spot for spot in _candidates(inside) if not _NOT_OURS.search(spot.file)]
    known: dict[str, bool] = {}
    for spot in found:
        if spot.file not in known and len(known) < 200:
            known[spot.file] = is_file(spot.file)
    here = [spot for spot in found if known.get(spot.file)]
    own = [spot for spot in here if _holds(spot.file, test_id)]
    return next(iter(own or here), None)


def _holds(file: str, test_id: str) -> bool:
    """Whether the test's name begins with its file (``tests/test_a.py::test``) or its module (``tests.test_a::test``)."""
    module = file.rpartition(".")[0].replace("/", ".")
    return test_id.replace("\\", "/").startswith(file) or (module != "" and test_id.startswith(module))


def _candidates(text: str) -> Iterator[Spot]:
    for line in text.split("\n"):
        frames = _PYTHON_FRAME.findall(line[:2_000])
        for file, number in frames or (m.groups() for t in _SPLIT.split(line[:2_000]) if (m := _AT.match(t))):
            path = file.removeprefix("./")
            if path and int(number) > 0 and not path.startswith(("/", "-")) and ".." not in path.split("/"):
                yield Spot(path, int(number))


def error_command(message: str, title: str, spot: Spot | None) -> str:
    """The workflow command, one line, that annotates a failure."""
    properties = [f"title={_property(one_line(title, 200))}"]
    if spot:
        properties = [f"file={_property(spot.file)}", f"line={spot.line}", *properties]
    return f"::error {','.join(properties)}::{_data(message)}"


def warning_command(message: str) -> str:
    """The workflow command, one line, that warns."""
    return f"::warning title=ci-memory::{_data(message)}"


def annotation(parts: Sequence[str]) -> str:
    """The message of an annotation: its parts on a line each."""
    return "\n".join(line for part in parts if (line := one_line(part, LONGEST_MESSAGE)))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
