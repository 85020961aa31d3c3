"""Rows of the reading table: what was measured, its goal, and what others reach on the same texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_COLUMNS: Final = ("value", "goal", "naive", "recipe", "drain3")


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of one set over ``n`` cases; None where there is no such number.

    ``naive`` is the plainest way: the last 200 lines of a log as its excerpt, equal text as the same failure. ``recipe`` is the
    recipe's own signature and categories, ``drain3`` what Drain3 reaches. ``at_most`` says that less is better.
    """

    set: str
    metric: str
    value: float | None
    n: int
    goal: float | None = None
    naive: float | None = None
    recipe: float | None = None
    drain3: float | None = None
    at_most: bool = False

    @property
    def missed(self) -> bool:
        """Whether the row has a goal that its value misses."""
        if self.value is None or self.goal is None:
            return False
        return self.value > self.goal if self.at_most else self.value < self.goal


def mean(values: Iterable[float]) -> tuple[float | None, int]:
    """The mean, rounded to four digits, and the number of values."""
    numbers = [float(value) for value in values]
    return (round(sum(numbers) / len(numbers), 4) if numbers else None), len(numbers)


def table(rows: Iterable[Row]) -> str:
    """The rows, one a line; a value that misses its goal is marked."""
    lines = [f"{'set':22} {'metric':66} " + " ".join(f"{name:>9}" for name in _COLUMNS) + f" {'n':>6}"]
    for row in rows:
        cells = " ".join(f"{_shown(getattr(row, name), name, row):>9}" for name in _COLUMNS)
        lines.append(f"{row.set:22} {row.metric:66} {cells} {row.n:>6}{'  missed' if row.missed else ''}")
    return "\n".join(lines)


def _shown(value: float | None, column: str, row: Row) -> str:
    if value is None:
        return "-"
    sign = "<=" if column == "goal" and row.at_most else ""
    return f"{sign}{value:,.0f}" if abs(value) >= 1_000 else f"{sign}{value:.4g}"
