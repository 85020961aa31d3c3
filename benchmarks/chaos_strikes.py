"""Who is killed or hangs in a chaos run, and when. All of it comes from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

Victim = Literal["child", "tree", "beat", "redis", "llm", "aegis"]
Way = Literal["kill", "hang", "hang, kill"]
WAYS: tuple[Way, ...] = ("kill", "hang", "hang, kill")
VICTIMS: tuple[Victim, ...] = ("child", "tree", "beat", "redis", "llm", "aegis")


@dataclass(frozen=True, slots=True)
class Strike:
    """Who is hit once ``at`` events were pushed, and how. ``seconds`` it hangs or is down; ``choice`` chooses among several."""

    at: int
    victim: Victim
    way: Way
    seconds: float
    choice: int


def strikes(rng: Random, size: int, kills: int, longest_hang: float) -> list[Strike]:
    """``kills`` strikes, evenly over the kinds of victims and about evenly over the events."""
    victims = [VICTIMS[number % len(VICTIMS)] for number in range(kills)]
    rng.shuffle(victims)
    found = []
    for number, victim in enumerate(victims):
        at = int((number + rng.random()) * size / kills)
        way: Way = rng.choices(WAYS, [3, 1, 1])[0]
        seconds = rng.uniform(0.0, 2.0) if way == "kill" else rng.uniform(0.5, longest_hang)
        found.append(Strike(at, victim, way, seconds, rng.randrange(1_000)))
    return found
