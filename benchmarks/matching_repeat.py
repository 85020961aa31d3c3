"""Repeats whose text differs, failures that nothing known answers, and pairs that only look alike."""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from ci_memory_producers.events import Stage
from ci_memory_workers.domain.fingerprint import fingerprint
from ci_memory_workers.domain.likeness import Read, likeness, read
from ci_memory_workers.domain.similarity import Known, Match, Texts
from matching_baselines import BASELINES
from matching_measures import Decision, Row, accepted, decisions, ranks_of, recall_at, recall_at_precision, row

LIKELY: Final = 0.7
"""A score above which matches are right in 95 % of cases; chosen on the development half, among as many new failures."""


class Failure(NamedTuple):
    """A failure as the memory reads it; ``label`` is the pattern it is of."""

    label: str
    text: str
    fingerprint: str
    masked: str
    read: Read

    @property
    def known(self) -> Known:
        """What the collection keeps of it."""
        return Known(self.label, self.masked, self.read.stage, self.read.test_key, self.read.generic)


def lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file; none where there is no such file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def failure(text: str, label: str = "", stage: Stage = "test") -> Failure:
    """``text`` with its fingerprint, masked and read."""
    made = fingerprint(text, stage=stage)
    return Failure(
        label, text, made.value, made.masked, read(made.masked, stage=stage, test_key=made.test_key or "", generic=made.generic)
    )


def _stage(kind: str) -> Stage:
    return "test" if "TEST" in kind else "build"


@lru_cache(maxsize=2)
def known_failures(data: Path) -> list[Failure]:
    """The known patterns, one text each."""
    rows = lines(data / "matching" / "repeat.patterns.jsonl")
    return [failure(known["error"], known["id"], _stage(known["type"])) for known in rows]


@lru_cache(maxsize=2)
def queries(data: Path, split: str) -> list[Failure]:
    """Repeats of known patterns, whose text differs."""
    rows = lines(data / "matching" / f"repeat.queries.{split}.jsonl")
    return [failure(query["error"], query["label"], _stage(query["type"])) for query in rows]


def ask(held: Texts, asked: Failure, top_k: int = 5) -> list[Match]:
    """What the collection answers."""
    its = asked.read
    return held.nearest(asked.masked, stage=its.stage, test_key=its.test_key, generic=its.generic, top_k=top_k)


def repeats(data: Path, split: str) -> list[Row]:
    """Rows of the set ``repeat``; the fingerprint is not asked, except where a row says so."""
    known, asked = known_failures(data), queries(data, split)
    if not asked:
        return []
    held = Texts()
    for one in known:
        held.add(one.known)
    found = [ask(held, one) for one in asked]
    n = len(asked)
    places = {one.label: place for place, one in enumerate(known)}
    answers = [places[one.label] for one in asked]
    scores = {name: score([one.masked for one in asked], [one.masked for one in known]) for name, score in BASELINES.items()}
    ranks = [_rank(matches, one.label) for matches, one in zip(found, asked, strict=True)]
    made = [(matches[0].score, matches[0].pattern_id == one.label) for matches, one in zip(found, asked, strict=True)]
    taken = [(matches[0], one) for matches, one in zip(found, asked, strict=True) if matches[0].accept]
    right = sum(match.pattern_id == one.label for match, one in taken)
    new = _of_unknown(held, asked)
    of_any = [*asked, *known]
    by_rank = {name: ranks_of(values, answers) for name, values in scores.items()}
    by_decision = {name: recall_at_precision(decisions(values, answers), n) for name, values in scores.items()}
    fingerprints = {one.fingerprint: one.label for one in known}
    missed = [place for place, one in enumerate(asked) if fingerprints.get(one.fingerprint) != one.label]
    return [
        row("repeat", "recall@1", recall_at(ranks, 1), n, goal=0.85, baselines=_at(by_rank, 1)),
        row("repeat", "recall@5", recall_at(ranks, 5), n, baselines=_at(by_rank, 5)),
        row("repeat", "recall at precision .95", recall_at_precision(made, n), n, goal=0.45, baselines=by_decision),
        row("repeat", "the same, among as many new failures", recall_at_precision([*made, *new], n), n),
        *_at_fixed_threshold([*made, *new], n),
        row("repeat", "accepted alone, share of repeats", right / n, n),
        row("repeat", "accepted alone, precision", right / max(1, len(taken)), len(taken), goal=0.95),
        row(
            "repeat",
            "accepted although nothing known answers",
            _accepted_unknown(held, of_any),
            len(of_any),
            goal=0.02,
            at_most=True,
        ),
        row("repeat", "the same fingerprint, share of repeats", 1 - len(missed) / n, n),
        row("repeat", "recall@1 where the fingerprint differs", recall_at([ranks[m] for m in missed] or [1], 1), len(missed)),
        row("repeat", "recall@5 where the fingerprint differs", recall_at([ranks[m] for m in missed] or [5], 5), len(missed)),
    ]


def _at_fixed_threshold(made: list[Decision], repeats: int) -> list[Row]:
    right, taken = accepted(made, LIKELY)
    return [
        row("repeat", f"the same, where the score is {LIKELY} or more", right / repeats, repeats),
        row("repeat", "precision there", right / max(1, taken), taken),
    ]


def _rank(matches: list[Match], label: str) -> int:
    return next((rank for rank, match in enumerate(matches) if match.pattern_id == label), len(matches) + 1)


def _at(ranks: dict[str, list[int]], k: int) -> dict[str, float]:
    return {name: recall_at(found, k) for name, found in ranks.items()}


def _best_without(held: Texts, one: Failure) -> Match:
    """What is answered where the failure's own pattern is not known."""
    return next(match for match in ask(held, one, top_k=1_000) if match.pattern_id != one.label)


def _of_unknown(held: Texts, asked: list[Failure]) -> list[Decision]:
    return [(_best_without(held, one).score, False) for one in asked]


def _accepted_unknown(held: Texts, asked: list[Failure]) -> float:
    return sum(_best_without(held, one).accept for one in asked) / len(asked)


def mistakes(data: Path, split: str) -> list[str]:
    """The repeats that are not ranked first, by kind; and those that are not accepted alone, by reason."""
    held = Texts()
    for one in known_failures(data):
        held.add(one.known)
    kinds: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for one in queries(data, split):
        best = ask(held, one)[0]
        if best.pattern_id != one.label:
            kinds["another failure of the same test" if "same test" in best.why else "another text without a test"] += 1
        elif not best.accept:
            reasons[best.why.split(":")[0]] += 1
    return [
        *(f"repeat, not first: {n} x {kind}" for kind, n in kinds.most_common()),
        *(f"repeat, first but left to be confirmed: {n} x {reason}" for reason, n in reasons.most_common()),
    ]


def hard_pairs(data: Path, split: str) -> list[Row]:
    """Pairs that look alike: which are accepted as one failure. A baseline accepts as many true ones as ours does."""
    rows = lines(data / "matching" / f"pairs_hard.{split}.jsonl")
    if not rows:
        return []
    sides = [(failure(pair["a"]), failure(pair["b"])) for pair in rows]
    same = np.array([pair["label"] == 1 for pair in rows])
    ours = np.array([likeness(a.read, b.read).accept for a, b in sides])
    equal = np.array([a.fingerprint == b.fingerprint for a, b in sides])
    share = float(ours[same].mean())
    naive = {}
    for name in ("exact", "rapidfuzz", "tfidf"):
        if name == "tfidf":
            texts = sorted({one.masked for pair in sides for one in pair})
            at = {text: place for place, text in enumerate(texts)}
            table = BASELINES[name](texts, texts)
            table = table / np.maximum(1e-9, np.diag(table))[:, None]
            scores = np.array([table[at[a.masked], at[b.masked]] for a, b in sides])
        else:
            scores = np.array([float(BASELINES[name]([a.masked], [b.masked])[0, 0]) for a, b in sides])
        threshold = float(np.quantile(scores[same], 1 - share))
        naive[name] = float((scores[~same] >= max(threshold, 1e-9)).mean())
    n = int((~same).sum())
    found = [
        row("pairs_hard", "false accepts", float(ours[~same].mean()), n, goal=0.02, at_most=True, baselines=naive),
        row("pairs_hard", "false accepts, with the fingerprint", float((ours | equal)[~same].mean()), n, goal=0.02, at_most=True),
        row("pairs_hard", "true accepts", share, int(same.sum())),
        row("pairs_hard", "true accepts, with the fingerprint", float((ours | equal)[same].mean()), int(same.sum())),
    ]
    for kind in sorted({pair["type"] for pair in rows}):
        chosen = np.array([pair["type"] == kind for pair in rows])
        which = "true" if same[chosen].all() else "false"
        found.append(row("pairs_hard", f"{which} accepts of: {kind}"[:70], float(ours[chosen].mean()), int(chosen.sum())))
    return found
