"""What a run left behind, in a form that two runs can be compared in: by the plan's causes, without ids and times."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import BaseModel
from redis import Redis

from chaos_fleet import ChaosFleet, wait_until
from chaos_plan import TENANTS, Plan
from chaos_rejected import MARKER_OF_NO_EVENT
from chaos_standins import read_store
from ci_memory_producers import FailureEvent, Producer
from ci_memory_producers.events import ANSWER, Analysis
from ci_memory_producers.keys import result_key
from ci_memory_workers.adapters.event_log import DEAD
from ci_memory_workers.adapters.pattern_codec import pairs
from ci_memory_workers.adapters.redis_records import RedisRecords
from ci_memory_workers.bootstrap import Container

TIMES = "a time of this run"
EXCLUDED: dict[str, str] = {
    **dict.fromkeys(("first_ms", "last_ms", "resolved_ms", "outbreak_ms", "outbreak_last_ms", "merged_ms", "first_there"), TIMES),
    **dict.fromkeys(("status_ms", "quarantine_ms", "quarantine_until_ms"), TIMES),
    **dict.fromkeys(("quarantine_episodes", "quarantine_flaky"), "how far a pattern was when the sweep came"),
    "status_before": "a failure that is back may be back before the sweep that would have called it old",
    "an analysis's reason": "names the failure that spoke for its incident, and says whether the playbook was in reach",
    "recurred, of jobs whose runs come in any order": "counts what came in after a fix that was known by then",
    "revision": "counts writes, and a write that was cut off is made again",
    "attempts": "counts calls of the language model, which fail while it is down",
    "takes": "counts how often a worker began an analysis, killed ones too",
    "first_repo": "that of the failure which was read first: drains read side by side",
    "headline's numbers": "a line, an attempt: those of the failure which was read first",
    "fix_commits": "the commits of the ten failures that were read last before the fix",
}
"""Fields of a pattern that two runs need not agree on, each with its reason."""
ANSWER_EXCLUDED: dict[str, str] = {
    "event_id, pattern_id": "random; patterns are compared by the cause whose failures name them",
    "last_seen, newest_event, evidence's dates": TIMES,
    "log_lag": "how far behind the drains were",
    "status": "which failure of a new pattern was read first: one of them is answered as new, in either run",
    "similar_failures, message, evidence, confidence": "tell the counts at the time of reading; the census compares them",
    "suggested_fix, pattern_status": "of causes with flaky builds, jobs' runs, outbreaks or two fixes: what is learned within "
    "the act, and the fourth failure after a fix, may come before or after; the census compares them",
}
_IN_CONTENT = re.compile(r"^\[(pat_[a-z0-9]+)\]")
_NUMBERS = re.compile(r"\d+")
_DATES = re.compile(r"\d{4}-\d{2}-\d{2}|\d{2}:\d{2} UTC")


@dataclass(slots=True)
class Held:
    """What Aegis holds of a pattern: live reflections and strategies, what the reflection says, and votes by what they say."""

    reflections: int = 0
    strategies: Counter[str] = field(default_factory=Counter)
    said: dict[str, Any] = field(default_factory=dict)
    votes: Counter[tuple[str, str, str]] = field(default_factory=Counter)


@dataclass(slots=True)
class Outcome:
    """All of it. Causes are told by their number in the plan; ``unanswered`` failures have no answer, or a provisional one."""

    ids: dict[int, str] = field(default_factory=dict)
    patterns: dict[int, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    new: Counter[int] = field(default_factory=Counter)
    unanswered: list[str] = field(default_factory=list)
    receipts: dict[str, str] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)
    dead_twice: list[str] = field(default_factory=list)
    sums: dict[str, int] = field(default_factory=dict)
    held: dict[int, Held] = field(default_factory=dict)
    census: dict[int, dict[str, Any]] = field(default_factory=dict)


def read_outcome(fleet: ChaosFleet, plan: Plan) -> Outcome:
    """What is there now, then the answer to one failure more of each cause, the census. Nothing may be owed any more."""
    box, found = fleet.container(), Outcome()
    client = box.redis
    for cause in range(len(plan.causes)):
        _read_answers(box, plan, cause, found)
    for cause, pattern_id in found.ids.items():
        found.patterns[cause] = _pattern(box, plan.tenants[cause], pattern_id)
    for act in plan.acts:
        for fix in act.fixes:
            data: Any = client.get(result_key(plan.tenants[fix.cause], fix.event_id))
            found.receipts[fix.event_id] = ANSWER.validate_json(data).status if data else "none"
    _read_dead(client, found)
    _read_sums(box, found)
    _read_held(fleet, found)
    found.census = _census(fleet, plan)
    client.close()
    return found


def _read_answers(box: Container, plan: Plan, cause: int, found: Outcome) -> None:
    tenant, events = plan.tenants[cause], list(plan.failures[cause])
    data: Any = box.redis.mget([result_key(tenant, event_id) for event_id in events])
    fixes = sum(fix.cause == cause for act in plan.acts for fix in act.fixes)
    settled = plan.families[cause] in ("plain", "resolved") and fixes < 2
    named: Counter[str] = Counter()
    for event_id, encoded in zip(events, data, strict=True):
        reply = ANSWER.validate_json(encoded) if encoded else None
        if not isinstance(reply, Analysis) or reply.status == "pending" or not reply.pattern_id:
            found.unanswered.append(event_id)
            continue
        named[reply.pattern_id] += 1
        found.new[cause] += reply.status == "new_pattern"
        told = {"category": reply.category, "signal": reply.signal, "analyst": reply.analyst, "provisional": reply.provisional}
        if settled and reply.status == "known_pattern":
            told |= {"suggested_fix": reply.suggested_fix, "pattern_status": reply.pattern_status}
        found.answers[event_id] = told
    standing = Counter(box.index.surviving(tenant, pattern_id) for pattern_id in named)
    if standing:
        found.ids[cause] = next(iter(standing))
    for event_id in found.answers.keys() & events if len(standing) > 1 else ():
        found.answers[event_id]["patterns"] = len(standing)


def _pattern(box: Container, tenant: str, pattern_id: str) -> dict[str, Any]:
    """All that is kept of a pattern, field by field."""
    state = box.archive.state(tenant, pattern_id)
    if state is None:
        return {}
    # A field that was set back to 0 is as one that never was.
    fields: dict[str, Any] = {
        name: value for name, value in state.fields.items() if name not in EXCLUDED and value not in ("", "0")
    }
    fields["headline"] = _NUMBERS.sub("0", fields.get("headline", ""))
    if fields.get("status") == "quarantined":
        fields["status_reason"] = _NUMBERS.sub("0", fields.get("status_reason", ""))
    return fields | {
        "analysis": state.diagnosis.model_dump() if state.diagnosis else None,
        "analyst": state.analyst,
        "fixes": {fix.fix_id: _timeless(fix) for fix in state.fixes},
        "trials": {trial.trial_id: _timeless(trial) for trial in state.trials},
        "reported": {one.repo: one.trial for one in state.reported},
        "repos": sorted(state.repos),
        "aliases": sorted(state.aliases),
        "stands for": len(state.merged),
        "waiting": len(box.index.awaiting(tenant, pattern_id)),
        "quarantined": pattern_id in box.index.quarantined(tenant),
        "changed files": sorted(fix.changed_file for fix in state.fixes if fix.changed_file),
    }


def _timeless(state: BaseModel) -> dict[str, Any]:
    return {name: value for name, value in state.model_dump(mode="json").items() if name != "ms" and not name.endswith("_ms")}


def _read_dead(client: Redis, found: Outcome) -> None:
    entries: Counter[str] = Counter()
    rows: Any = client.xrange(DEAD)
    for _, row in rows:
        fields = pairs(row)
        marker = MARKER_OF_NO_EVENT.search(fields["event"])
        entries[fields["entry_id"]] += 1
        found.dead[marker[0] if marker else fields["event"][:100]] = f"{fields['reason']}: {fields['detail'].split('nobody')[0]}"
    found.dead_twice = [entry_id for entry_id, count in entries.items() if count > 1]


def _read_sums(box: Container, found: Outcome) -> None:
    for tenant in TENANTS:
        totals = box.archive.totals(tenant)
        for name in ("failures", "repeats", "diagnosed", "fixes_worked", "fixes_failed"):
            found.sums[f"{tenant} {name}"] = totals.get(name, 0)
        found.sums[f"{tenant} records"] = sum(1 for _ in RedisRecords(box.redis).records(tenant, 0))
        kinds = Counter(entry.fields["kind"] for entry in box.archive.journal(tenant))
        for kind in ("resolution", "alias", "merge"):
            found.sums[f"{tenant} journal {kind}"] = kinds[kind]


def _read_held(fleet: ChaosFleet, found: Outcome) -> None:
    causes: dict[str, list[int]] = {}
    for cause, pattern_id in found.ids.items():
        causes.setdefault(pattern_id, []).append(cause)
        found.held[cause] = Held()
    for memory in read_store(fleet.aegis_file).memories.values():
        match = _IN_CONTENT.match(memory.content)
        for cause in causes.get(match[1], ()) if match else ():
            held = found.held[cause]
            for vote in memory.votes:
                held.votes[memory.memory_type, vote["vote"], vote.get("context") or ""] += 1
            if memory.deprecated:
                continue
            if memory.memory_type == "reflection":
                held.reflections += 1
                held.said = memory.metadata
            else:
                held.strategies[str(memory.metadata.get("fix_id"))] += 1


def _census(fleet: ChaosFleet, plan: Plan) -> dict[int, dict[str, Any]]:
    """The answer to the next failure of each cause, whole, but for ids and times."""
    events = [
        FailureEvent(
            tenant=plan.tenants[number],
            repo=f"acme/{cause.words[0]}-0",
            build_id=f"census-{number}",
            stage=cause.stage,
            error_message=cause.log(7),
            test_id=cause.test_id,
        )
        for number, cause in enumerate(plan.causes)
    ]
    found = {}
    with Producer(fleet.url) as producer:
        # A disguised cause comes after its original, whose pattern it counts on.
        for number, event in enumerate(events):
            producer.push(event, wait=True)
            reply = wait_until(partial(producer.wait, event.tenant, event.event_id, seconds=5), "the census", 60)
            found[number] = comparable(reply)
    return found


def comparable(reply: Analysis) -> dict[str, Any]:
    """An answer without ids and times."""
    said = reply.model_dump(mode="json", exclude={"event_id", "pattern_id", "last_seen", "newest_event", "log_lag", "evidence"})
    evidence = reply.evidence.model_dump(mode="json") if reply.evidence else {}
    dates = ("first_seen", "resolved_at", "fix_last_worked", "outbreak_since")
    said |= {f"evidence.{name}": value for name, value in evidence.items() if name not in dates}
    return said | {"message": _DATES.sub("<when>", said["message"])}
