"""An analyst that asks an LLM by OpenAI's API. Import it where it is built: openai takes 0.7 s."""

from __future__ import annotations

import email.utils
import math
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import openai
from pydantic import BaseModel, ValidationError

from ci_memory_producers.events import Diagnosis
from ci_memory_workers.errors import (
    AnalystMisbehaved,
    AnalystNotAsked,
    AnalystRefused,
    AnalystUnavailable,
    CiMemoryError,
    InvalidSettings,
)
from ci_memory_workers.services.ports import AnalystAnswer, Candidate, FailureContext

from . import prompts
from .deadline import Stopped, TooLate, run_within

MAX_FIELD = 4_000
"""The longest field of a `Diagnosis`, in characters."""
MAX_RETRY_AFTER = 3_600.0
MOST_TOKENS = 10_000_000
"""More than any model reads at once: a server that says so is wrong, and must not end the day's budget."""

# Error codes that may be shown: a message or an unknown code of the server could hold the log or the key.
_KNOWN_CODES = frozenset(
    {
        "content_filter",
        "content_policy_violation",
        "context_length_exceeded",
        "insufficient_quota",
        "invalid_api_key",
        "model_not_found",
        "rate_limit_exceeded",
        "unsupported_parameter",
        "unsupported_value",
    }
)
_ADVICE = {
    400: "the server does not accept the request: does the model support response_format json_schema?",
    401: "check OPENAI_API_KEY",
    403: "the key may not use this model",
    404: "check the model's name and OPENAI_BASE_URL",
    413: "the request is too large for the model",
    422: "the server does not accept the request: does the model support response_format json_schema?",
}
_UNKNOWN = r"(?:extra|forbidden|not permitted|unexpected|unknown|unrecogni[sz]ed|unsupported)"
_UNKNOWN_STORE = re.compile(rf"\bstore\b.{{0,80}}{_UNKNOWN}|{_UNKNOWN}.{{0,80}}\bstore\b", re.IGNORECASE)


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Completion(BaseModel):
    """As much of a chat completion as is read: the SDK builds its own models without validating what came."""

    choices: list[_Choice]
    usage: Any = None

    @property
    def tokens(self) -> int:
        """What the call used; 0 where the server does not say it in a way that makes sense."""
        said = self.usage.get("total_tokens") if isinstance(self.usage, dict) else None
        return said if type(said) is int and 0 < said <= MOST_TOKENS else 0


class _Reply(BaseModel):
    summary: str
    likely_cause: str
    suggested_fix: str
    prevention: str
    same_as: str | None = None
    reason: str = ""


class OpenAIAnalyst:
    """Asks ``model`` for a diagnosis, and which of the candidates the failure is, if any.

    What leaves is redacted, delimited and cut. What comes back is data too: redacted, bounded plain text; a
    ``same_as`` that is not among the candidates counts as None. Never retries: a task's policy does.

    Args:
        api_key: sent as a bearer token.
        base_url: ends in ``/v1``; None is OpenAI's own address, or ``OPENAI_BASE_URL``.
        model: also the analyst's name in an answer.
        timeout: seconds for a whole analysis, however slowly the server answers.
        redact: takes secrets out of a text.
        max_log_chars: characters of log (error and trace) that are sent.
        stopping: whether this process is to end; then an analysis is given up, and left to another.

    Raises:
        InvalidSettings: ``api_key``, ``base_url``, ``model`` or ``timeout`` make no sense.

    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        model: str,
        timeout: float,
        redact: Callable[[str], str],
        max_log_chars: int = 12_000,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        if not (api_key.strip() and api_key.isascii() and api_key.isprintable()):
            raise InvalidSettings("OPENAI_API_KEY is empty or holds characters that no key has")
        if base_url is not None and not base_url.startswith(("http://", "https://")):
            raise InvalidSettings("OPENAI_BASE_URL must begin with http:// or https://")
        if not model.strip():
            raise InvalidSettings("the LLM's name is empty")
        if not 0 < timeout < math.inf:
            raise InvalidSettings(f"the LLM's timeout is {timeout}: it must be a positive number of seconds")
        self.name = model
        self._api_key = api_key.strip()
        self._base_url = base_url
        self._timeout = timeout
        self._redact = redact
        self._max_log_chars = max_log_chars
        self._stopping = stopping
        self._says_not_to_store = True

    def analyze(self, failure: FailureContext, candidates: Sequence[Candidate]) -> AnalystAnswer:
        """Ask the model. Must not be called from a running event loop.

        Raises:
            AnalystUnavailable: a timeout, no connection, 408, 409, 429 or 5xx.
            AnalystMisbehaved: the answer is cut off, empty, or not of the asked shape.
            AnalystNotAsked: this process is to end.
            AnalystRefused: the model or the server refuses (a refusal, a content filter, any other status).

        """
        # A generic text fits many causes: taking it for one of them would give all the others its fix.
        others = [] if failure.generic else [each for each in candidates if each.pattern_id != failure.pattern_id]
        candidates = others[: prompts.MAX_CANDIDATES]
        ids = list(dict.fromkeys(each.pattern_id for each in candidates))
        request = self._request(failure, candidates, ids)
        # Raised outside of every except block: the SDK's errors hold the request, with the log and the key.
        body = self._within_time(request)
        if isinstance(body, CiMemoryError):
            raise body
        reply = _read(body)
        if isinstance(reply, CiMemoryError):
            raise reply
        return replace(self._answer(reply, ids), tokens=_Completion.model_validate_json(body).tokens)

    def _request(self, failure: FailureContext, candidates: Sequence[Candidate], ids: Sequence[str]) -> dict[str, Any]:
        message = prompts.user_message(
            failure,
            candidates,
            nonce=secrets.token_hex(12),
            redact=self._redact,
            max_log_chars=self._max_log_chars,
        )
        return {
            "model": self.name,
            "messages": [{"role": "system", "content": prompts.SYSTEM}, {"role": "user", "content": message}],
            "response_format": prompts.response_format(ids),
        }

    def _within_time(self, request: dict[str, Any]) -> bytes | CiMemoryError:
        try:
            return run_within(self._timeout, self._ask(request), self._stopping)
        except TooLate:
            return AnalystUnavailable(f"the LLM did not answer within {self._timeout:g} s")
        except Stopped:
            return AnalystNotAsked("worker_stops", wait_ms=0)

    async def _ask(self, request: dict[str, Any]) -> bytes | CiMemoryError:
        # No redirects: a log goes to the configured address and to no other.
        transport = openai.DefaultAsyncHttpxClient(follow_redirects=False)
        async with openai.AsyncOpenAI(
            api_key=self._api_key,
            base_url=self._base_url,
            timeout=self._timeout,
            max_retries=0,
            http_client=transport,
        ) as client:
            try:
                return await self._complete(client, request)
            except openai.APIError as error:
                return _problem(error)

    async def _complete(self, client: openai.AsyncOpenAI, request: dict[str, Any]) -> bytes:
        if self._says_not_to_store:
            try:
                return await _post(client, {**request, "store": False})
            except openai.APIStatusError as error:
                if self._base_url is None or not _complains_of_store(error):
                    raise
            # A compatible server that has no such field keeps nothing by it.
            self._says_not_to_store = False
        return await _post(client, request)

    def _answer(self, reply: _Reply, ids: Sequence[str]) -> AnalystAnswer:
        texts = {name: self._clean(getattr(reply, name)) for name in Diagnosis.model_fields}
        empty = [name for name, text in texts.items() if not text]
        if empty:
            raise AnalystMisbehaved(f"the LLM's answer has nothing in {', '.join(empty)}")
        same_as = reply.same_as if reply.same_as in ids else None
        return AnalystAnswer(diagnosis=Diagnosis(**texts), analyst=self.name, same_as=same_as, reason=self._clean(reply.reason))

    def _clean(self, text: str) -> str:
        # Cut before, so that a huge answer costs little, and after: a mask may be longer than its secret.
        return self._redact(prompts.visible(text[: 4 * MAX_FIELD])).strip()[:MAX_FIELD].strip()


async def _post(client: openai.AsyncOpenAI, request: dict[str, Any]) -> bytes:
    response = await client.chat.completions.with_raw_response.create(**request)
    return bytes(response.content)


def _read(body: bytes) -> _Reply | CiMemoryError:
    """The model's reply out of the body of a chat completion."""
    try:
        choices = _Completion.model_validate_json(body).choices
    except ValidationError:
        return AnalystMisbehaved("the LLM server's answer is not a chat completion")
    if not choices:
        return AnalystMisbehaved("the LLM server's answer has no choices")
    choice = choices[0]
    if choice.message.refusal or choice.finish_reason == "content_filter":
        return AnalystRefused("the LLM refuses to analyse this failure")
    if choice.finish_reason == "length":
        return AnalystMisbehaved("the LLM's answer is cut off: its limit of tokens is too low for an analysis")
    try:
        return _Reply.model_validate_json(choice.message.content or "")
    except ValidationError:
        return AnalystMisbehaved("the LLM's answer is not the JSON object that was asked for")


def _problem(error: openai.APIError) -> CiMemoryError:
    if isinstance(error, openai.APITimeoutError):
        return AnalystUnavailable("the LLM server did not answer in time")
    if not isinstance(error, openai.APIStatusError):
        return AnalystUnavailable("no connection to the LLM server, or it broke: check OPENAI_BASE_URL")
    status = error.status_code
    code = f", {error.code}" if error.code in _KNOWN_CODES else ""
    if status in (408, 409, 429) or status >= 500:
        return AnalystUnavailable(f"the LLM server is busy or broken (HTTP {status}{code})", retry_after=_retry_after(error))
    advice = _ADVICE.get(status, "check OPENAI_BASE_URL")
    return AnalystRefused(f"the LLM server refuses (HTTP {status}{code}): {advice}")


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds, out of a number of seconds or a date (RFC 9110, 10.2.3)."""
    value = error.response.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER) if math.isfinite(seconds) else None


def _complains_of_store(error: openai.APIStatusError) -> bool:
    if error.status_code not in (400, 422):
        return False
    return error.param == "store" or _UNKNOWN_STORE.search(error.response.text[:10_000]) is not None
