"""One comment for each pull request and job: found by its marker, written anew in place, resolved when the job passes."""

from __future__ import annotations

from typing import Literal

from .api import ApiRefused
from .forges import Comments, Posted
from .marker import Marker, resolved

Done = Literal["created", "updated", "unchanged", "said by another job", "resolved", "nothing to resolve"]
TRIES = 2
"""Of writing a comment of which nobody knows whether it was written."""


def say(comments: Comments, marker: Marker, text: str) -> Done:
    """Make ``text`` what the job's comment says. Raises `ApiRefused`.

    Two attempts of a job may both find none and write one each: who comes later sees both, and the older one stays.
    """
    body = marker.on(text)
    for again in range(TRIES):
        ours = comments.ours()
        same = _of(ours, marker)
        if same:
            return _renew(comments, same, body)
        if marker.outbreak and any(_tells(one, marker.outbreak) for one in ours):
            return "said by another job"
        try:
            comments.create(body)
        except ApiRefused as refused:
            if not refused.maybe_done or again == TRIES - 1:
                raise
            continue
        if len(both := _of(comments.ours(), marker)) > 1:
            _renew(comments, both, body)
        return "created"
    raise AssertionError("the last try returns or raises")


def resolve(comments: Comments, marker: Marker, *, job: str, commit: str) -> Done:
    """Say in the job's comment that the job passes now, where there is one. Raises `ApiRefused`."""
    same = _of(comments.ours(), marker)
    if not same:
        return "nothing to resolve"
    if (old := same[0].marker) is not None and old.state == "resolved":
        return "unchanged"
    _renew(comments, same, resolved(same[0].body, job, commit))
    return "resolved"


def _of(ours: list[Posted], marker: Marker) -> list[Posted]:
    return [one for one in ours if one.marker is not None and one.marker.key == marker.key]


def _tells(one: Posted, outbreak: str) -> bool:
    return one.marker is not None and one.marker.state == "failed" and one.marker.outbreak == outbreak


def _renew(comments: Comments, same: list[Posted], body: str) -> Done:
    """The oldest one stays and says ``body``; further ones go."""
    first, *rest = same
    # A forge may give a text back with other ends of lines than it was given.
    changed = first.body.replace("\r\n", "\n").strip() != body.strip()
    if changed:
        comments.update(first.id, body)
    for one in rest:
        comments.delete(one.id)
    return "updated" if changed else "unchanged"
