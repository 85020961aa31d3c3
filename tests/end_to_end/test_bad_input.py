"""Bad input gets a clear message that names the field and the way out, exit status 2, and loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from build_logs import missing_module_log
from ci_memory_producers import FailureEvent
from llm_standin import LLMStandin
from running_fleet import BIN, Up, wait_until

PLACE = ("--repo", "acme/shop", "--build-id", "1")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--stage", "compile", "--error-file", "good.log"), "--stage"),
        (("--stage", "test", "--error-file", "empty.log"), "empty.log"),
        (("--stage", "test", "--error-file", "binary.log"), "binary.log"),
        (("--stage", "test", "--error-file", "missing.log"), "missing.log"),
        (("--stage", "test", "--junit", "nothing-*.xml"), "--junit"),
        (("--stage", "test", "--error-file", "good.log", "--attempt", "0x"), "--attempt"),
        (("--stage", "test", "--error-file", "good.log", "--wait", "soon"), "--wait"),
        (("--stage", "test", "--error-file", "good.log", "--tenant", "Not A Tenant"), "--tenant"),
        (("--error-file", "good.log"), "--stage"),
    ],
)
def test_a_bad_report_is_refused_by_name(up: Up, tmp_path: Path, arguments: tuple[str, ...], named: str) -> None:
    (tmp_path / "good.log").write_text(missing_module_log("six"))
    (tmp_path / "empty.log").write_text("")
    (tmp_path / "binary.log").write_bytes(b"\x7fELF\x02\x01\x01\x00\x00\x00" * 50)

    done = up.run("ci-memory-report", "failure", *PLACE, *arguments, cwd=tmp_path)

    assert done.returncode == 2, done.stdout
    assert named in done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_needs_to_know_where(up: Up, tmp_path: Path) -> None:
    done = up.run("ci-memory-report", "failure", "--stage", "test", stdin=missing_module_log("six"), cwd=tmp_path)

    assert done.returncode == 2
    assert "--repo is missing" in done.stderr


def test_a_log_of_two_hundred_megabytes_is_read_in_bounded_memory(up: Up, tenant: str, llm: LLMStandin, tmp_path: Path) -> None:
    with (tmp_path / "huge.log").open("w") as log:
        for n in range(200):
            log.write(f"[{n}] compiling module {n} with flags -O2 -Wall and nothing else to say about it\n" * 13_000)
        log.write(missing_module_log("huge"))
    assert (tmp_path / "huge.log").stat().st_size > 190_000_000
    place = ("--tenant", tenant, *PLACE, "--stage", "build")
    code = (
        "import re, sys; from ci_memory_producers.cli import main; status = main(sys.argv[1:]);"
        # What getrusage says may be the peak of the process that it was forked from.
        "print(re.search(r'VmHWM:\\s*(\\d+)', open('/proc/self/status').read())[1]); sys.exit(status)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, "failure", *place, "--error-file", "huge.log", "--wait", "60"],
        env=up.environment, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "failure_analysis.json").read_text())["status"] == "new_pattern"
    assert "No module named 'huge'" in llm.requests[0]["messages"][-1]["content"]
    assert int(done.stdout.splitlines()[-1]) < 300_000, "kilobytes"


def test_an_unknown_pattern_is_named_and_the_resolution_can_be_replayed(up: Up, tenant: str) -> None:
    fix = ("--fix-type", "code_change", "--fix-description", "pin it")
    done = up.run(
        "ci-memory-report", "resolution", "--tenant", tenant, "--repo", "acme/shop", "--pattern-id", "pat_000000000000", *fix
    )

    assert done.returncode == 2
    assert "pat_000000000000" in done.stderr
    assert "ci-memory patterns list" in done.stderr
    assert "unknown_pattern" in up.run("ci-memory", "dead", "list").stdout


@pytest.mark.parametrize("pattern_id", ["17", "pat_", "../etc/passwd"])
def test_what_is_no_pattern_id_never_leaves(up: Up, pattern_id: str) -> None:
    done = up.run("ci-memory-report", "resolution", "--repo", "acme/shop", "--pattern-id", pattern_id, "--fix-type", "rerun")

    assert done.returncode == 2
    assert "--pattern-id" in done.stderr


def test_a_fix_without_a_description_is_refused(up: Up) -> None:
    done = up.run(
        "ci-memory-report", "resolution", "--repo", "acme/shop", "--pattern-id", "pat_000000000000", "--fix-type", "code_change"
    )

    assert done.returncode == 2
    assert "fix_description" in done.stderr


def test_a_broken_entry_of_the_log_is_a_dead_letter_with_its_reason_and_the_others_go_on(up: Up, tenant: str) -> None:
    box = up.container()
    before = box.log.dead_count()
    secret = "ghp_" + "0FakeFake" * 4
    box.redis.xadd("ci-memory:events", {"event": f'{{"kind": "failure", "token": "{secret}"'})
    box.redis.xadd(
        "ci-memory:events", {"event": json.dumps({"kind": "failure", "repo": "acme/shop", "build_id": "1", "stage": "compile"})}
    )
    box.redis.xadd("ci-memory:events", {"other": "field"})
    box.redis.xadd("ci-memory:events", {"event": b"\xff\xfe\x00"})
    event = FailureEvent(tenant=tenant, repo="acme/shop", build_id="2", stage="build", error_message=missing_module_log("jinja2"))

    answer = up.ask(event)

    assert answer.status == "new_pattern"
    wait_until(lambda: box.log.dead_count() == before + 4, what="four dead letters")
    listed = up.run("ci-memory", "dead", "list").stdout
    assert "stage: Input should be 'build', 'test', 'deploy' or 'verify'" in listed
    letters = list(box.log.dead_letters(4))
    assert secret not in "".join(letter.payload for letter in letters)
    shown = up.run("ci-memory", "dead", "show", letters[-1].letter_id)
    assert letters[-1].reason in shown.stdout
    assert up.run("ci-memory", "dead", "replay", letters[-1].letter_id).returncode == 0
    wait_until(lambda: box.log.dead_count() == before + 4, what="it comes back as it went")
    assert up.run("ci-memory", "dead", "replay", "1-1").returncode == 2


@pytest.mark.parametrize(
    "command",
    [
        ("ci-memory", "patterns", "show", "pat_000000000000"),
        ("ci-memory", "dead", "show", "1-1"),
        ("ci-memory", "patterns", "list", "--status", "odd"),
    ],
)
def test_commands_say_what_is_unknown(up: Up, command: tuple[str, ...]) -> None:
    done = up.run(*command)

    assert done.returncode == 2
    assert command[-1] in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("url", ["unix:///nowhere/redis.sock", "redis://:hunter22@127.0.0.1:9/0"])
def test_a_server_out_of_reach_is_status_3_and_says_what_was_not_sent(tmp_path: Path, url: str) -> None:
    (tmp_path / "build.log").write_text(missing_module_log("six"))
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CI_MEMORY_URL": url}
    command = [
        str(BIN / "ci-memory-report"),
        "failure",
        *PLACE,
        "--stage",
        "build",
        "--error-file",
        "build.log",
        "--timeout",
        "1",
    ]

    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 3
    assert "1 events were not sent" in done.stderr
    assert "hunter22" not in done.stderr
    shown = subprocess.run(
        [str(BIN / "ci-memory"), "stats"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert shown.returncode == 3
    assert "hunter22" not in shown.stderr
    assert "Traceback" not in shown.stderr


def test_without_a_server_the_way_out_is_named(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "CI_MEMORY_DATA_DIR": str(tmp_path / "none")}

    reported = subprocess.run(
        [str(BIN / "ci-memory-report"), "pass", *PLACE, "--stage", "build"],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    shown = subprocess.run(
        [str(BIN / "ci-memory"), "stats"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert (reported.returncode, shown.returncode) == (3, 2)
    assert "CI_MEMORY_URL" in reported.stderr
    assert "ci-memory up" in shown.stderr
