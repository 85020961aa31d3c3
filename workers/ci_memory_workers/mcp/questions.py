"""What a coding assistant may ask: the arguments of each tool, with what it is told about them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from ci_memory_producers.events import FixType, PatternId, Stage

from ..services.asking import MOST_FOUND

MOST_LOG_CHARACTERS = 1_000_000
MOST_QUERY_CHARACTERS = 2_000

Repo = Annotated[str, Field(max_length=300, examples=["acme/shop"])]
KnownPattern = Annotated[PatternId, Field(description="From another tool's answer: `pat_…`.", examples=["pat_094f73dab9d1"])]


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Search(_Question):
    """Of `search_known_failures`."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MOST_QUERY_CHARACTERS,
            description="What failed, in words: the error's message, an exception, a test, a symptom. For a log use explain_log.",
        ),
    ]
    repo: Annotated[Repo, Field(description="owner/name: only failures that were seen there. Leave it out to search all.")] = ""
    limit: Annotated[int, Field(ge=1, le=MOST_FOUND, description="Most failures to return.")] = 5


class Explain(_Question):
    """Of `explain_log`."""

    log_text: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MOST_LOG_CHARACTERS,
            description=(
                "The log of the failing step as it is, or its end when it is longer than a million characters. Don't "
                "summarise or reformat it: a failure is recognised by its own lines. Secrets in it are masked."
            ),
        ),
    ]
    stage: Annotated[Stage, Field(description="What the failing step does.")]
    repo: Annotated[Repo, Field(description="owner/name of the failing build: says whether the failure was seen there.")] = ""


class GetPattern(_Question):
    """Of `get_pattern`."""

    pattern_id: KnownPattern


class Record(_Question):
    """Of `record_resolution`."""

    pattern_id: KnownPattern
    fix_type: Annotated[
        FixType,
        Field(
            description=(
                "code_change, config_change or environment_fix: what was changed. rerun: nothing was, it passed when it was run "
                "again; that marks the failure as flaky and is remembered as no fix."
            )
        ),
    ]
    fix_description: Annotated[
        str,
        Field(
            max_length=4_000,
            description=(
                "What was done, in a sentence or two that help whoever meets the failure next in another repository: the file, "
                "the setting, the command. Needed unless fix_type is rerun. No secrets."
            ),
        ),
    ] = ""
    repo: Annotated[Repo, Field(description="owner/name of the repository in which it was fixed.")] = ""
    fix_commit: Annotated[str, Field(max_length=300, description="The commit that fixed it.")] = ""
    fixed_by: Annotated[str, Field(max_length=300, description="Who fixed it. Left out: the commit's author, if known.")] = ""
