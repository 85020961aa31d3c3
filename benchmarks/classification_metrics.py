"""How well failures are read: grouping by fingerprint, and categories, against labels that others gave.

The folder holds ``grouping/{set}.{split}.jsonl`` and ``categorize/{set}.{split}.jsonl``; a set without a file is left out.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from hashlib import blake2b
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ci_memory_producers.events import Stage
from ci_memory_workers.domain.category import Categorizer, parse_rules
from ci_memory_workers.domain.fingerprint import fingerprint
from reading_baselines import DrainClusters, recipe_category, recipe_signature
from reading_table import Row

Entry = dict[str, Any]

GROUPING: Final = {
    "nodejs_reliability": 0.99,
    "elastic_recheck": 0.98,
    "loghub_2k": 0.95,
    "syzkaller_report": 0.55,
    "shipwright_docker": 0.55,
}
TESTS: Final = "nodejs_reliability"
"""The set whose groups are failing tests: the goal is that of the test key, not of the fingerprint."""
CATEGORIES: Final = (("fine", ("fine", "fine_bump"), 0.90), ("coarse", ("coarse", "coarse_bump"), 0.95))

_STAGE_WORDS: Final[tuple[tuple[str, Stage], ...]] = (
    ("deploy", "deploy"),
    ("verify", "verify"),
    ("test", "test"),
    ("build", "build"),
    ("compile", "build"),
)


def nearest_stage(word: str) -> Stage:
    """The nearest of the four stages to a source's own word; ``test`` where it says nothing."""
    return next((stage for part, stage in _STAGE_WORDS if part in word.lower()), "test")


def pairwise_f1(truth: Sequence[Hashable], found: Sequence[Hashable]) -> tuple[float, float, float]:
    """(F1, precision, recall) over all pairs of items: a pair counts where both have one label."""

    def pairs(labels: Iterable[Hashable]) -> int:
        return sum(n * (n - 1) // 2 for n in Counter(labels).values())

    both = pairs(zip(truth, found, strict=True))
    ours, theirs = pairs(found), pairs(truth)
    precision = both / ours if ours else 1.0
    recall = both / theirs if theirs else 1.0
    return (2 * precision * recall / (precision + recall) if both else 0.0), precision, recall


def grouping_accuracy(truth: Sequence[Hashable], found: Sequence[Hashable]) -> float:
    """The share of items whose found group holds exactly the items of their true group (GA of log parsing)."""
    by_truth, by_found = defaultdict(set), defaultdict(set)
    for item, (true, ours) in enumerate(zip(truth, found, strict=True)):
        by_truth[true].add(item)
        by_found[ours].add(item)
    exact = sum(len(items) for items in by_found.values() if by_truth[truth[next(iter(items))]] == items)
    return exact / len(truth)


def measure(data: Path, split: str) -> list[Row]:
    """All rows of grouping, categories, and the microseconds that both cost."""
    return [*_grouping(data, split), *_categories(data, split), *_speed(data, split)]


def _entries(data: Path, folder: str, name: str, split: str) -> list[Entry]:
    path = data / folder / f"{name}.{split}.jsonl"
    return [json.loads(line) for line in path.open(encoding="utf-8")] if path.exists() else []


def _grouping(data: Path, split: str) -> list[Row]:
    rows: list[Row] = []
    for name, goal in GROUPING.items():
        entries = _entries(data, "grouping", name, split)
        if entries:
            rows += _groups_of(name, entries, goal)
    return rows


def _groups_of(name: str, entries: list[Entry], goal: float) -> list[Row]:
    scopes = [(entry["source"], entry["scope"]) for entry in entries]
    stages = [nearest_stage(entry["stage"]) for entry in entries]

    def scoped(labels: Iterable[Hashable]) -> list[Hashable]:
        """Labels that are equal only inside one scope."""
        return list(zip(scopes, labels, strict=True))

    def f1(labels: Iterable[Hashable]) -> float:
        return round(pairwise_f1(truth, scoped(labels))[0], 4)

    truth = scoped(entry["group"] for entry in entries)
    read = [fingerprint(entry["text"], stage=stage) for entry, stage in zip(entries, stages, strict=True)]
    values = [made.value for made in read]
    n, naive, drain3 = len(entries), f1(entry["text"] for entry in entries), f1(_drained(entries, scopes))
    recipe = f1(recipe_signature(entry["text"], stage) for entry, stage in zip(entries, stages, strict=True))
    rows = []
    if name == TESTS:
        keys = [made.test_key or number for number, made in enumerate(read)]
        rows.append(Row(name, "test_key_f1", f1(keys), n, goal, naive, recipe, drain3))
    rows.append(Row(name, "fingerprint_f1", f1(values), n, None if name == TESTS else goal, naive, recipe, drain3))
    _, precision, recall = pairwise_f1(truth, scoped(values))
    others = {
        "fingerprint_precision": precision,
        "fingerprint_recall": recall,
        "grouping_accuracy": grouping_accuracy(truth, scoped(values)),
        "generic_share": sum(made.generic for made in read) / n,
    }
    return [*rows, *(Row(name, metric, round(value, 4), n) for metric, value in others.items())]


def _drained(entries: list[Entry], scopes: list[tuple[str, str]]) -> list[int]:
    """Drain3's cluster of each entry: one miner a scope, the entries in their order."""
    miners: defaultdict[tuple[str, str], DrainClusters] = defaultdict(DrainClusters)
    return [miners[scope].feed([entry["text"]])[0] for entry, scope in zip(entries, scopes, strict=True)]


def packaged_categorizer() -> Categorizer:
    """The categorizer with the rules that the package carries."""
    return Categorizer(parse_rules(files("ci_memory_workers").joinpath("rules.toml").read_text(encoding="utf-8")))


def _categories(data: Path, split: str) -> list[Row]:
    rows: list[Row] = []
    categorizer = packaged_categorizer()
    for label, names, goal in CATEGORIES:
        seen: Counter[str] = Counter()
        right: Counter[str] = Counter()
        recipe: Counter[str] = Counter()
        for name in names:
            for entry in _entries(data, "categorize", name, split):
                accepted = entry["accept"] if "accept" in entry else [entry["category"]]
                stage = nearest_stage(entry["stage"])
                of_class = [f"{label}, {entry['category']}"] if "category" in entry else []
                for key in ("", f"{name}.jsonl", *of_class):
                    seen[key] += 1
                    right[key] += categorizer.categorize(entry["text"], stage).category in accepted
                    recipe[key] += recipe_category(entry["text"], stage) in accepted
        for key, n in seen.items():
            metric = f"accuracy of {key}" if key else "accuracy"
            value, beside = round(right[key] / n, 4), round(recipe[key] / n, 4)
            rows.append(Row(f"categorize/{label}", metric, value, n, None if key else goal, recipe=beside))
    return rows


def _speed(data: Path, split: str) -> list[Row]:
    """Microseconds of CPU time a text of up to 4 kB costs a worker that is warm: half the texts warm it, the others count."""
    texts = [entry["text"][-4_000:] for name in GROUPING for entry in _entries(data, "grouping", name, split)]
    texts = sorted({text for text in texts if len(text) >= 2_000}, key=_hash_order)[:600]
    warm, counted = texts[::2], texts[1::2]
    if not counted:
        return []
    categorizer = packaged_categorizer()
    readers: tuple[tuple[str, float, Callable[[str], object]], ...] = (
        ("categorize, microseconds a text", 100.0, lambda text: categorizer.categorize(text, "test")),
        ("fingerprint, microseconds a text", 400.0, lambda text: fingerprint(text, stage="test")),
    )
    rows = [Row("speed", "mean characters of a text", round(sum(map(len, counted)) / len(counted)), len(counted))]
    for name, goal, read in readers:
        for text in warm:
            read(text)
        started = time.process_time()
        for text in counted:
            read(text)
        spent = (time.process_time() - started) / len(counted) * 1e6
        rows.append(Row("speed", name, round(spent, 1), len(counted), goal, at_most=True))
    return rows


def _hash_order(text: str) -> bytes:
    """An order that mixes the sets and is the same in every run."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
