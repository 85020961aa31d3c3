"""The tools: what a coding assistant reads about each, what it passes, and what is done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mcp import types
from pydantic import BaseModel

from ..errors import Refusal
from ..services.asking import AskingDesk, Told
from ..services.ports.asking import Caller
from .answers import Found, LogRead, PatternDetails, Recorded, details, known_failure, log_read
from .questions import Explain, GetPattern, Record, Search

RECEIPT_SECONDS = 10.0

Q = TypeVar("Q", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and what the place where this runs says: its repository, and its commits."""

    caller: Caller
    desk: AskingDesk
    repo: str = ""
    told_by: Callable[[str], Told] = lambda _: Told()


@dataclass(frozen=True, slots=True)
class MemoryTool(Generic[Q]):
    """One tool."""

    name: str
    title: str
    description: str
    question: type[Q]
    answer: type[BaseModel]
    run: Callable[[Asked, Q], BaseModel]
    reads_only: bool = True

    def call(self, arguments: dict[str, Any], asked_by: Callable[[], Asked]) -> BaseModel:
        """Validate the arguments and run it. Raises pydantic's ValidationError, and what ``asked_by`` and the desk raise."""
        question = self.question.model_validate(arguments)
        return self.run(asked_by(), question)

    def described(self) -> types.Tool:
        """As the protocol lists it."""
        return types.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            inputSchema=_schema(self.question),
            outputSchema=_schema(self.answer),
            annotations=types.ToolAnnotations(
                title=self.title,
                readOnlyHint=self.reads_only,
                destructiveHint=False,
                idempotentHint=True,
                openWorldHint=False,
            ),
        )


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """Its JSON schema, without the name and the words that are for who reads the code."""
    return {key: value for key, value in model.model_json_schema().items() if key not in ("title", "description")}


def _search(asked: Asked, said: Search) -> Found:
    found = asked.desk.search(asked.caller, said.query, repo=said.repo, limit=said.limit)
    told = f"{len(found)} known failures, the nearest in meaning first: check that it is the same failure before you use a fix."
    return Found(found=[known_failure(one) for one in found], message=told if found else "Nothing like it is known.")


def _explain(asked: Asked, said: Explain) -> LogRead:
    excerpt, read = asked.desk.explain(asked.caller, said.log_text, said.stage, repo=said.repo)
    return log_read(excerpt, read)


def _get_pattern(asked: Asked, said: GetPattern) -> PatternDetails:
    return details(asked.desk.show(asked.caller, said.pattern_id), asked.caller)


def _record(asked: Asked, said: Record) -> Recorded:
    repo = said.repo or asked.repo
    if not repo:
        told = "is missing: pass owner/name of the repository in which it was fixed"
        raise Refusal("invalid_parameter", f"repo {told}", problems=(("repo", told),))
    event_id, receipt = asked.desk.record(
        asked.caller,
        said.pattern_id,
        said.fix_type,
        repo=repo,
        fix_description=said.fix_description,
        fix_commit=said.fix_commit,
        fixed_by=said.fixed_by,
        wait_seconds=RECEIPT_SECONDS,
        told_by=asked.told_by,
    )
    if receipt is None:
        message = f"It is in the log of events and will be applied; no worker has confirmed it within {RECEIPT_SECONDS:.0f} s."
        return Recorded(status="sent", pattern_id=said.pattern_id, event_id=event_id, message=message)
    if receipt.status == "rejected":
        raise Refusal("invalid_parameter", f"pattern_id: {receipt.message}")
    return Recorded(status="recorded", pattern_id=receipt.pattern_id, event_id=event_id, message=receipt.message)


TOOLS: tuple[MemoryTool[Any], ...] = (
    MemoryTool(
        "explain_log",
        "Explain a failing CI log",
        "Ask this first when a build, test, deploy or check fails in CI. Reads the log: which part failed, of which category, "
        "and whether builds of any repository have failed so before. A known failure comes with the fix that worked, how often "
        "it worked and how sure that is; an unknown one is said to be unknown. Changes nothing and counts nothing.",
        Explain,
        LogRead,
        _explain,
    ),
    MemoryTool(
        "search_known_failures",
        "Search known CI failures",
        "Finds failures that builds have reported before, by meaning, with their fixes or first diagnoses. Use it when there is "
        "no log at hand, or when explain_log says unknown. Near is not the same: compare headline and test. A failure of the "
        "last minute may not be found yet. Changes nothing.",
        Search,
        Found,
        _search,
    ),
    MemoryTool(
        "get_pattern",
        "Show a known CI failure",
        "All that is known of one failure by its pattern_id: diagnosis, every fix with its outcomes, whether it is flaky, and "
        "what people decided (vetoed and pinned fixes). Changes nothing.",
        GetPattern,
        PatternDetails,
        _get_pattern,
    ),
    MemoryTool(
        "record_resolution",
        "Record what fixed a CI failure",
        "Tells the memory what fixed a known failure, so that it is suggested when the failure comes back, in any repository. "
        "Call it once the fix is proven (the build that failed passes), never for a guess. It is kept with the name of who "
        "fixed it; saying the same again changes nothing.",
        Record,
        Recorded,
        _record,
        reads_only=False,
    ),
)
BY_NAME = {tool.name: tool for tool in TOOLS}
