"""The errors of compilers and of package managers; and what a line has in it wherever one of these stands."""

from __future__ import annotations

from typing import Final

import re2

COMPILER: Final = re2.compile(
    r"(?m)"
    + "|".join(
        (
            r"^[^\s:(][^\n:(]*\.\w+:\d+(?::\d+)?: (?:fatal |internal compiler )?error: ([^\n]*)",  # gcc, clang, javac
            r"^(error(?:\[E\d+\])?: [^\n]*)\n *--> ",  # rustc
            r"\(\d+(?:,\d+){0,3}\) ?: (?:fatal )?(error [A-Z]{1,6}\d{2,5}: [^\n]*?)(?: \[[^\]\n]*proj\])?$",  # MSVC, C#, tsc
            r":\d+:\d+ - (error TS\d+: [^\n]*)",  # tsc --pretty
            r"^[^\s:]+\.(?:java|kt|kts|scala|groovy):\[\d+,\d+\] "
            r"([^\n]*(?:\n *(?:symbol|location|required|found|reason): [^\n]*)*)",  # Maven
            r"^e: (?:file://)?[^\n]*?\.kts?:?[^ ]*:? ([^\n]*)",  # kotlinc
            r"^[^\s:]+\.go:\d+:\d+: ([^\n]*)|^# \S+\n[^\s:]+\.go:\d+: ([^\n]*)",  # go
            r"(undefined reference to [^\n]*)",  # ld
            r"^[^\n:]*ld[^\n:]*: (cannot find -l\S+|library not found for \S+|[^\n]*undefined symbol[^\n]*)",
        )
    )
)
COMPILER_LINE: Final = "|".join(
    (
        r"^[^\s:(][^\n:(]*\.\w+:\d+(?::\d+)?: (?:fatal |internal compiler )?error: ",
        r"^ *--> ",  # the second line of rustc's
        r"\(\d+(?:,\d+){0,3}\) ?: (?:fatal )?error [A-Z]{1,6}\d{2,5}: ",
        r":\d+:\d+ - error TS\d+: ",
        r"^[^\s:]+\.(?:java|kt|kts|scala|groovy):\[\d+,\d+\] ",
        r"^e: (?:file://)?[^\n]*?\.kts?",
        r"^[^\s:]+\.go:\d+:",
        r"undefined reference to ",
        r"^[^\n:]*ld[^\n:]*: (?:cannot find -l\S|library not found for \S|[^\n]*undefined symbol)",
    )
)
"""RE2, of one line: where no line has it, `COMPILER` matches nowhere."""

_PEERS: Final = r"(ERESOLVE) [^\n]*(?:\n[^\n]*){0,12}?\n[^\n]*\b(peer \S+@\"[^\"\n]+\" from @?[^\s@]+)"  # of several lines
_MISSING: Final = (
    r"(No module named ['\"]?[\w.]+)",
    r"(Cannot find (?:module|package) ['\"][^'\"\n]+['\"])",
    r"(Module not found: [^\n]*?'[^'\n]+')",
    r"(No (?:matching distribution|distributions at all) found for [^\n(]+)",
    r"(Could not find a version that satisfies the requirement [^\n(]+)",
    r"(Could not (?:find artifact|transfer artifact|resolve|find) [\w.-]+:[\w.-]+(?::[\w.-]+)*"
    r"|Failure to find [\w.-]+:[\w.:-]+)",
    r"(Could not find gem '[^'\n]+')",
    r"(unable to locate package \S+|package \S+ (?:is not available|has no installation candidate)"
    r"|no package \S+ available)",
    r"(no required module provides package [^\s;]+|cannot find package \"[^\"\n]+\""
    r"|package \S+ is not in (?:GOROOT|std))",
    r"(unresolved import [^\n]*|can't find crate for [^\n]*|no matching package named [^\n]*)",
    r"404 +(Not Found) - GET \S+/(\S+)",
    r"(No matching version found for \S+[^\s.])",
    _PEERS,
    r"(cannot load such file -- \S+)",
    r"(error while loading shared libraries: [^\n:]*)",
)
DEPENDENCY: Final = re2.compile(f"(?m)(?i:{'|'.join(_MISSING)})")
DEPENDENCY_LINE: Final = "(?i)" + "|".join("ERESOLVE" if alternative is _PEERS else alternative for alternative in _MISSING)
"""As `COMPILER_LINE`, for `DEPENDENCY`."""
