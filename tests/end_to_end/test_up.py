"""`ci-memory up` and `ci-memory demo`: start, state that survives, a clean stop, no orphans."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from build_logs import missing_module_log
from ci_memory_producers import FailureEvent
from running_fleet import BIN, Up, start_up, wait_until


def event(build: str) -> FailureEvent:
    return FailureEvent(repo="acme/shop", build_id=build, stage="build", error_message=missing_module_log("requests"))


def processes_of(directory: Path) -> list[str]:
    """Processes whose environment or command names the directory: the fleet that works in it, wherever its parent went."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if str(directory).encode() in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended meanwhile, or is somebody else's
    return found


def test_what_is_known_survives_a_restart(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    first: Up = start_up(directory)
    answer = first.ask(event("1"))
    assert first.stop() == 0
    assert processes_of(directory) == []
    assert not (directory / "url").exists()

    second = start_up(directory)
    try:
        known = second.ask(event("2"))
        assert (known.status, known.pattern_id) == ("known_pattern", answer.pattern_id)
        refused = subprocess.run(
            [str(BIN / "ci-memory"), "up"], env=second.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert refused.returncode == 2
        assert "another `ci-memory up`" in refused.stderr
    finally:
        assert second.stop(signal.SIGTERM) == 0
    assert processes_of(directory) == []


def test_a_killed_parent_leaves_no_orphan(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    up = start_up(directory)
    assert len(processes_of(directory)) > 5

    os.kill(up.process.pid, signal.SIGKILL)
    up.process.wait(10)

    wait_until(lambda: processes_of(directory) == [], what="everything has ended")


@pytest.mark.parametrize(
    "setting", [("CI_MEMORY_SLOTS", "many"), ("CI_MEMORY_URL", "http://127.0.0.1"), ("CI_MEMORY_RULES_FILE", "/nowhere.toml")]
)
def test_a_setting_that_makes_no_sense_is_named(tmp_path: Path, setting: tuple[str, str]) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CI_MEMORY_DATA_DIR": str(tmp_path), setting[0]: setting[1]}

    done = subprocess.run(
        [str(BIN / "ci-memory"), "up"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 2
    assert setting[0] in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_tells_the_story_in_three_acts(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    done = subprocess.run(
        [str(BIN / "ci-memory"), "demo"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    said = done.stdout
    assert (
        said.index("\n1. ") < said.index("NEW FAILURE") < said.index("\n2. ") < said.index("\n3. ") < said.index("KNOWN FAILURE")
    )
    assert "set AUTH_TOKEN in the fixtures" in said
