"""From the body of a request to events fit for the log: of the token's tenant and repositories, redacted, within bounds."""

from __future__ import annotations

from typing import Any

from annotated_types import MaxLen
from pydantic import ValidationError
from pydantic_core import from_json

from ci_memory_producers.events import EVENT, MAX_EVENT_BYTES, FailureEvent, PassEvent, ResolutionEvent
from ci_memory_producers.redact import redact
from ci_memory_producers.tail import keep_tail

from ..domain.access_token import AccessToken
from ..errors import Refusal
from .failures import without_secrets

MOST_EVENTS = 100
"""Of one request."""
MOST_PROBLEMS = 20
"""That one answer names."""
_KINDS = ("failure", "pass", "resolution")
_TAILS = ("error_message", "stack_trace")
AnyEvent = FailureEvent | PassEvent | ResolutionEvent
Problem = tuple[str, str]


def read_events(body: bytes, token: AccessToken) -> list[AnyEvent]:
    """The events of a body, one or a list, redacted. Raises `Refusal`, naming each field that is wrong, never its value."""
    data = _json(body)
    items = data if isinstance(data, list) else [data]
    if not 1 <= len(items) <= MOST_EVENTS:
        told = f"one request carries 1 to {MOST_EVENTS} events: send several requests"
        raise Refusal("invalid_event", told, problems=(("event", told),))
    events: list[AnyEvent] = []
    problems: list[Problem] = []
    for number, item in enumerate(items):
        where = f"[{number}]" if isinstance(data, list) else ""
        try:
            events.append(_event(item, token))
        except ValidationError as error:
            problems += _problems(error, where)
        except _Wrong as wrong:
            problems.append((_at(where, wrong.field), str(wrong)))
    if problems:
        raise Refusal("invalid_event", _told(problems), problems=tuple(problems[:MOST_PROBLEMS]))
    _check_scope(events, token, many=isinstance(data, list))
    return events


def encode(events: list[AnyEvent], token: AccessToken) -> list[bytes]:
    """The events as the log keeps them, under their ids of this token. Raises `Refusal` for one that is too large."""
    payloads = []
    for number, event in enumerate(events):
        kept = event.model_copy(update={"event_id": token.stored_id(event.event_id)})
        payload = kept.model_dump_json(exclude_none=True).encode()
        if len(payload) > MAX_EVENT_BYTES:
            told = f"has {len(payload)} bytes as JSON; at most {MAX_EVENT_BYTES} are accepted: send less of the log, its end"
            raise Refusal("event_too_large", f"an event {told}", problems=((f"[{number}]", told),))
        payloads.append(payload)
    return payloads


class _Wrong(ValueError):
    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _json(body: bytes) -> Any:
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError:
        # What the parser says quotes the text.
        raise Refusal("malformed_json", "the body is no JSON: send an event, or a list of events, in UTF-8") from None


def _event(item: Any, token: AccessToken) -> AnyEvent:
    if not isinstance(item, dict):
        raise _Wrong("", "is no event: an event is a JSON object")
    return redacted(EVENT.validate_python({"tenant": token.tenant, **item}))


def redacted(event: AnyEvent) -> AnyEvent:
    """``event`` without secrets in any of its texts; a text that grew by its markers is cut to what an event may carry."""
    clean = without_secrets(event)
    changed: dict[str, Any] = {}
    for name, value in clean:
        if name in _TAILS and value:
            value = keep_tail(redact(value))
        elif isinstance(value, str):
            value = value[: _longest(clean, name)]
        elif name == "changed_files":
            value = tuple(path[:500] for path in value)
        if value != getattr(event, name):
            changed[name] = value
    return event.model_copy(update=changed) if changed else event


def _longest(event: AnyEvent, name: str) -> int | None:
    bounds = (one.max_length for one in type(event).model_fields[name].metadata if isinstance(one, MaxLen))
    return next(bounds, None)


def _check_scope(events: list[AnyEvent], token: AccessToken, *, many: bool) -> None:
    problems: list[Problem] = []
    for number, event in enumerate(events):
        where = f"[{number}]" if many else ""
        if event.tenant != token.tenant:
            problems.append((_at(where, "tenant"), "is not this token's: leave it out, or use a token of that tenant"))
        elif not token.covers(event.repo):
            problems.append((_at(where, "repo"), "is none of the repositories of this token"))
    if problems:
        raise Refusal("out_of_scope", _told(problems), problems=tuple(problems[:MOST_PROBLEMS]))


def _problems(error: ValidationError, where: str) -> list[Problem]:
    found = []
    for one in error.errors(include_input=False, include_url=False, include_context=False):
        if one["type"] == "union_tag_not_found":
            found.append((_at(where, "kind"), f"is missing: say {', '.join(_KINDS)}"))
        elif one["type"] == "union_tag_invalid":
            found.append((_at(where, "kind"), f"is none of {', '.join(_KINDS)}"))
        else:
            path = [str(part) for part in one["loc"] if part not in _KINDS]
            found.append((_at(where, ".".join(path)), one["msg"].removeprefix("Value error, ")))
    return found


def _at(where: str, field: str) -> str:
    return f"{where}.{field}".strip(".") or "event"


def _told(problems: list[Problem]) -> str:
    first = "; ".join(f"{field} {message}" for field, message in problems[:3])
    more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
    return f"nothing was accepted: {first}{more}"
