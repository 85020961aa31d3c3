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
FINE: Final = (("fine", "fine_bump"), 0.90, 0.19)
COARSE: Final = (("coarse", "coarse_bump"), 0.95, 0.35)

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
    name, goal, naive = TESTS
    for name, goal, naive in ((*TESTS,), *((key, *GROUPING[key]) for key in GROUPING)):
        rows = _rows(data, "grouping", name, split)
        if not rows:
            continue
        truth = _scoped(rows, lambda row: row["group"])
        read = [fingerprint(row["text"], stage=nearest_stage(row["stage"])) for row in rows]
        values = [(row["source"], row["scope"], print_.value) for row, print_ in zip(rows, read, strict=True)]
        n = len(rows)
        is_tests = name == TESTS[0]
        if is_tests:
            keys = [
                (row["source"], row["scope"], print_.test_key or n)
                for n, (row, print_) in enumerate(zip(rows, read, strict=True))
            ]
            metrics.append(_metric(name, "test_key_f1", pairwise_f1(truth, keys)[0], n, goal, naive))
        f1, precision, recall = pairwise_f1(truth, values)
        metrics.append(_metric(name, "fingerprint_f1", f1, n, *((None, None) if is_tests else (goal, naive))))
        metrics.append(_metric(name, "fingerprint_precision", precision, n))
        metrics.append(_metric(name, "fingerprint_recall", recall, n))
        metrics.append(_metric(name, "grouping_accuracy", grouping_accuracy(truth, values), n))
        metrics.append(_metric(name, "generic_share", sum(print_.generic for print_ in read) / n, n))
        recipe = _scoped(rows, lambda row: recipe_signature(row["text"], nearest_stage(row["stage"])))
        metrics.append(_metric(name, "recipe_signature_f1", pairwise_f1(truth, recipe)[0], n))
    return metrics


def packaged_categorizer() -> Categorizer:
    """The categorizer with the rules that the package carries."""
    return Categorizer(parse_rules(files("ci_memory_workers").joinpath("rules.toml").read_text(encoding="utf-8")))


def _categories(data: Path, split: str) -> list[Metric]:
    metrics: list[Metric] = []
    categorizer = packaged_categorizer()
    for label, (names, goal, naive) in (("fine", FINE), ("coarse", COARSE)):
        seen: Counter[str] = Counter()
        right: Counter[str] = Counter()
        for name in names:
            for row in _rows(data, "categorize", name, split):
                accepted = row["accept"] if "accept" in row else [row["category"]]
                hit = categorizer.categorize(row["text"], nearest_stage(row["stage"])).category in accepted
                for key in (label, name, *([f"{label}:{row['category']}"] if "category" in row else [])):
                    seen[key] += 1
                    right[key] += hit
        for key, n in seen.items():
            overall = key == label
            metrics.append(
                _metric("categorize", f"{key}_accuracy", right[key] / n, n, goal if overall else None, naive if overall else None)
            )
    return metrics


def _speed(data: Path, split: str) -> list[Metric]:
    """Microseconds for a text of about 4 kB: real texts, each seen once, so that no cache answers for the whole."""
    texts = [
        row["text"][-4_000:]
        for name in ("nodejs_reliability", "shipwright_docker")
        for row in _rows(data, "grouping", name, split)
    ]
    texts = [text for text in texts if len(text) > 1_500][:400]
    if not texts:
        return []
    categorizer = packaged_categorizer()
    categorizer.categorize(texts[0], "test")
    started = time.perf_counter()
    for text in texts:
        categorizer.categorize(text, "test")
    categorized = time.perf_counter()
    for text in texts:
        fingerprint(text, stage="test")
    done = time.perf_counter()
    n = len(texts)
    return [
        _metric("speed", "mean_characters", sum(map(len, texts)) / n, n),
        _metric("speed", "categorize_us", (categorized - started) / n * 1e6, n, 100.0),
        _metric("speed", "fingerprint_us", (done - categorized) / n * 1e6, n, 400.0),
    ]


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
