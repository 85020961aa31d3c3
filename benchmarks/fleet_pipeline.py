"""Plays a world through the real pipeline: the real server, index, log, services and bell, on the world's own clock.

Time is the world's: entries get ids by when they arrive, and every service is told that time. What Celery would run is run here,
in the same process, as soon as the bell rings for it, and by the same calls as the tasks make.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from redis import Redis

from ci_memory_producers.events import ANSWER, Analysis, FailureEvent, ResolutionEvent
from ci_memory_producers.keys import FIELD, STREAM, result_key
from ci_memory_workers import names
from ci_memory_workers.adapters.embedded_redis import EmbeddedServer
from ci_memory_workers.bootstrap import Container
from ci_memory_workers.domain.pattern import Pattern
from ci_memory_workers.services.ports import Analyst, Knowledge
from ci_memory_workers.settings import Settings
from fleet_played import Learned, Played, Told
from fleet_standins import MemoryInMemory, StandInAnalyst
from fleet_world import DAY_MS, MINUTE_MS, Arrival, Report, World

TENANT = "default"
WINDOW_MS = 2 * MINUTE_MS
"""What arrives within this time is one batch."""
SWEEP_MS = 10 * MINUTE_MS
MOST_PATTERNS = 100_000
SAYS_FLAKY = 0.25
"""Evidence that says flaky where the status does not: this share of episodes, and two at least."""


class FleetContainer(Container):
    """The real container, but for the analyst and Aegis."""

    def __init__(self, settings: Settings, analyst: StandInAnalyst, inbox: list[tuple[str, str, str]]) -> None:
        super().__init__(settings, lambda task, args, queue: inbox.append((task, *args)))  # type: ignore[arg-type] # two ids
        self._analyst = analyst

    @cached_property
    def knowledge(self) -> Knowledge:
        """A memory in this process: local Aegis would take most of the time."""
        return MemoryInMemory()

    @cached_property
    def analyst(self) -> Analyst:
        """The stand-in."""
        return self._analyst


@contextmanager
def server() -> Iterator[tuple[str, Path]]:
    """A server of our own and its directory, while the block lasts."""
    with tempfile.TemporaryDirectory(prefix="ci-memory-fleet-") as name:
        directory = Path(name)
        embedded = EmbeddedServer.at(directory)
        # Nothing has to last: without the file of changes the disk is left out of the time.
        command = [*embedded.command(), "--appendonly", "no"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            embedded.wait_until_ready(process)
            yield embedded.url, directory
        finally:
            process.terminate()
            process.wait(20)


class Pipeline:
    """One world in one empty server."""

    def __init__(self, world: World, url: str, directory: Path) -> None:
        self._world = world
        self._inbox: list[tuple[str, str, str]] = []
        self._cause_of = {one.event.event_id: one.cause for one in world.arrivals if isinstance(one.event, FailureEvent)}
        self._seen_as: dict[str, Counter[str]] = {}
        self._answered: dict[str, str] = {}
        self._played = Played("ours")
        self._analyst = StandInAnalyst(world.seed, self._causes)
        settings = Settings(url=url, data_dir=directory, flush_seconds=3_600, answer_hours=720)
        self._box = FleetContainer(settings, self._analyst, self._inbox)
        self._redis: Redis = self._box.redis
        self._swept_ms = self._aged_ms = 0

    def play(self) -> Played:
        """Play everything; what came of it."""
        began = time.perf_counter()
        self._box.log  # noqa: B018 - makes the group before the first entry
        for batch in _batches(self._world.arrivals):
            self._take(batch)
        end_ms = self._world.arrivals[-1].ms
        for later in range(1, 5):
            self._work(end_ms + later * 2 * MINUTE_MS)
        self._played.seconds = time.perf_counter() - began
        return self._summed_up()

    def _take(self, batch: Sequence[Arrival]) -> None:
        now_ms = batch[-1].ms + 1
        pipeline = self._redis.pipeline(transaction=False)
        last, number = 0, 0
        for arrival in batch:
            event = self._resolution(arrival) if isinstance(arrival.event, Report) else arrival.event
            if event is None:
                continue
            number = number + 1 if arrival.ms == last else 0
            last = arrival.ms
            pipeline.xadd(STREAM, {FIELD: event.model_dump_json()}, id=f"{arrival.ms}-{number}")
        pipeline.execute()
        while entries := self._box.log.read(0, self._box.settings.batch, 1):
            self._box.failures.absorb(entries, now_ms)
            if len(entries) < self._box.settings.batch:
                break
        self._work(now_ms)
        self._collect(batch)

    def _resolution(self, arrival: Arrival) -> ResolutionEvent | None:
        """A report names the pattern that the answer to its failure named; it can't where that failure has not arrived."""
        report = arrival.event
        assert isinstance(report, Report)
        pattern_id = self._answered.get(report.failure_id)
        if pattern_id is None:
            self._played.notes["reports without a pattern"] = self._played.notes.get("reports without a pattern", 0) + 1
            return None
        return ResolutionEvent(
            repo=report.repo, pattern_id=pattern_id, fix_type=report.fix_type, fix_description=report.description,
            fix_commit=report.commit, fixed_by=report.author,
        )  # fmt: skip

    # -- what Celery would run ------------------------------------------------------------------------------------------

    def _work(self, now_ms: int) -> None:
        self._box.sweeper.ring(now_ms)
        while self._inbox:
            rings, self._inbox[:] = dict.fromkeys(self._inbox), []
            for task, tenant, work_id in rings:
                self._run(task, tenant, work_id, now_ms)
        if now_ms - self._swept_ms >= SWEEP_MS:
            self._swept_ms = now_ms
            self._box.sweeper.judge_flaky(now_ms)
        if now_ms - self._aged_ms >= DAY_MS:
            self._aged_ms = now_ms
            self._box.sweeper.age(now_ms)
            self._box.log.trim()

    def _run(self, task: str, tenant: str, work_id: str, now_ms: int) -> None:
        if task == names.ANALYZE:
            self._box.analysis.analyze(tenant, work_id, lambda: now_ms)
        elif task == names.LEARN:
            self._box.learner.learn(tenant, work_id, now_ms)
        elif task == names.APPLY_RESOLUTION:
            self._box.resolutions.apply(tenant, work_id, now_ms)
        elif task == names.SYNC_MEMORY:
            self._box.librarian.sync(tenant, work_id, now_ms)
        else:
            raise LookupError(f"the bell rang for {task}, which this benchmark does not know")

    # -- what came of it ------------------------------------------------------------------------------------------------

    def _collect(self, batch: Sequence[Arrival]) -> None:
        """The answers to a batch's failures, as producers fetch them; a repeated push is asked for once."""
        failures = {
            one.event.event_id: one
            for one in batch
            if isinstance(one.event, FailureEvent) and one.event.event_id not in self._answered
        }
        if not failures:
            return
        for (event_id, arrival), data in zip(
            failures.items(), self._redis.mget([result_key(TENANT, event_id) for event_id in failures]), strict=True
        ):
            answer = ANSWER.validate_json(data) if data else None
            if not isinstance(answer, Analysis) or answer.pattern_id is None:
                self._played.notes["failures without an answer"] = self._played.notes.get("failures without an answer", 0) + 1
                continue
            self._answered[event_id] = answer.pattern_id
            self._seen_as.setdefault(answer.pattern_id, Counter())[arrival.cause] += 1
            self._played.told.append((arrival, self._told(answer, arrival.cause)))

    def _told(self, answer: Analysis, cause: str) -> Told:
        evidence, truth = answer.evidence, self._world.truth
        fix = answer.suggested_fix if evidence is not None and evidence.source == "fix" else ""
        other = self._box.index.pattern(TENANT, answer.pattern_id or "") if fix and not truth.right(fix, cause) else None
        return Told(
            known=answer.status == "known_pattern",
            fix=fix,
            confidence=answer.confidence,
            quarantined=answer.pattern_status == "quarantined",
            flaky=answer.pattern_status in ("flaky", "quarantined"),
            outbreak=_outbreak(answer),
            pattern_id=answer.pattern_id or "",
            trials=(evidence.fix_worked, evidence.fix_failed, evidence.fix_pending) if evidence else (0, 0, 0),
            learned=evidence is not None and evidence.fix_learned,
            repositories=evidence.fix_repositories if evidence else 0,
            flaky_episodes=evidence.flaky_episodes if evidence else 0,
            knew_better=other is not None and any(truth.right(one.description, cause) for one in other.fixes),
        )

    def _causes(self, pattern_id: str) -> Counter[str]:
        """The true causes of a pattern's failures: of those that were answered, and of those that wait for its analysis."""
        waiting = (self._cause_of.get(event_id, "") for event_id in self._box.index.awaiting(TENANT, pattern_id))
        return self._seen_as.get(pattern_id, Counter()) + Counter(waiting)

    def _summed_up(self) -> Played:
        played, index = self._played, self._box.index
        owner: dict[str, Counter[str]] = {}
        for pattern_id, causes in self._seen_as.items():
            owner.setdefault(index.surviving(TENANT, pattern_id), Counter()).update(causes)
        patterns = {one: found for one in owner if (found := index.pattern(TENANT, one)) is not None}
        for pattern_id, pattern in patterns.items():
            played.learned += [
                Learned(frozenset(owner[pattern_id]), fix.description, fix.all_worked, fix.all_failed, fix.pending)
                for fix in pattern.fixes
                if fix.learned
            ]
        played.flaky = _most_of(owner, {one for one, found in patterns.items() if found.status in ("flaky", "quarantined")})
        played.perhaps_flaky = _most_of(owner, {one for one, found in patterns.items() if takes_for_flaky(found)})
        played.calls, played.patterns = self._analyst.calls, len(patterns)
        played.notes |= {
            "analyses that had the same cause in the shortlist": self._analyst.offered,
            "analyses that became an alias": self._analyst.merged,
            "patterns that hold several causes": sum(len(owner[one]) > 1 for one in patterns),
            "causes in several patterns": sum(n > 1 for n in Counter(c for one in patterns for c in owner[one]).values()),
            "dead letters": self._box.log.dead_count(),
        }
        return played


def takes_for_flaky(pattern: Pattern) -> bool:
    """Whether a pattern counts as flaky: its status says so, or at least two of its episodes and a quarter of them do."""
    if pattern.status in ("flaky", "quarantined"):
        return True
    return pattern.flaky_episodes >= 2 and pattern.flaky_episodes >= SAYS_FLAKY * pattern.episodes


def _most_of(owner: dict[str, Counter[str]], chosen: set[str]) -> set[str]:
    """The causes most of whose failures belong to ``chosen`` patterns."""
    events, within = Counter[str](), Counter[str]()
    for pattern_id, causes in owner.items():
        events.update(causes)
        within.update(causes if pattern_id in chosen else {})
    return {cause for cause, count in within.items() if count * 2 > events[cause]}


def _outbreak(answer: Analysis) -> bool:
    """Whether an answer says that many repositories fail alike at this time."""
    return bool(answer.evidence and answer.evidence.outbreak_builds) or "outbreak" in answer.message.lower()


def _batches(arrivals: Sequence[Arrival]) -> Iterator[list[Arrival]]:
    """Arrivals by windows of time."""
    batch: list[Arrival] = []
    for arrival in arrivals:
        if batch and arrival.ms >= batch[0].ms + WINDOW_MS:
            yield batch
            batch = []
        batch.append(arrival)
    if batch:
        yield batch


def play(world: World) -> Played:
    """Play ``world`` through the pipeline, in a server of its own."""
    with server() as (url, directory):
        return Pipeline(world, url, directory).play()
