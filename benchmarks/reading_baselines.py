"""What the reading of failures is measured beside: the recipe's signature and categories, and Drain3's clusters."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from drain3 import TemplateMiner
from drain3.template_miner_config import TemplateMinerConfig

from ci_memory_producers.events import Stage

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


def recipe_category(text: str, stage: Stage) -> str:
    """The recipe's categories: substrings, by stage, then for any stage."""
    lowered = text.lower()
    for category, words in (*_RECIPE_BY_STAGE.get(stage, ()), *_RECIPE_ANYWHERE):
        if any(word in lowered for word in words):
            return category
    return "unknown"


class DrainClusters:
    """Drain3 (sim_th 0.4, depth 4, its other defaults, no masking): the cluster of each text that is fed to it, in order."""

    def __init__(self) -> None:
        config = TemplateMinerConfig()
        config.drain_sim_th, config.drain_depth = 0.4, 4
        self._miner = TemplateMiner(config=config)

    def feed(self, texts: Iterable[str]) -> list[int]:
        """The ids of the clusters. A text of several lines is fed as one line: Drain3 knows no others."""
        return [self._miner.add_log_message(" ".join(text.split("\n")))["cluster_id"] for text in texts]
