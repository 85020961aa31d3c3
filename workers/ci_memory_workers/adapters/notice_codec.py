"""Notices, as Redis keeps them (`lua/_notices.lua`)."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import TypeAdapter

from ..domain.notice import Noted, Notice, Place

_PLACE: TypeAdapter[Place] = TypeAdapter(Place)


def encode_noted(one: Noted) -> tuple[str, ...]:
    """The arguments of one event of which somebody is to be notified."""
    place = one.place
    told = ("P" if one.passed else "F", one.event_id, place.work_id, place.line, place.order)
    return (*told, encode_place(place), one.test_id, "1" if one.final else "0", place.job_anywhere)


def encode_place(place: Place) -> str:
    """A place, as JSON."""
    return _PLACE.dump_json(place).decode()


def decode_notice(work_id: str, fields: Mapping[str, str], newest_order: str) -> Notice | None:
    """The notice that a hash holds; None where it has expired. ``newest_order`` is that of its line."""
    if "place" not in fields:
        return None
    numbered = [(*fields[name].split("|", 1), name[2:]) for name in fields if name.startswith("e|")]
    events = sorted((int(number), event_id, test_id) for number, test_id, event_id in numbered)
    return Notice(
        work_id=work_id,
        place=_PLACE.validate_json(fields["place"]),
        line=fields.get("line", ""),
        passed=fields.get("passed") == "1",
        overtaken=fields.get("order", newest_order) < newest_order,
        revision=int(fields.get("revision", 0)),
        first_ms=int(fields.get("first_ms", 0)),
        outbreak=fields.get("outbreak", ""),
        outbreak_told=frozenset(_of(fields, "of|")),
        failures=int(fields.get("events", 0)),
        events={event_id: test_id for _, event_id, test_id in events},
        told=_of(fields, "told|"),
        tries={name: int(count) for name, count in _of(fields, "tries|").items()},
    )


def _of(fields: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in fields.items() if name.startswith(prefix)}
