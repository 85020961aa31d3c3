"""The GitHub Action: its metadata, and its scripts, which never fail a job nor hand a log to the shell or the runner."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from pathlib import Path

import pytest

from action_runner import ACTION, EXPRESSION, ActionRun, load, run_action

METADATA = load(ACTION / "action.yml")
STEPS = METADATA["runs"]["steps"]
SCRIPTS = sorted(ACTION.glob("*.sh"))
REPORTER = """#!/bin/sh
# Stands in for ci-memory-report: writes down its arguments, and does as the test says.
called=$1
[ "$2" != --help ] || exit 0
for argument in "$@"; do printf '%s\\n' "$argument"; done >> "$CALLS"
echo "--" >> "$CALLS"
[ "$1" != failure ] || [ -z "$ANSWER" ] || while [ $# -gt 0 ]; do
    if [ "$1" = --output ]; then printf '%s' "$ANSWER" > "$2"; fi
    shift
done
[ "$called" != failure ] || printf '%s\\n' "$SAYS"
exit "$STATUS"
"""
ANSWER = '{"status": "known_pattern", "event_id": "event-0001", "pattern_id": "pat_aaaaaaaaaaaa",\n "message": "a\\n::error::b"}'


def test_it_has_the_metadata_that_github_asks_for() -> None:
    assert set(METADATA) == {"name", "description", "author", "branding", "inputs", "outputs", "runs"}
    assert METADATA["runs"]["using"] == "composite"
    for said in METADATA["inputs"].values():
        assert set(said) == {"description", "default"}
        assert isinstance(said["default"], str)
    for said in METADATA["outputs"].values():
        assert set(said) == {"description", "value"}
    for step in STEPS:
        assert set(step) <= {"name", "id", "shell", "env", "run"}
        assert (step["shell"], bool(step["run"])) == ("bash", True)


def test_every_input_and_output_that_is_used_is_there_and_every_one_that_is_there_is_used() -> None:
    env = [expression for step in STEPS for value in step["env"].values() for expression in EXPRESSION.findall(value)]
    used = {name.removeprefix("inputs.") for name in env if name.startswith("inputs.")}
    assert used == set(METADATA["inputs"])

    written = {step["id"]: outputs_of(step["run"]) for step in STEPS if "id" in step}
    read = [name for name in env if name.startswith("steps.")]
    read += [EXPRESSION.findall(said["value"])[0] for said in METADATA["outputs"].values()]
    for name in read:
        _, step, _, output = name.split(".")
        assert output in written[step], name


def outputs_of(run: str) -> set[str]:
    text = (ACTION / run.split("/")[-1].rstrip('"')).read_text()
    return set(re.findall(r"^\s*say ([a-z-]+) ", text, re.MULTILINE)) | set(re.findall(r'(?:f"|echo ")([a-z-]+)=', text))


def test_no_script_has_an_expression_in_it() -> None:
    """What stands in ``${{ }}`` is put into a script before the shell reads it: a branch's name would be run."""
    for step in STEPS:
        assert not EXPRESSION.search(step["run"])
        assert re.fullmatch(r'bash "\$GITHUB_ACTION_PATH/[a-z]+\.sh"', step["run"])
    for script in SCRIPTS:
        assert "${{" not in script.read_text()


def test_every_variable_of_the_scripts_comes_from_a_step_and_the_other_way_round() -> None:
    for step in STEPS:
        text = (ACTION / step["run"].split("/")[-1].rstrip('"')).read_text()
        given = {name for name in step["env"] if name.startswith("ACTION_")}
        assert set(re.findall(r"\bACTION_[A-Z_]+", text)) == given, step["name"]


def test_the_example_gets_the_exit_status_right_and_asks_for_no_more_than_it_needs() -> None:
    example = load(ACTION / "example.yml")
    assert example["permissions"] == {"contents": "read", "pull-requests": "write"}
    tests, asking = example["jobs"]["test"]["steps"][-2:]
    assert set(asking["with"]) <= set(METADATA["inputs"])
    assert "failure()" in asking["if"]
    assert "PIPESTATUS[0]" in tests["run"]
    assert not EXPRESSION.search(tests["run"])


class Job:
    """A job whose ``ci-memory-report`` is a stand-in."""

    def __init__(self, directory: Path) -> None:
        self.workspace = directory / "workspace"
        self.scratch = directory / "scratch"
        self.bin = directory / "bin"
        for made in (self.workspace, self.bin):
            made.mkdir()
        self.install("ci-memory-report", REPORTER)
        self.environment = {
            "PATH": f"{self.bin}:{os.environ['PATH']}", "CALLS": str(directory / "calls"), "STATUS": "0", "SAYS": "said",
            "ANSWER": ANSWER,
        }  # fmt: skip

    def install(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def run(self, status: str = "failure", **inputs: str) -> ActionRun:
        return run_action(self.environment, self.workspace, self.scratch, contexts={"job.status": status}, **inputs)

    def calls(self) -> list[list[str]]:
        """What was called, beside the look whether it is there."""
        path = Path(self.environment["CALLS"])
        text = path.read_text() if path.exists() else ""
        return [call.splitlines() for call in text.split("--\n") if call]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_a_failure_is_reported_answered_and_written_down(job: Job) -> None:
    (job.workspace / "a.log").write_text("one\n")
    (job.workspace / "b.log").write_text("two\n")
    (job.workspace / "junit.xml").write_text("<testsuites/>")

    done = job.run(log="*.log", junit="**/*.xml", exit_code="1", wait="5", stage="build")

    failure, comment = job.calls()
    log, analysis = failure[6], failure[-1]
    assert failure == [
        "failure", "--stage", "build", "--exit-code", "1", "--error-file", log, "--junit", "**/*.xml", "--wait", "5",
        "--output", analysis,
    ]  # fmt: skip
    assert Path(log).read_text() == "one\ntwo\n"
    assert comment[:6] == ["comment", "--stage", "build", "--analysis", analysis, "--annotate"]
    assert comment[6] == "--output"
    assert comment[8:] == ["--error-file", log, "--junit", "**/*.xml"]
    assert (done.outputs["status"], done.outputs["pattern-id"]) == ("known_pattern", "pat_aaaaaaaaaaaa")
    assert done.outputs["analysis"].startswith('{"status":"known_pattern"')
    assert done.outputs["analysis-file"] == analysis


def test_a_success_is_a_pass_and_resolves_the_comment(job: Job) -> None:
    job.run("success", log="build.log", junit="none/*.xml")

    assert job.calls() == [["pass", "--stage", "test"], ["comment", "--stage", "test", "--resolved"]]


def test_without_a_comment_the_summary_is_written_all_the_same(job: Job) -> None:
    (job.workspace / "build.log").write_text("x\n")
    job.run(log="build.log", comment="false")
    job.run("success", comment="false")

    assert [call[0] for call in job.calls()] == ["failure", "comment", "pass"]
    assert "--no-post" in job.calls()[1]


@pytest.mark.parametrize("status", ["cancelled", ""])
def test_what_was_cancelled_says_nothing(job: Job, status: str) -> None:
    assert job.run(status, log="build.log").outputs["status"] == ""
    assert job.calls() == []


def test_without_anything_that_says_what_failed_it_warns(job: Job) -> None:
    done = job.run(log="none.log", junit="none.xml")

    assert [command.split("::")[2].split(":")[0] for command in done.commands] == [
        "no JUnit file has the name that the input junit gives",
        "no log has the name that the input log gives, or all are empty",
        "nothing says what failed",
    ]
    assert job.calls() == []


@pytest.mark.parametrize("status", ["2", "3", "1"])
def test_a_memory_out_of_reach_is_a_warning_and_no_failure(job: Job, status: str) -> None:
    (job.workspace / "build.log").write_text("x\n")
    job.environment |= {"STATUS": status, "ANSWER": ""}

    done = job.run(log="build.log")

    assert done.commands == [
        f"::warning title=ci-memory::the failure could not be reported (status {status}): see the log of this step"
    ]
    assert done.outputs == dict.fromkeys(METADATA["outputs"], "")


def test_no_answer_gives_the_runner_a_command_or_an_output(job: Job) -> None:
    (job.workspace / "build.log").write_text("x\n")
    job.environment["SAYS"] = "::add-mask::x\n::stop-commands::y\n::error::z"
    job.environment["ANSWER"] = '{"status": "known\\nevil=1", "pattern_id": "pat_a\\n$(id)", "message": "\\nstatus=evil"}'

    done = job.run(log="build.log")

    assert done.commands == []
    assert "::error::z" in done.printed
    report = done.printed.partition("::stop-commands::")[2]
    assert report.index("::add-mask::x") < report.index(f"::{report[:32]}::")
    assert (done.outputs["status"], done.outputs["pattern-id"]) == ("knownevil", "pat_aid")


@pytest.mark.parametrize(
    "nasty", ["$(touch pwned)", "`touch pwned`", "; touch pwned", "'; touch pwned; '", '"; touch pwned; "', "-x"]
)
def test_no_input_is_run_by_the_shell(job: Job, nasty: str) -> None:
    (job.workspace / nasty.replace("/", "")).write_text("x\n")
    names = ("stage", "log", "junit", "exit_code", "url", "token", "wait", "comment")
    job.run(**dict.fromkeys(names, nasty))

    assert not list(job.workspace.glob("pwned"))
    assert job.calls()[0][:3] == ["failure", "--stage", nasty]


def test_the_memorys_address_and_token_are_the_inputs_or_the_jobs(job: Job) -> None:
    job.install("ci-memory-report", '#!/bin/sh\necho "$1 $CI_MEMORY_URL $CI_MEMORY_TOKEN" >> "$CALLS"\n')
    job.environment |= {"CI_MEMORY_URL": "https://job.example", "CI_MEMORY_TOKEN": "job"}
    job.run("success", comment="false")
    job.run("success", comment="false", url="https://input.example", token="input")

    said = Path(job.environment["CALLS"]).read_text().splitlines()
    assert [line for line in said if line.startswith("pass")] == [
        "pass https://job.example job",
        "pass https://input.example input",
    ]


def test_it_installs_what_it_was_checked_out_with_or_a_version(job: Job) -> None:
    python = f'#!/bin/sh\nif [ "$2" = pip ]; then echo "$*" >> "$CALLS"; else exec "{sys.executable}" "$@"; fi\n'
    job.install("python-of-the-job", python)
    (job.bin / "ci-memory-report").unlink()
    tools = job.bin.parent / "tools"
    tools.mkdir()
    for name in ("bash", "dirname"):
        (tools / name).symlink_to(str(shutil.which(name)))
    job.environment["PATH"] = f"{job.bin}:{tools}:/usr/bin:/bin"
    for version in ("", "1.2.3", "latest", "1; touch pwned"):
        done = job.run("cancelled", python="python-of-the-job", version=version)

    installed = [line.rsplit(" ", 1)[1] for line in Path(job.environment["CALLS"]).read_text().splitlines()]
    assert installed == [f"{ACTION.parent}[junit]", "ci-memory-producers[junit]==1.2.3", "ci-memory-producers[junit]"]
    assert "no version" in done.commands[0]


def test_a_job_goes_on_when_nothing_can_be_installed(job: Job) -> None:
    job.install("python-of-the-job", "#!/bin/sh\nexit 1\n")

    done = job.run(python="python-of-the-job", version="1.2.3")

    assert done.commands[0].startswith("::warning title=ci-memory::ci-memory-report could not be installed")
    assert job.calls() == []
