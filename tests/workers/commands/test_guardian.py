"""The guardian: whatever ends its parent, no process group of it stays."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from ci_memory_workers.commands.guardian import stop, watch

FOREVER = "import signal; print('ready', flush=True); signal.pause()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {FOREVER.removeprefix('import signal; ')}"


class Group:
    """A process in a group of its own, reaped as soon as it ends."""

    def __init__(self, code: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        self._reaper = threading.Thread(target=self.process.wait)
        self._reaper.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def ended_by(self) -> int:
        """The signal that ended it."""
        self._reaper.join(20)
        return -int(self.process.returncode)

    def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        self._reaper.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def groups() -> Iterator[list[Group]]:
    started: list[Group] = []
    yield started
    for group in started:
        group.close()


def test_what_is_left_is_what_was_started_and_has_not_ended() -> None:
    assert watch(["+12\n", "+34\n", "-12\n", "+56\n", "-99\n"]) == {34, 56}
    assert watch([]) == set()


def test_groups_are_asked_to_end(groups: list[Group]) -> None:
    groups += [Group(FOREVER), Group(FOREVER)]

    stop({group.pid for group in groups})

    assert [group.ended_by() for group in groups] == [signal.SIGTERM, signal.SIGTERM]


def test_a_group_that_does_not_listen_is_killed_after_the_grace(groups: list[Group]) -> None:
    groups.append(Group(STUBBORN))

    stop({groups[0].pid}, grace=0.2)

    assert groups[0].ended_by() == signal.SIGKILL


def test_a_group_that_has_ended_already_keeps_nobody_from_being_stopped(groups: list[Group]) -> None:
    groups += [Group("print('ready', flush=True)"), Group(FOREVER)]
    groups[0].ended_by()

    stop({group.pid for group in groups})

    assert groups[1].ended_by() == signal.SIGTERM


def test_when_the_pipe_of_its_parent_closes_the_guardian_stops_the_rest_and_ends(groups: list[Group]) -> None:
    groups += [Group(FOREVER), Group(FOREVER)]
    left, ended = groups

    guardian = subprocess.run(
        [sys.executable, "-m", "ci_memory_workers.commands.guardian"],
        input=f"+{left.pid}\n+{ended.pid}\n-{ended.pid}\n".encode(),
        timeout=30,
        check=False,
    )

    assert guardian.returncode == 0
    assert left.ended_by() == signal.SIGTERM
    assert ended.process.poll() is None
