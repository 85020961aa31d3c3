from typing import NamedTuple


class Log(NamedTuple):
    """What a tool prints, the line that says why it failed, and the failed tests."""

    tool: str
    text: str
    headline: str
    tests: tuple[str, ...] = ()
