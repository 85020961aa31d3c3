"""Runs of jobs for the chaos benchmark: failures that a commit ends, or a rerun, or nothing. From them fixes are learned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from ci_memory_producers.events import FailureEvent, PassEvent

if TYPE_CHECKING:
    from chaos_plan import Plan

STORIES = ("FPPP", "FFPPP", "FPFPPP", "F=PP", "FF", "FXPPP")
"""A letter a run. F fails, P passes, X fails for another cause, each with a commit of its own; = passes with the same commit."""
WRITTEN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(slots=True)
class Lines:
    """The runs of a cause's jobs on the default branch, one job a story.

    Half of the stories go a run an act, and so arrive in their order; the others come in one act, in any order. ``causes`` says
    which failure is another cause's, by event id.
    """

    rng: Random
    plan: Plan
    acts: int
    causes: dict[str, int] = field(default_factory=dict)

    def of(self, cause: int) -> Iterator[tuple[int, FailureEvent | PassEvent]]:
        """Events with their acts."""
        tenant = self.plan.tenants[cause]
        others = [
            number
            for number, family in enumerate(self.plan.families)
            if family == "line" and number not in self.plan.guests | {cause} and self.plan.tenants[number] == tenant
        ]
        for number in range(self.rng.randint(1, 2)):
            story = self.rng.choice([one for one in STORIES if len(one) <= self.acts and (others or "X" not in one)])
            other = cause
            if "X" in story:
                other = others.pop(self.rng.randrange(len(others)))
                self.plan.guests.add(other)
            first = self.rng.randrange(self.acts - len(story) + 1)
            shuffled = self.rng.random() < 0.5
            if shuffled:
                self.plan.shuffled |= {cause, other}
            for run, event in enumerate(self._runs(cause, other, number, story)):
                yield (first if shuffled else first + run), event

    def _runs(self, cause: int, other: int, number: int, story: str) -> Iterator[FailureEvent | PassEvent]:
        what = self.plan.causes[cause]
        commit = ""
        for run, letter in enumerate(story):
            parent = commit
            commit = commit if letter == "=" else f"{cause:04x}{number}{run}aa"
            place = {
                "tenant": self.plan.tenants[cause],
                "repo": f"acme/{what.words[0]}-{number}",
                "build_id": f"line-{cause}-{number}-{run}",
                "run_number": run + 1,
                "job": f"line-{number}",
                "branch": "main",
                "default_branch": "main",
                "commit_sha": commit,
                "parent_sha": parent if letter != "=" else "",
                "commit_message": f"Change {what.words[1]} for the {run + 1}. time in {number}",
                "author": "dev@example.com",
                "timestamp": WRITTEN,
            }
            if letter in "FX":
                failed = self.plan.causes[other if letter == "X" else cause]
                more = {"stage": failed.stage, "test_id": failed.test_id}
                event = FailureEvent.model_validate({**place, **more, "error_message": failed.log(self.rng.randrange(10_000))})
                if letter == "X":
                    self.causes[event.event_id] = other
                yield event
            else:
                files = (f"conf/{what.words[2]}-{number}-{run}.toml",)
                yield PassEvent.model_validate({**place, "stage": what.stage, "changed_files": files})
