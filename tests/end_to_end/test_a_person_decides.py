"""A person outranks the machine: what was merged, split, vetoed, pinned or forgotten stays so, whatever models or reports say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from build_logs import missing_module_log, pytest_log
from ci_memory_producers import FailureEvent, ResolutionEvent
from llm_standin import LLMStandin
from running_fleet import Up, wait_until

WHO_AND_WHY = ("--by", "dev@example.com", "--why", "seen in the review")


class Person:
    """Fails builds, reports fixes and decides, all as one tenant."""

    def __init__(self, up: Up, tenant: str) -> None:
        self.up, self.tenant = up, tenant
        self._builds = 0

    def fails(self, log: str, *, repo: str = "acme/shop") -> Any:
        """The answer to a new build that fails with ``log``."""
        self._builds += 1
        event = FailureEvent(
            tenant=self.tenant, repo=repo, build_id=f"b{self._builds}", stage="test", job="unit", error_message=log
        )
        return self.up.ask(event)

    def fixes(self, pattern_id: str, description: str, *, repo: str = "acme/shop") -> str:
        """The id of a fix that was reported."""
        event = ResolutionEvent(
            tenant=self.tenant, repo=repo, pattern_id=pattern_id, fix_type="config_change", fix_description=description
        )
        with self.up.producer() as producer:
            producer.push(event, wait=True)
            producer.wait(self.tenant, event.event_id, seconds=60)
        return next(fix.fix_id for fix in self.up.index_pattern(self.tenant, pattern_id).fixes if fix.description == description)

    def decides(self, *command: str) -> str:
        """What `ci-memory patterns` prints."""
        done = self.up.run("ci-memory", "patterns", *command, "--tenant", self.tenant, *WHO_AND_WHY)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shows(self, pattern_id: str) -> str:
        done = self.up.run("ci-memory", "patterns", "show", pattern_id, "--tenant", self.tenant)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def playbook_holds(self, kind: Any, *pattern_ids: str) -> list[int]:
        """How many memories of ``kind`` each pattern has in the playbook."""
        box = self.up.container()
        try:
            return [len(box.knowledge.find(self.tenant, pattern_id, kind)) for pattern_id in pattern_ids]
        finally:
            box.redis.close()

    def journal(self) -> list[dict[str, str]]:
        box = self.up.container()
        try:
            return [dict(entry.fields) for entry in box.archive.journal(self.tenant) if entry.fields["kind"] == "decision"]
        finally:
            box.redis.close()


@pytest.fixture
def person(up: Up, tenant: str) -> Person:
    return Person(up, tenant)


def test_patterns_that_a_person_merges_answer_with_the_same_fix(person: Person) -> None:
    one, other = missing_module_log("numpy"), pytest_log(2, test="test_needs_numpy")
    kept, gone = person.fails(one).pattern_id, person.fails(other).pattern_id
    person.fixes(kept, "install numpy")
    wait_until(lambda: person.playbook_holds("reflection", kept, gone) == [1, 1], what="both reflections")

    person.decides("merge", gone, kept)

    answer = person.fails(other, repo="acme/cart")
    assert (answer.pattern_id, answer.suggested_fix) == (kept, "install numpy")
    assert f"was {gone}, merged by dev@example.com" in person.shows(kept)
    wait_until(lambda: person.playbook_holds("reflection", kept, gone) == [1, 0], what="one reflection for both")
    assert [(entry["decision"], entry["by"], entry["why"]) for entry in person.journal()] == [
        ("merge", "dev@example.com", "seen in the review")
    ]


def test_a_split_sticks_against_a_model_that_says_again_that_it_is_the_same(person: Person, llm: LLMStandin) -> None:
    known = person.fails(missing_module_log("orjson")).pattern_id
    wait_until(lambda: person.playbook_holds("reflection", known) == [1], what="the reflection")
    llm.mode = f"same_as:{known}"
    alias = "error: orjson could not be imported, install it\n"
    assert person.fails(alias).pattern_id == known
    (merged,) = json.loads(person.up.run("ci-memory", "patterns", "show", known, "--tenant", person.tenant, "--json").stdout)[
        "aliases"
    ]
    asked = len(llm.requests)

    person.decides("split", merged["fingerprint"])

    again = person.fails(alias, repo="acme/cart")
    assert again.pattern_id == merged["was"] != known
    assert len(llm.requests) > asked, "the model was asked again, and said the same"
    assert person.up.index_pattern(person.tenant, again.pattern_id).merged_into == ""
    assert f"({known}) by dev@example.com" in person.shows(again.pattern_id)
    person.decides("forget", again.pattern_id)
    third = person.fails(alias)
    assert third.pattern_id not in (known, again.pattern_id), "it is kept apart under another id too"


def test_a_vetoed_fix_is_not_suggested_again_though_it_is_reported_again(person: Person) -> None:
    log = missing_module_log("scipy")
    pattern_id = person.fails(log).pattern_id
    fix_id = person.fixes(pattern_id, "skip the test")
    assert person.fails(log).suggested_fix == "skip the test"
    wait_until(lambda: person.playbook_holds("strategy", pattern_id) == [1], what="the strategy")

    person.decides("veto", pattern_id, fix_id)
    person.fixes(pattern_id, "skip the test", repo="acme/cart")

    answer = person.fails(log)
    assert answer.suggested_fix != "skip the test"
    assert answer.evidence.source == "analysis"
    assert "vetoed by dev@example.com: seen in the review" in answer.evidence.note
    assert f"vetoed {fix_id}" in person.shows(pattern_id)
    wait_until(lambda: person.playbook_holds("strategy", pattern_id) == [0], what="no strategy")


def test_a_pinned_fix_is_suggested_first_until_it_is_unpinned(person: Person) -> None:
    log = missing_module_log("lxml")
    pattern_id = person.fails(log).pattern_id
    fix_id = person.fixes(pattern_id, "install libxml2")
    for repo in ("acme/cart", "acme/billing"):
        person.fixes(pattern_id, "pin lxml", repo=repo)
    assert person.fails(log).suggested_fix == "pin lxml"

    person.decides("pin-fix", pattern_id, fix_id)
    answer = person.fails(log)
    assert answer.suggested_fix == "install libxml2"
    assert "pinned by dev@example.com: seen in the review" in answer.evidence.note

    person.decides("pin-fix", pattern_id, fix_id, "--unpin")
    assert person.fails(log).suggested_fix == "pin lxml"


def test_a_forgotten_pattern_is_new_when_it_recurs(person: Person, llm: LLMStandin) -> None:
    log = missing_module_log("pandas")
    pattern_id = person.fails(log).pattern_id
    person.fixes(pattern_id, "install pandas")
    wait_until(lambda: person.playbook_holds("strategy", pattern_id) == [1], what="the strategy")
    asked = len(llm.requests)

    person.decides("forget", pattern_id)

    wait_until(lambda: person.playbook_holds("reflection", pattern_id) == [0], what="no reflection")
    answer = person.fails(log)
    assert (answer.status, answer.pattern_id != pattern_id, answer.similar_failures) == ("new_pattern", True, 1)
    assert len(llm.requests) > asked
    assert person.playbook_holds("strategy", pattern_id) == [0]
    done = person.up.run("ci-memory", "patterns", "show", pattern_id, "--tenant", person.tenant)
    assert (done.returncode, "forgotten by dev@example.com" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["merge", "pat_000000000000", "pat_111111111111", *WHO_AND_WHY], "no pattern pat_000000000000"),
        (["split", "1:ffff", *WHO_AND_WHY], "no pattern 1:ffff"),
        (["veto", "pat_000000000000", "f", *WHO_AND_WHY], "no pattern pat_000000000000"),
        (["pin-fix", "pat_000000000000", "f", *WHO_AND_WHY], "no pattern pat_000000000000"),
        (["forget", "pat_000000000000", *WHO_AND_WHY], "no pattern pat_000000000000"),
        (["forget", "pat_000000000000", "--by", "dev@example.com"], "--why"),
        (["forget", "pat_000000000000", "--by", "dev@example.com", "--why", " "], "--why"),
    ],
)
def test_what_makes_no_sense_says_so_and_exits_with_2(person: Person, command: list[str], says: str) -> None:
    done = person.up.run("ci-memory", "patterns", *command, "--tenant", person.tenant)

    assert (done.returncode, says in done.stderr) == (2, True), done.stderr
    assert person.journal() == []
