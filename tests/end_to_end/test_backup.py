"""The runbook's commands of a backup and its restore, run: what was known is known again, in another place."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

from redis import Redis

from build_logs import missing_module_log
from ci_memory_producers import FailureEvent, ResolutionEvent
from running_fleet import start_up, wait_until

RUNBOOK = (Path(__file__).parents[2] / "ops" / "runbook.md").read_text(encoding="utf-8")


def commands(section: str) -> list[str]:
    """The commands of a section of the runbook, in their order."""
    text = re.split(r"^## ", RUNBOOK.partition(f"\n## {section}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return [line.strip() for line in text.splitlines() if line.startswith("    ")]


def inside(command: str, service: str) -> str:
    """What of a command runs in the container of a service, and where its standard input or output goes."""
    found = re.fullmatch(rf"docker compose (?:exec|run) .*?(?<= ){service} (.*)", command)
    assert found, command
    return found[1]


def test_what_was_known_is_known_again_after_a_backup_was_restored_elsewhere(tmp_path: Path) -> None:
    place = {"repo": "acme/shop", "stage": "test"}
    log = missing_module_log("backed_up")
    before = start_up(tmp_path / "before")
    pattern_id = before.ask(FailureEvent.model_validate({**place, "build_id": "1", "error_message": log})).pattern_id or ""
    fix = ResolutionEvent.model_validate(
        {**place, "pattern_id": pattern_id, "fix_type": "config_change", "fix_description": "add backed_up to the requirements"}
    )
    with before.producer() as producer:
        producer.push(fix, wait=True)
        producer.wait("default", fix.event_id, seconds=60)
    box = before.container()
    wait_until(lambda: box.knowledge.find("default", pattern_id, "reflection"), what="its reflection in Aegis")

    off, copy, on = commands("Backup")[:3]
    for switch in (off, on):
        assert inside(switch, "redis").startswith("valkey-cli CONFIG SET auto-aof-rewrite-percentage ")
    switched(box.redis, off)
    run(inside(copy, "redis"), before.directory / "redis", tmp_path)
    switched(box.redis, on)
    box.redis.close()
    assert before.stop() == 0
    # In the place of PostgreSQL's dump.
    shutil.copy(before.directory / "aegis.db", tmp_path)

    (restore,) = (command for command in commands("Restore") if "redis.tar" in command)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "redis" / "appendonlydir").mkdir(parents=True)
    run(inside(restore, "--entrypoint sh redis").replace("-c ", "sh -c ", 1), elsewhere / "redis", tmp_path)
    shutil.copy(tmp_path / "aegis.db", elsewhere)
    after = start_up(elsewhere)
    again = after.ask(FailureEvent.model_validate({"repo": "acme/cart", "stage": "test", "build_id": "9", "error_message": log}))
    assert after.stop() == 0

    assert (again.status, again.pattern_id, again.similar_failures) == ("known_pattern", pattern_id, 2)
    assert again.suggested_fix == "add backed_up to the requirements"


def switched(redis: Redis, command: str) -> None:
    name, value = shlex.split(inside(command, "redis"))[-2:]
    assert redis.config_set(name, value)


def run(command: str, data: Path, cwd: Path) -> None:
    assert "/data" in command
    done = subprocess.run(["sh", "-c", command.replace("/data", str(data))], cwd=cwd, capture_output=True, text=True, check=False)
    # tar says 1 where a file grew while it was read: Redis appends to it.
    assert done.returncode in (0, 1), done.stderr
