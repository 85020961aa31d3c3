"""Which events somebody is to be notified of: written down with their answers, by the step that stores those."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ci_memory_producers.events import FailureEvent, PassEvent

from ..domain.notice import Noted, Place
from .ports import Applied, Dated, Reading

Watched = Callable[[str, str], bool]
"""``watched(tenant, repo)``: whether anybody is notified of this repository."""


def noted(tenant: str, events: Iterable[Reading | Dated], applied: Iterable[Applied], watched: Watched) -> list[Noted]:
    """What is to be written down of a batch; ``applied`` has one result for each of ``events``.

    The pass of a single test says nothing of its job.
    """
    found = []
    for dated, outcome in zip(events, applied, strict=True):
        event = dated.event
        if isinstance(event, FailureEvent) and watched(tenant, event.repo):
            final = outcome.pattern is not None and outcome.pattern.analysed == "final"
            found.append(Noted(event.event_id, _place(event, dated.ms), False, event.test_id, final))
        elif isinstance(event, PassEvent) and not event.test_id and watched(tenant, event.repo):
            found.append(Noted(event.event_id, _place(event, dated.ms), True))
    return found


def _place(event: FailureEvent | PassEvent, ms: int) -> Place:
    return Place(
        repo=event.repo,
        branch=event.branch,
        default_branch=event.default_branch,
        commit=event.commit_sha,
        build_id=event.build_id,
        job=event.job,
        attempt=event.attempt,
        provider=event.provider,
        url=event.url,
        run_number=event.run_number,
        ms=ms,
    )
