"""What the people of a repository write: commits, and reports of what fixed a failure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random

from fleet_plan import Breakage, Outage, Step, job_of
from fleet_world import Commit, Report, Truth, Words, first_line

REPORTED, REPORTED_WRONGLY = 0.15, 0.05
"""How often somebody reports a fix, and how many of these reports name what did not help."""
MERGES = 0.40
"""How often the next commit of a branch that failed merges the default branch."""
EXTRA_FILES = 0.30
"""How many fixes change something else too."""
_VERBS = ("Add", "Refactor", "Document", "Rename", "Move", "Simplify", "Remove", "Translate", "Inline", "Extract")
_WHATS = (
    "the settings page",
    "the landing view",
    "an endpoint",
    "the sidebar",
    "two helpers",
    "an enum",
    "the changelog",
    "metrics",
)
_FILES = (
    "README.md", "src/views.py", "src/models.py", "web/app.tsx", "package.json", "src/routes.go", "docs/usage.md", "src/cache.py",
    "requirements.txt", "src/report.py", "web/index.css", "config/settings.yaml", "src/token.py", "lib/retry.rb", "Dockerfile",
)  # fmt: skip


@dataclass(slots=True)
class Author:
    """Writes the commits of one repository."""

    repo: str
    rng: Random
    truth: Truth
    people: tuple[str, ...] = field(init=False)
    habit: int = field(init=False)
    folder: str = field(init=False)
    branches: int = 0

    def __post_init__(self) -> None:
        """Every repository has its people, its way to write subjects, and its folders."""
        self.people = tuple(f"dev{self.rng.randrange(500)}@example.com" for _ in range(self.rng.randint(2, 6)))
        self.habit = self.rng.randrange(4)
        self.folder = self.rng.choice(("src/", "lib/", "app/", "packages/core/", "service/main/"))

    def first(self) -> Commit:
        """The commit that everything begins with."""
        return Commit(self._sha(), "", "Begin", self.rng.choice(self.people), ("README.md",))

    def branch_name(self) -> str:
        """A new branch."""
        self.branches += 1
        return f"feature/{self.repo.partition('/')[2]}-{self.branches}"

    def any_commit(self, head: Commit, *, role: str, merges: bool) -> Commit:
        """The next commit on top of ``head``, which has to do with no failure; ``merges`` where main may be merged."""
        merged = merges and self.rng.random() < MERGES
        message = "Merge branch 'main'" if merged else self._any_subject()
        self.truth.roles[message] = "merge" if merged else role
        return self._commit(head, message, self._any_files())

    def step(self, head: Commit, breakage: Breakage, step: Step) -> Commit:
        """The next commit on top of ``head``: a ``step`` in the story of a breakage."""
        words = breakage.cause.words
        if step == "revert":
            message = f'Revert "{breakage.fix_message}"\n\nThis reverts commit {breakage.fix_sha}.'
            self.truth.roles[first_line(message)] = "revert"
            return self._commit(head, message, self._fix_files(words))
        if step in ("useless", "slip", "shift"):
            message = self._styled(self.rng.choice(words.decoys))
            self.truth.roles[message] = "decoy"
            return self._commit(head, message, self._decoy_files(words))
        message = f'Reapply "{breakage.fix_message}"' if step == "refix" else self._styled(self.rng.choice(words.fixes))
        fixes = frozenset(one.cause_id for one in (breakage.cause, breakage.shifted) if one is not None)
        self.truth.says[message] |= fixes
        done = self._commit(head, message, self._fix_files(words))
        return replace(done, fixes=fixes, repairs_job=job_of(breakage.cause.stage))

    def _commit(self, head: Commit, message: str, files: tuple[str, ...]) -> Commit:
        return Commit(self._sha(), head.sha, message, self.rng.choice(self.people), files)

    def report(self, breakage: Breakage, commit: Commit) -> Report | None:
        """Perhaps somebody reports what fixed a breakage; rarely, what did not."""
        if not breakage.failure_id or self.rng.random() >= REPORTED:
            return None
        words, sha = breakage.cause.words, commit.sha if self.rng.random() < 0.6 else ""
        if self.rng.random() < REPORTED_WRONGLY:
            wrong = self.rng.choice(words.decoys)
            self.truth.roles[wrong] = "wrong report"
            return Report(self.repo, breakage.failure_id, words.fix_type, wrong, "", commit.author)
        said = self.rng.choice(words.fixes)
        self.truth.says[said] |= commit.fixes
        return Report(self.repo, breakage.failure_id, words.fix_type, said, sha, commit.author)

    def repair_report(self, outage: Outage) -> Report:
        """Somebody tells what was repaired outside of the code."""
        said = f"Outside of the code: {outage.cause.words.fixes[0]}"
        self.truth.says[said].add(outage.cause.cause_id)
        return Report(self.repo, outage.failure_id, "environment_fix", said, "", self.rng.choice(self.people))

    def _sha(self) -> str:
        return f"{self.rng.getrandbits(160):040x}"

    def _any_subject(self) -> str:
        return self._styled(f"{self.rng.choice(_VERBS)} {self.rng.choice(_WHATS)} ({self.rng.randrange(2_000)})")

    def _any_files(self) -> tuple[str, ...]:
        return tuple(self.rng.sample(_FILES, self.rng.randint(1, 4)))

    def _fix_files(self, words: Words) -> tuple[str, ...]:
        files = [self.folder + name for name in words.files]
        return tuple(files + self.rng.sample(_FILES, 1) if self.rng.random() < EXTRA_FILES else files)

    def _decoy_files(self, words: Words) -> tuple[str, ...]:
        same = self.rng.random() < 0.5
        return tuple(self.folder + name for name in words.files) if same else self._any_files()

    def _styled(self, subject: str) -> str:
        if self.habit == 1:
            return f"fix: {subject[0].lower()}{subject[1:]}"
        if self.habit == 2:
            return f"{subject} (#{self.rng.randrange(10, 9_000)})"
        return f"[{self.repo.partition('/')[2]}] {subject}" if self.habit == 3 else subject
