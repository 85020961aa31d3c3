"""CircleCI's API: v1.1 has the steps of a job and where their output is, v2 the jobs of a workflow.

The output of a step stands at a signed address, as JSON: a list of pieces with a ``message``. Where the job names no address,
it is read from where CircleCI's own tools read it (``private/output/raw``, plain text).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from pydantic_core import from_json

from ci_memory_producers.ci_env.values import at, leg_of, text_of
from ci_memory_producers.excerpt import Excerpt

from ...domain.job_ended import JobEnded, RunEnded
from ...domain.webhook import Hook
from ...errors import LogNotThere
from ...services.ports.job_logs import Leg, RunFacts
from .client import MOST_FACT_BYTES, MOST_PAGES, ProviderClient, spooled

_ENDS = {"success": False, "failed": True, "timedout": True, "infrastructure_fail": True}
_MOST_LEGS = 1_000


def facts(client: ProviderClient, hook: Hook, job: JobEnded) -> RunFacts:
    """See `JobLogs.facts`. Steps know the containers of a job with parallelism apart; a leg fails where one of its steps does."""
    found = client.json(hook, f"/v1.1/project/{job.project}/{job.job_id}")
    total = at(found, "parallel")
    total = total if isinstance(total, int) and 1 < total <= _MOST_LEGS else 1
    steps: dict[int, list[Mapping[str, Any]]] = {index: [] for index in range(total)}
    for action in _actions(found):
        index = action.get("index")
        steps[index if isinstance(index, int) and index in steps else 0].append(action)
    if total == 1:
        return RunFacts(legs=(Leg("", job.failed, _parts(steps[0], job)),))
    legs = (_leg(index, total, actions, job) for index, actions in steps.items())
    return RunFacts(legs=tuple(leg for leg in legs if leg is not None))


def excerpt(client: ProviderClient, hook: Hook, job: JobEnded, leg: Leg | None) -> Excerpt:
    """See `JobLogs.excerpt`."""
    parts = leg.log_parts if leg else ()
    if job.failed and not parts:
        raise LogNotThere("no step of the job has any output yet")
    return spooled(message for part in parts for message in _messages(client, hook, part))


def jobs(client: ProviderClient, hook: Hook, run: RunEnded) -> Sequence[Any]:
    """See `JobLogs.jobs`."""
    pages: list[Any] = []
    token = ""
    while len(pages) < MOST_PAGES:
        following = f"?page-token={quote(token, safe='')}" if token else ""
        pages.append(client.json(hook, f"/v2/workflow/{run.build_id}/job{following}"))
        token = text_of(at(pages[-1], "next_page_token"), 2_000)
        if not token:
            break
    return pages


def _leg(index: int, total: int, actions: Sequence[Mapping[str, Any]], job: JobEnded) -> Leg | None:
    """None for one that says neither failed nor passed, such as those that were stopped because another failed."""
    ends = {_ENDS.get(text_of(action.get("status"))) for action in actions if not action.get("background")}
    failed = job.failed and True in ends
    return Leg(leg_of(str(index), str(total)), failed, _parts(actions, job)) if failed or ends == {False} else None


def _parts(actions: Sequence[Mapping[str, Any]], job: JobEnded) -> tuple[str, ...]:
    """Where the output of the steps that failed is; of all steps, where none says so."""
    failed = [one for one in actions if one.get("failed") is True or _ENDS.get(text_of(one.get("status")))]
    parts = (_part(action, job) for action in failed or actions)
    return tuple(part for part in parts if part) if job.failed else ()


def _part(action: Mapping[str, Any], job: JobEnded) -> str:
    if url := text_of(action.get("output_url"), 8_000):
        return url
    index, step = action.get("index"), action.get("step")
    if not action.get("has_output") or not isinstance(index, int) or not isinstance(step, int):
        return ""
    return f"/private/output/raw/{job.project}/{job.job_id}/output/{index}/{step}"


def _actions(job: Any) -> Iterator[Mapping[str, Any]]:
    steps = at(job, "steps")
    for step in steps if isinstance(steps, list) else ():
        actions = at(step, "actions")
        yield from (one for one in (actions if isinstance(actions, list) else ()) if isinstance(one, Mapping))


def _messages(client: ProviderClient, hook: Hook, part: str) -> Iterator[bytes]:
    said = client.data(hook, part, MOST_FACT_BYTES)
    if part.startswith("/"):
        yield said
        return
    try:
        # What is cut off at the limit is read up to there.
        pieces = from_json(said, allow_partial="trailing-strings")
    except ValueError:
        raise LogNotThere("the output of a step is no JSON") from None
    for piece in pieces if isinstance(pieces, list) else ():
        message = at(piece, "message")
        if isinstance(message, str):
            yield message.encode("utf-8", "replace")
