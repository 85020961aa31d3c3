"""How well failures are read: grouping by fingerprint, and categories, against labels that others gave.

``python benchmarks/classification_metrics.py --data DIR --split dev`` prints one line a metric. ``DIR`` holds
``grouping/{set}.{split}.jsonl`` and ``categorize/{set}.{split}.jsonl``; a set without a file is left out.
"""

from __future__ import annotations

import argparse
import json
import re
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

Row = dict[str, Any]
Metric = dict[str, Any]

# Per set: (metric, goal, the best of the recipe's signature and of Drain3 on the development half).
GROUPING: Final = {
    "elastic_recheck": (0.98, 0.98),
    "loghub_2k": (0.95, 0.94),
    "syzkaller_report": (0.55, 0.17),
    "shipwright_docker": (0.55, 0.29),
}
TESTS: Final = ("nodejs_reliability", 0.99, 0.97)
CATEGORIES: Final = (("fine", ("fine", "fine_bump"), 0.90), ("coarse", ("coarse", "coarse_bump"), 0.95))

_RECIPE_BY_STAGE: Final[dict[str, tuple[tuple[str, tuple[str, ...]], ...]]] = {
    "test": (("test_flaky", ("flaky", "timeout", "intermittent")), ("test_assertion", ("assert", "expect", "should"))),
    "build": (
        ("build_dependency", ("dependency", "package", "module not found")),
        ("build_compilation", ("syntax", "compile", "type")),
    ),
}
_RECIPE_ANYWHERE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("environment_config", ("env", "config", "variable", "secret")),
    ("environment_resource", ("memory", "disk", "cpu", "quota")),
    ("integration_timeout", ("timeout", "connection")),
    ("integration_auth", ("401", "403", "auth", "token")),
)
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


def recipe_signature(text: str, stage: str) -> str:
    """The recipe's signature: the stage, and the error with its noise masked, first 100 characters."""
    for pattern, mark in (
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*", "TIMESTAMP"),
        (r"0x[0-9a-fA-F]+", "HEX"),
        (r"line \d+", "line N"),
        (r"(?:/[\w.-]+)+/", ""),
        (r"\d+", "N"),
    ):
        text = re.sub(pattern, mark, text)
    return f"{stage}:{text[:100]}"


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


def measure(data: Path, split: str) -> list[Metric]:
    """All metrics as ``{set, metric, value, goal, naive, n}``; goal and naive are None where there is none."""
    return [*_grouping(data, split), *_categories(data, split), *_speed(data, split)]


def _metric(name: str, metric: str, value: float, n: int, goal: float | None = None, naive: float | None = None) -> Metric:
    return {"set": name, "metric": metric, "value": round(value, 4), "goal": goal, "naive": naive, "n": n}


def _rows(data: Path, folder: str, name: str, split: str) -> list[Row]:
    path = data / folder / f"{name}.{split}.jsonl"
    return [json.loads(line) for line in path.open(encoding="utf-8")] if path.exists() else []


def _scoped(rows: list[Row], label: Callable[[Row], Hashable]) -> list[Hashable]:
    """Labels that are equal only inside one (source, scope)."""
    return [(row["source"], row["scope"], label(row)) for row in rows]


def _grouping(data: Path, split: str) -> list[Metric]:
    metrics: list[Metric] = []
    for name, goal, naive in ((*TESTS,), *((key, *GROUPING[key]) for key in GROUPING)):
        rows = _rows(data, "grouping", name, split)
        if not rows:
            continue
        truth = _scoped(rows, lambda row: row["group"])
        read = [fingerprint(row["text"], stage=nearest_stage(row["stage"])) for row in rows]
        values = [(row["source"], row["scope"], made.value) for row, made in zip(rows, read, strict=True)]
        n = len(rows)
        is_tests = name == TESTS[0]
        if is_tests:
            keys = [
                (row["source"], row["scope"], made.test_key or n) for n, (row, made) in enumerate(zip(rows, read, strict=True))
            ]
            metrics.append(_metric(name, "test_key_f1", pairwise_f1(truth, keys)[0], n, goal, naive))
        f1, precision, recall = pairwise_f1(truth, values)
        metrics.append(_metric(name, "fingerprint_f1", f1, n, *((None, None) if is_tests else (goal, naive))))
        metrics.append(_metric(name, "fingerprint_precision", precision, n))
        metrics.append(_metric(name, "fingerprint_recall", recall, n))
        metrics.append(_metric(name, "grouping_accuracy", grouping_accuracy(truth, values), n))
        metrics.append(_metric(name, "generic_share", sum(made.generic for made in read) / n, n))
        recipe = _scoped(rows, lambda row: recipe_signature(row["text"], nearest_stage(row["stage"])))
        metrics.append(_metric(name, "recipe_signature_f1", pairwise_f1(truth, recipe)[0], n))
    return metrics


def packaged_categorizer() -> Categorizer:
    """The categorizer with the rules that the package carries."""
    return Categorizer(parse_rules(files("ci_memory_workers").joinpath("rules.toml").read_text(encoding="utf-8")))


def recipe_category(text: str, stage: Stage) -> str:
    """The recipe's categories: substrings, by stage, then for any stage."""
    lowered = text.lower()
    for category, words in (*_RECIPE_BY_STAGE.get(stage, ()), *_RECIPE_ANYWHERE):
        if any(word in lowered for word in words):
            return category
    return "unknown"


def _categories(data: Path, split: str) -> list[Metric]:
    metrics: list[Metric] = []
    categorizer = packaged_categorizer()
    for label, names, goal in CATEGORIES:
        seen: Counter[str] = Counter()
        right: Counter[str] = Counter()
        naive: Counter[str] = Counter()
        for name in names:
            for row in _rows(data, "categorize", name, split):
                accepted = row["accept"] if "accept" in row else [row["category"]]
                stage = nearest_stage(row["stage"])
                of_class = [f"{label}, {row['category']}"] if "category" in row else []
                for key in ("", f"{name}.jsonl", *of_class):
                    seen[key] += 1
                    right[key] += categorizer.categorize(row["text"], stage).category in accepted
                    naive[key] += recipe_category(row["text"], stage) in accepted
        for key, n in seen.items():
            metric = f"accuracy of {key}" if key else "accuracy"
            value, recipe = right[key] / n, round(naive[key] / n, 4)
            metrics.append(_metric(f"categorize/{label}", metric, value, n, goal if not key else None, recipe))
    return metrics


def _speed(data: Path, split: str) -> list[Metric]:
    """Microseconds of CPU time a text of up to 4 kB costs a worker that is warm: half the texts warm it, the others count."""
    texts = [row["text"][-4_000:] for name in (TESTS[0], *GROUPING) for row in _rows(data, "grouping", name, split)]
    texts = sorted({text for text in texts if len(text) >= 2_000}, key=hash_order)[:600]
    warm, counted = texts[::2], texts[1::2]
    if not counted:
        return []
    categorizer = packaged_categorizer()
    readers: tuple[tuple[str, float, Callable[[str], object]], ...] = (
        ("categorize_us", 100.0, lambda text: categorizer.categorize(text, "test")),
        ("fingerprint_us", 400.0, lambda text: fingerprint(text, stage="test")),
    )
    metrics = [_metric("speed", "mean_characters", sum(map(len, counted)) / len(counted), len(counted))]
    for name, goal, read in readers:
        for text in warm:
            read(text)
        started = time.process_time()
        for text in counted:
            read(text)
        spent = time.process_time() - started
        metrics.append(_metric("speed", name, spent / len(counted) * 1e6, len(counted), goal))
    return metrics


def hash_order(text: str) -> bytes:
    """An order that mixes the sets and is the same in every run."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()


def main() -> None:
    """Print the metrics as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="dev")
    arguments = parser.parse_args()
    for metric in measure(arguments.data, arguments.split):
        goal = "" if metric["goal"] is None else f"goal {metric['goal']:g}"
        naive = "" if metric["naive"] is None else f"naive {metric['naive']:g}"
        print(f"{metric['set']:<20}{metric['metric']:<40}{metric['value']:>9.4g}  n={metric['n']:<7}{goal:<12}{naive}")


if __name__ == "__main__":
    main()
