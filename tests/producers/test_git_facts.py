from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ci_memory_producers.git_facts import CommitFacts, changed_files, commit_facts

_IDENTITY = {
    "GIT_AUTHOR_NAME": "dev",
    "GIT_AUTHOR_EMAIL": "dev@example.com",
    "GIT_COMMITTER_NAME": "dev",
    "GIT_COMMITTER_EMAIL": "dev@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


class Repository:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            ("git", *arguments),
            cwd=self.path,
            env={**os.environ, **_IDENTITY, **environment},
            check=True,
            capture_output=True,
        )
        return done.stdout.decode().strip()

    def commit(self, message: str, *names: str, **environment: str) -> str:
        for name in names:
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{message}\n")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message, **environment)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "origin")


def shallow(repository: Repository, path: Path, depth: int) -> Repository:
    repository.git("clone", "--quiet", f"--depth={depth}", f"file://{repository.path}", str(path))
    return Repository(path)


def test_a_commit_is_told_with_parent_message_author_and_branch(repository: Repository) -> None:
    first = repository.commit("Start", "a.py")
    second = repository.commit("Fix the parser\n\nIt lost the last line.", "b.py")

    expected = CommitFacts(second, first, "Fix the parser\n\nIt lost the last line.", "dev", "main")
    assert expected == commit_facts(repository.path)
    assert commit_facts(repository.path, revision=first) == CommitFacts(first, "", "Start", "dev", "")


def test_an_author_without_a_name_is_told_by_address(repository: Repository) -> None:
    repository.commit("Start", GIT_AUTHOR_NAME="x")
    raw = repository.git("cat-file", "commit", "HEAD").replace("author x <", "author <")
    written = subprocess.run(
        ("git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"),
        cwd=repository.path,
        input=raw.encode(),
        capture_output=True,
        check=True,
    )
    repository.git("update-ref", "HEAD", written.stdout.decode().strip())

    assert commit_facts(repository.path).author == "dev@example.com"


def test_a_message_in_another_encoding_is_read_and_a_long_one_is_cut(repository: Repository) -> None:
    message = repository.path / "message"
    message.write_bytes("Prüfung".encode("latin-1"))
    repository.git("-c", "i18n.commitEncoding=latin1", "commit", "--quiet", "--allow-empty", "--file", str(message))
    assert commit_facts(repository.path).message == "Prüfung"

    repository.commit("x" * 5_000)
    assert len(commit_facts(repository.path).message) == 4_000


def test_a_detached_head_has_no_branch(repository: Repository) -> None:
    repository.git("checkout", "--quiet", "--detach", repository.commit("Start", "a.py"))

    assert commit_facts(repository.path).branch == ""


def test_the_files_are_those_of_the_commit(repository: Repository) -> None:
    repository.commit("Start", "a.py", "src/b.py")
    assert changed_files(repository.path) == ("a.py", "src/b.py")

    repository.commit("Change", "src/b.py", "src/deep/c.py")
    assert changed_files(repository.path) == ("src/b.py", "src/deep/c.py")
    assert changed_files(repository.path / "src") == ("src/b.py", "src/deep/c.py")


def test_with_a_base_the_files_are_those_since_the_branch_left_it(repository: Repository) -> None:
    repository.commit("Start", "a.py")
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit("One", "one.py")
    repository.commit("Two", "two.py")
    repository.git("checkout", "--quiet", "main")
    repository.commit("Meanwhile", "main.py")
    repository.git("checkout", "--quiet", "feature")

    assert changed_files(repository.path, base="main") == ("one.py", "two.py")
    assert changed_files(repository.path, base="no-such-branch") == ("two.py",)
    assert changed_files(repository.path, base="--output=x") == ("two.py",)
    assert not (repository.path / "x").exists()


def test_a_base_that_only_the_remote_has_is_found(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Start", "a.py")
    repository.git("clone", "--quiet", str(repository.path), str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    clone.git("checkout", "--quiet", "-b", "feature")
    clone.commit("One", "one.py")
    clone.commit("Two", "two.py")
    clone.git("branch", "--quiet", "--delete", "--force", "main")

    assert changed_files(clone.path, base="main") == ("one.py", "two.py")


def test_a_merge_is_compared_with_its_first_parent(repository: Repository) -> None:
    repository.commit("Start", "a.py")
    repository.git("checkout", "--quiet", "-b", "feature")
    repository.commit("One", "one.py")
    repository.git("checkout", "--quiet", "main")
    base = repository.commit("Meanwhile", "main.py")
    repository.git("merge", "--quiet", "--no-ff", "--message", "Merge feature", "feature")

    assert changed_files(repository.path) == ("one.py",)
    assert commit_facts(repository.path).parent_sha == base


def test_a_shallow_clone_knows_the_parent_and_claims_no_files(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Start", "a.py")
    first = repository.commit("One", "one.py")
    second = repository.commit("Two", "two.py")
    clone = shallow(repository, tmp_path / "clone", depth=1)

    facts = commit_facts(clone.path)
    assert (facts.sha, facts.parent_sha, facts.message) == (second, first, "Two")
    assert changed_files(clone.path) == ()
    assert changed_files(clone.path, base=first) == ()


def test_a_clone_of_depth_two_knows_the_files_of_its_commit(repository: Repository, tmp_path: Path) -> None:
    start = repository.commit("Start", "a.py")
    repository.commit("One", "one.py")
    repository.commit("Two", "two.py")
    clone = shallow(repository, tmp_path / "clone", depth=2)

    assert changed_files(clone.path) == ("two.py",)
    assert changed_files(clone.path, base=start) == ("two.py",)


def test_many_files_and_long_names_are_cut(repository: Repository) -> None:
    long = "/".join(["d" * 120] * 5) + "/f"
    repository.commit("Many", *(f"f{number:03}" for number in range(310)), long)

    files = changed_files(repository.path)
    assert len(files) == 300
    assert max(map(len, files)) == 500


def test_hostile_file_names_lose_what_cannot_be_printed(repository: Repository) -> None:
    repository.commit("Names", "two\nlines", "\x1b[31mred", "--output=x", "ünïcode", '"quoted"')
    (Path(os.fsdecode(bytes(repository.path))) / os.fsdecode(b"\xff.py")).write_text("x")
    repository.commit("Bytes")
    assert changed_files(repository.path) == ("\ufffd.py",)

    assert set(changed_files(repository.path, base="HEAD~1") or ()) == {"\ufffd.py"}
    repository.git("checkout", "--quiet", "HEAD~1")
    assert set(changed_files(repository.path)) == {"two\ufffdlines", "\ufffd[31mred", "--output=x", "ünïcode", '"quoted"'}


def test_no_program_that_the_repository_names_is_run(repository: Repository, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {canary}\n")
    program.chmod(0o755)
    repository.commit("Start", "a.py")
    (repository.path / ".gitattributes").write_text("* diff=evil filter=evil\n")
    repository.commit("Change", "a.py")
    for key in (
        *("core.fsmonitor", "core.pager", "core.sshCommand", "core.askPass", "diff.external", "diff.evil.command"),
        *("diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge", "gpg.program", "core.alternateRefsCommand"),
    ):
        repository.git("config", key, str(program))
    repository.git("config", "log.showSignature", "true")
    hooks = repository.path / ".git" / "hooks"
    for hook in ("post-index-change", "reference-transaction", "post-checkout"):
        shutil.copy(program, hooks / hook)

    assert changed_files(repository.path, base="HEAD~1") == (".gitattributes", "a.py")
    assert commit_facts(repository.path).message == "Change"
    assert not canary.exists()


def test_a_partial_clone_fetches_nothing(repository: Repository, tmp_path: Path) -> None:
    repository.commit("Start", "a.py")
    repository.commit("Change", "src/b.py")
    repository.git("config", "uploadpack.allowFilter", "true")
    repository.git("config", "uploadpack.allowAnySHA1InWant", "true")
    path = tmp_path / "clone"
    repository.git("clone", "--quiet", "--no-checkout", "--filter=tree:0", f"file://{repository.path}", str(path))
    packs = sorted((path / ".git" / "objects").rglob("*"))

    assert changed_files(path) == ()
    assert commit_facts(path).message == "Change"
    assert packs == sorted((path / ".git" / "objects").rglob("*"))


def test_variables_that_point_git_elsewhere_are_not_followed(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("Here", "here.py")
    other = Repository(tmp_path / "other")
    other.commit("There", "there.py")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))

    assert changed_files(repository.path) == ("here.py",)
    assert commit_facts(repository.path).message == "Here"


@pytest.mark.parametrize("place", ["empty", "missing", "unborn", "broken"])
def test_without_a_commit_there_are_no_facts(tmp_path: Path, place: str) -> None:
    directory = tmp_path / place
    if place != "missing":
        directory.mkdir()
    if place in ("unborn", "broken"):
        Repository(directory)
    if place == "broken":
        (directory / ".git" / "HEAD").write_text("\0garbage")
        (directory / ".git" / "config").write_text("[[[")

    assert changed_files(directory, base="main") == ()
    assert commit_facts(directory) == CommitFacts()


def test_without_git_there_are_no_facts(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.commit("Start", "a.py")
    monkeypatch.setenv("PATH", str(repository.path))

    assert changed_files(repository.path) == ()
    assert commit_facts(repository.path) == CommitFacts()


def test_a_git_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")

    assert changed_files(tmp_path, timeout=0.2) == ()
    assert commit_facts(tmp_path, timeout=0.2) == CommitFacts()


@pytest.mark.parametrize("revision", ["", "\0", "-x", "a b", "HEAD~9", "$(touch x)", "x" * 10_000])
def test_a_revision_that_is_none_is_no_error(repository: Repository, revision: str) -> None:
    repository.commit("Start", "a.py")

    assert commit_facts(repository.path, revision=revision) == CommitFacts()
    assert changed_files(repository.path, base=revision) == ("a.py",)
