"""What a policy would have done with what happened: pure, without effects, the same for the same records in any order."""

from .history import History, history_of
from .outcome import Deprecated, HiddenBuild, HiddenRegression, Outcome, Spell
from .play import Policy, play
from .records import Build, Record
from .regressions import Regression

__all__ = [
    "Build",
    "Deprecated",
    "HiddenBuild",
    "HiddenRegression",
    "History",
    "Outcome",
    "Policy",
    "Record",
    "Regression",
    "Spell",
    "history_of",
    "play",
]
