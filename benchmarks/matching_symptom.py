"""Error texts against the titles and descriptions of the bugs or changes that explain them."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple

from ci_memory_workers.domain.mask import mask
from ci_memory_workers.domain.shortlist import Descriptions
from matching_baselines import BASELINES
from matching_measures import Decision, Row, decisions, ranks_of, recall_at, recall_at_precision, row
from matching_repeat import lines

GOAL: Final = 0.60
_DEEP: Final = 50
_GRID: Final = tuple(product((1.0, 1.3, 1.6), (0.6, 0.8, 1.0), (0.5, 0.75, 1.0)))


class Symptom(NamedTuple):
    """An error, and the description of its cause."""

    bug: str
    source: str
    error: str
    masked: str
    description: str


def symptoms(data: Path, split: str) -> list[Symptom]:
    """All sets of a split, pooled."""
    found = []
    for path in sorted((data / "matching").glob(f"symptom.*.{split}.jsonl")):
        found += [_symptom(path.name.split(".")[1], entry) for entry in lines(path)]
    return found


def _symptom(source: str, entry: dict[str, Any]) -> Symptom:
    title, described = entry["title"], entry["desc"]
    description = described if described.startswith(title) else f"{title}. {described}"
    return Symptom(entry["id"], source, entry["error"], mask(entry["error"]), description)


def described_causes(data: Path, split: str) -> list[Row]:
    """Rows of ``symptom``: every error against the descriptions of all sets."""
    all_of = symptoms(data, split)
    if not all_of:
        return []
    answers = list(range(len(all_of)))
    found, made = _nearest(all_of, Descriptions())
    ranks = [_rank(ids, one.bug) for ids, one in zip(found, all_of, strict=True)]
    descriptions = [one.description for one in all_of]
    scores = {name: score([one.masked for one in all_of], descriptions) for name, score in BASELINES.items()}
    naive = {name: ranks_of(values, answers) for name, values in scores.items()}
    n = len(all_of)
    rows = [
        row("symptom", f"recall@{k}", recall_at(ranks, k), n, goal=GOAL if k == 5 else None, baselines=_at(naive, k))
        for k in (1, 5, 20)
    ]
    by_precision = {name: recall_at_precision(decisions(values, answers), n) for name, values in scores.items()}
    rows.append(row("symptom", "recall at precision .95", recall_at_precision(made, n), n, baselines=by_precision))
    rows += _among_others(all_of, data)
    for source in sorted({one.source for one in all_of}):
        chosen = [place for place, one in enumerate(all_of) if one.source == source]
        value = recall_at([ranks[place] for place in chosen], 5)
        of_source = {name: recall_at([found[place] for place in chosen], 5) for name, found in naive.items()}
        rows.append(row("symptom", f"recall@5 of {source}", value, len(chosen), baselines=of_source))
    return rows


def cross_validated(data: Path, split: str) -> list[Row]:
    """Recall@5 of each set, with the settings that are best for the other sets."""
    all_of = symptoms(data, split)
    by_setting: dict[tuple[float, float, float], list[bool]] = {}
    for setting in _GRID:
        power, length, grams = setting
        held = Descriptions(rarity_power=power, word_length_share=length, gram_share=grams)
        by_setting[setting] = [_rank(ids, one.bug) < 5 for ids, one in zip(_nearest(all_of, held, 5)[0], all_of, strict=True)]
    hits = 0
    for source in {one.source for one in all_of}:
        inside = [place for place, one in enumerate(all_of) if one.source == source]
        outside = [place for place, one in enumerate(all_of) if one.source != source]
        chosen = max(_GRID, key=lambda setting: sum(by_setting[setting][place] for place in outside))
        hits += sum(by_setting[chosen][place] for place in inside)
    lowest = min(sum(hit) for hit in by_setting.values()) / len(all_of)
    return [
        row("symptom", "recall@5, settings from the other sets", hits / len(all_of), len(all_of), goal=GOAL),
        row("symptom", f"recall@5, worst of {len(_GRID)} settings", lowest, len(all_of)),
    ]


def mistakes(data: Path, split: str) -> list[str]:
    """The causes that no shortlist of five holds, by where they are ranked."""
    all_of = symptoms(data, split)
    kinds: Counter[str] = Counter()
    for ids, one in zip(_nearest(all_of, Descriptions())[0], all_of, strict=True):
        rank = _rank(ids, one.bug)
        if rank < 5:
            continue
        short = "description of at most 5 words" if len(one.description.split()) <= 5 else "longer description"
        kinds[f"{'ranked 6 to 50' if rank < _DEEP else 'ranked below 50, or no word shared'}, {short}"] += 1
    return [f"symptom, not in five: {n} x {kind}" for kind, n in kinds.most_common()]


def _among_others(all_of: list[Symptom], data: Path) -> list[Row]:
    """Recall@5 among descriptions of another project too, as many again: a larger memory is a harder one."""
    others = lines(data / "retrieval" / "tidb.docs.jsonl")[: len(all_of)]
    if not others:
        return []
    held = Descriptions()
    for other in others:
        held.put(f"other {other['id']}", f"{other['title']}. {' '.join(other['changed_files'])}")
    found, _ = _nearest(all_of, held, 5)
    ranks = [_rank(ids, one.bug) for ids, one in zip(found, all_of, strict=True)]
    return [row("symptom", f"recall@5 among {len(others)} further descriptions", recall_at(ranks, 5), len(all_of))]


def _nearest(all_of: list[Symptom], held: Descriptions, top_k: int = _DEEP) -> tuple[list[list[str]], list[Decision]]:
    """For each error the bugs that are found, best first; and the best score, with whether it is right."""
    for one in all_of:
        held.put(one.bug, one.description)
    found = [held.nearest(one.masked, top_k=top_k) for one in all_of]
    made = [(ids[0][1], ids[0][0] == one.bug) if ids else (0.0, False) for ids, one in zip(found, all_of, strict=True)]
    return [[bug for bug, _ in ids] for ids in found], made


def _rank(ids: list[str], bug: str) -> int:
    return ids.index(bug) if bug in ids else _DEEP


def _at(ranks: dict[str, list[int]], k: int) -> dict[str, float]:
    return {name: recall_at(found, k) for name, found in ranks.items()}
