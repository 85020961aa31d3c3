"""Makes a world: the same seed, size and data make the same world."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from random import Random

from fleet_plan import plan
from fleet_repository import Repository
from fleet_world import Arrival, Size, Truth, World


def generate(size: Size, seed: int, data: Path | None = None) -> World:
    """A world of ``size``. Texts are of our own making, or, for three causes of four, real ones from ``data``."""
    rng = Random(seed)
    repos = [f"org{i % 12}/repo-{i:03}" for i in range(size.repos)]
    planned = plan(size, repos, rng, data)
    truth = Truth()
    build_ids = count(700_000)
    arrivals: list[Arrival] = []
    for name in repos:
        arrivals += Repository(name, size, planned, truth, Random(rng.random()), build_ids).play()
    # Sorting is stable: what arrives in the same millisecond keeps its order.
    arrivals.sort(key=lambda arrival: arrival.ms)
    return World(seed, size, planned.causes, tuple(planned.outbreaks), tuple(arrivals), truth)
