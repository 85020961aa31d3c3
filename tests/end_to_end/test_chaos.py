"""Everything is killed, or hangs, while events come in: nothing is lost, nothing is counted twice, and all is as in peace.

The long version is a benchmark, whose modules do the work.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from chaos import findings_of, play
from chaos_compare import faults
from chaos_plan import make_plan

EVENTS, KILLS, ACTS = 2_000, 8, 3


@pytest.mark.timeout(600)  # a bound for a loaded machine; it takes about a minute
def test_what_is_known_in_the_end_is_the_same_whoever_is_killed(tmp_path: Path) -> None:
    plan = make_plan(11, EVENTS, KILLS, acts=ACTS, longest_hang=2.0)

    with ThreadPoolExecutor(2) as both:
        runs = [
            both.submit(play, tmp_path / name, plan, strikes=strikes, fsync="always", lease_seconds=2.0)
            for name, strikes in (("peace", False), ("chaos", True))
        ]
        (_, in_peace), (chaotic, outcome) = (run.result() for run in runs)

    assert [*faults(plan, in_peace)] == []
    assert len(chaotic.struck) == KILLS
    assert findings_of(plan, in_peace, outcome, chaotic) == []
