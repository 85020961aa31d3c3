"""One tree of errors: what happened, to which id, what to do next. ``reason`` is short and fit for a metric's label."""

from __future__ import annotations

import traceback


def origin(error: BaseException) -> str:
    """Where an error came from, without what it said: messages of other people's errors may hold text of a build."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


class CiMemoryError(Exception):
    """The root of all errors that ci-memory raises on purpose."""

    reason = "error"


class Permanent(CiMemoryError):
    """Trying again changes nothing."""

    reason = "permanent"


class Retryable(CiMemoryError):
    """May work later. ``retry_after`` is the other side's wish in seconds, where it has one."""

    reason = "retryable"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AnalystUnavailable(Retryable):
    """The LLM can't be reached or is busy (timeout, 429, 5xx)."""

    reason = "analyst_unavailable"


class AnalystNotAsked(Retryable):
    """The LLM was not asked: it is down, its rate or its budget is used up. ``reason`` says which; no try is used up by it."""

    def __init__(self, reason: str, *, wait_ms: int) -> None:
        super().__init__(f"the LLM was not asked ({reason}), again in {wait_ms / 1000:.0f} s", retry_after=wait_ms / 1000)
        self.reason = reason
        self.wait_ms = wait_ms


class AnalystMisbehaved(Retryable):
    """The LLM answered something that is not an answer (broken JSON, wrong shape). A few retries, then rules."""

    reason = "analyst_misbehaved"


class AnalystRefused(Permanent):
    """The LLM refuses this failure (a refusal, 400, 401, 403, 404)."""

    reason = "analyst_refused"


class KnowledgeUnavailable(Retryable):
    """Aegis can't be reached, is busy or limits the rate."""

    reason = "knowledge_unavailable"


class KnowledgeNotAsked(KnowledgeUnavailable):
    """Nothing was sent to Aegis (nobody listens, the rate is used up, the file is busy): even a vote may be cast again."""

    reason = "knowledge_not_asked"


class PlaybookLeftAlone(KnowledgeNotAsked):
    """The playbook is not searched now: searches failed in a row, and somebody else tries when it is time."""

    reason = "playbook_left_alone"

    def __init__(self) -> None:
        super().__init__("the playbook is left alone: Aegis is out of reach")


class KnowledgeRefused(Permanent):
    """Aegis refuses this memory or this id for good."""

    reason = "knowledge_refused"


class UnknownPattern(Permanent):
    """Nothing is known under this pattern id."""

    reason = "unknown_pattern"

    def __init__(self, pattern_id: str) -> None:
        super().__init__(f"no pattern {pattern_id}: `ci-memory patterns list` shows the ids")
        self.pattern_id = pattern_id


class UnknownFix(Permanent):
    """A pattern has no fix with this id."""

    reason = "unknown_fix"

    def __init__(self, pattern_id: str, fix_id: str) -> None:
        super().__init__(f"{pattern_id} has no fix {fix_id}: `ci-memory patterns show {pattern_id}` shows its fixes")
        self.pattern_id = pattern_id
        self.fix_id = fix_id


class DecisionRefused(Permanent):
    """A person's decision makes no sense as things stand. The message says why, and what to do instead."""

    reason = "decision_refused"


class InvalidSettings(Permanent):
    """A setting or a flag makes no sense. The message names it."""

    reason = "invalid_settings"


class UnknownToken(Permanent):
    """There is no access token with this id that still works."""

    reason = "unknown_token"

    def __init__(self, token_id: str) -> None:
        super().__init__(f"no token {token_id} that still works: `ci-memory token list` shows the ids")
        self.token_id = token_id


class TokenChanged(Retryable):
    """Somebody else changed the token at the same moment."""

    reason = "token_changed"

    def __init__(self, token_id: str) -> None:
        super().__init__(f"token {token_id} was changed by somebody else just now: look at it, and try again")
        self.token_id = token_id


class LogUnreachable(Retryable):
    """Redis can't be reached or does not answer: nothing is known of what was asked for."""

    reason = "log_unreachable"


class LogFull(Retryable):
    """The log takes no events now: workers are too far behind, or Redis is full. Nothing was appended."""

    reason = "log_full"


class Refusal(Permanent):
    """The HTTP door refuses a request. ``reason`` says why in one word; ``problems`` are pairs of a field and what is wrong.

    ``retry_after`` is in seconds, where trying again later helps.
    """

    def __init__(
        self, reason: str, message: str, *, problems: tuple[tuple[str, str], ...] = (), retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.problems = problems
        self.retry_after = retry_after


class LogNotThere(Retryable):
    """The provider does not give the log of a job now (out of reach, busy, not written yet)."""

    reason = "log_not_there"


class LogRefused(Permanent):
    """The provider will never give the log of a job with these credentials, or sends where nobody may follow."""

    reason = "log_refused"


class ChannelBusy(Retryable):
    """A channel can't be reached or takes nothing now. Nothing was said, or saying it again does no harm."""

    reason = "channel_busy"


class ChannelRefused(Permanent):
    """A channel refuses what it is told, or does not know who tells it."""

    reason = "channel_refused"


class ChannelUnsure(Permanent):
    """Nobody knows whether a message was taken; it is not sent again, since it may be there."""

    reason = "channel_unsure"
