"""Jenkins' remote access API: a build as JSON, and its console as text, with the name and the API token of a user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ci_memory_producers.ci_env.values import at, text_of
from ci_memory_producers.excerpt import Excerpt
from ci_memory_producers.redact import redact

from ...domain.job_ended import JobEnded, RunEnded
from ...domain.webhook import Hook
from ...errors import LogNotThere
from ...services.ports.job_logs import Leg, RunFacts
from .client import ProviderClient

_CHANGES = "items[commitId,msg,comment,author[fullName]]"
_TREE = (
    "building,result,number,actions[remoteUrls,lastBuiltRevision[SHA1,branch[name]]],"
    f"changeSet[{_CHANGES}],changeSets[{_CHANGES}]"
)


def facts(client: ProviderClient, hook: Hook, job: JobEnded) -> RunFacts:
    """See `JobLogs.facts`."""
    build = _build(client, hook, job)
    change = next((one for one in _changes(build) if job.commit_sha and one.get("commitId") == job.commit_sha), {})
    message = text_of(change.get("comment"), 4_000) or text_of(change.get("msg"), 4_000)
    return RunFacts(commit_message=redact(message), author=redact(text_of(at(change, "author", "fullName"))))


def excerpt(client: ProviderClient, hook: Hook, job: JobEnded, _leg: Leg | None) -> Excerpt:
    """See `JobLogs.excerpt`."""
    return client.log(hook, f"/{job.project}/{job.run_number}/consoleText")


def jobs(client: ProviderClient, hook: Hook, run: RunEnded) -> Sequence[Any]:
    """See `JobLogs.jobs`."""
    return [_build(client, hook, run)]


def _build(client: ProviderClient, hook: Hook, ended: JobEnded | RunEnded) -> Any:
    found = client.json(hook, f"/{ended.project}/{ended.run_number}/api/json?tree={_TREE}")
    if at(found, "building") is True:
        raise LogNotThere("the build has steps that run after its result is known")
    return found


def _changes(build: Any) -> Iterator[Mapping[str, Any]]:
    """The commits of a build; a Pipeline has several sets of them."""
    sets = at(build, "changeSets")
    for one in (at(build, "changeSet"), *(sets if isinstance(sets, list) else ())):
        items = at(one, "items")
        yield from (item for item in (items if isinstance(items, list) else ()) if isinstance(item, Mapping))
