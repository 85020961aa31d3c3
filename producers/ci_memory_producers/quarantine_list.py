"""Which failures of a repository are known to be flaky: what workers publish, and `ci-memory-report quarantine` prints."""

from __future__ import annotations

import re
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from .events import Category, PatternId

MOST_REPOSITORIES = 200
"""Names of repositories in one entry. An entry of more repositories concerns every repository."""
_PARAMETERS = re.compile(r"\[[^\]]*\]")
_SEPARATORS = re.compile(r"(?:\.py)?::|/|\\|\.")


class QuarantineEntry(BaseModel):
    """One failure in quarantine. It is a failure and no test: the same test failing in another way blocks as before.

    ``repositories`` are those where it was flaky more than once, ``repository_count`` of them (names beyond `MOST_REPOSITORIES`
    are left out).
    ``test_key`` is the dotted name of the test, without parameters; '' where the failure names none. ``flaky_episodes`` of
    ``episodes`` builds passed when run again. ``reason`` says why it is here, ``until`` when it is judged anew,
    ``owner`` who looks after it ('' where nobody was named).
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    pattern_id: PatternId
    repositories: tuple[str, ...] = ()
    repository_count: int = Field(default=0, ge=0)
    test_key: str = ""
    headline: str = ""
    category: Category = "unknown"
    since: datetime | None = None
    until: datetime | None = None
    flaky_episodes: int = Field(default=0, ge=0)
    episodes: int = Field(default=0, ge=0)
    reason: str = ""
    owner: str = ""

    def concerns(self, repo: str) -> bool:
        """Whether it was flaky in ``repo``, or in more repositories than are named."""
        return repo in self.repositories or self.repository_count > len(self.repositories)

    def names(self, test_id: str) -> bool:
        """Whether it is about the test that ``test_id`` names: its name from the module, or from what the heading shows, on."""
        return bool(self.test_key) and self.test_key == ".".join(name_parts(test_id))


class QuarantineList(BaseModel):
    """What is in quarantine, as of the last sweep; ``as_of`` is None where none has run yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    as_of: datetime | None = None
    entries: tuple[QuarantineEntry, ...] = ()

    def of(self, repo: str) -> QuarantineList:
        """The part that concerns one repository."""
        return self.model_copy(update={"entries": tuple(entry for entry in self.entries if entry.concerns(repo))})


def name_parts(test_id: str) -> list[str]:
    """``tests/test_a.py::TestX::test_y[3]`` and ``tests.test_a.TestX.test_y`` as ``["tests", "test_a", "TestX", "test_y"]``."""
    return [part for part in _SEPARATORS.split(_PARAMETERS.sub("", test_id.strip())) if part]
