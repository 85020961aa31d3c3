"""Small logs in the form that each tool gives them, with what a reader should find: written for these tests."""

from producers.excerpt_logs.build_tools import TOOLS
from producers.excerpt_logs.compilers import COMPILERS
from producers.excerpt_logs.log import Log
from producers.excerpt_logs.runners_compiled import COMPILED_RUNNERS
from producers.excerpt_logs.runners_script import SCRIPT_RUNNERS
from producers.excerpt_logs.runtimes import RUNTIMES

ALL = (*SCRIPT_RUNNERS, *COMPILED_RUNNERS, *COMPILERS, *TOOLS, *RUNTIMES)

__all__ = ["ALL", "Log"]
