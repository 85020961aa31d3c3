"""Frames of a stack trace: the functions that the project itself wrote, innermost first, without files and line numbers."""

from __future__ import annotations

import re
from typing import Final

_FRAME: Final = re.compile(
    r"""\s*(?:
        (?P<py>File\ "(?P<py_file>[^"]{1,400})",\ line\ \d+(?:,\ in\ (?P<py_name>\S{1,200}))?)
      | at\ (?:async\ )?(?:new\ )?(?P<name>[\w$.<>\[\] #/]{1,200}?)\ ?\((?P<file>[^()]{0,400})\)
      | at\ (?:async\ )?(?P<only_file>(?:file://|[A-Za-z]:)?[^\s()]{1,400}):\d+:\d+
      | (?:from\ )?(?P<rb_file>[^\s:]{1,300}\.rb):\d+:in\ [`'](?P<rb_name>[^'`]{1,200})'
      | (?P<go_name>(?:[\w.-]{1,100}/){0,8}[\w.-]{1,100}\.(?:\(\*?\w+\)\.)?\w{1,100}(?:\.func\d+)?)
        \((?:0x[0-9a-f]+.{0,200}|\.\.\.|)\)$
      | (?:\[<[0-9a-fA-F]+>\]\ )?(?P<c_unsure>\?\ )?(?P<c_name>[A-Za-z_][\w.]{0,150})\+0x[0-9a-f]+/0x[0-9a-f]+
      | \#\d+\ +(?:0x[0-9a-f]+\ +)?in\ (?P<gdb_name>[\w:~<>,.$*&\ ]{1,200}?)\ ?(?:\(|/|\S+:\d+)
      | \d+:\ +(?:0x[0-9a-f]+\ -\ )?(?P<rs_name>[A-Za-z_<][\w:<>{}\#\ ]{1,200})$
    )""",
    re.VERBOSE,
)
_LOOKS_LIKE_ONE: Final = re.compile(
    r"\s*(?:at |File \"|from |\[<|\? |#\d|\d+: +|[\w./*()-]+(?:\+0x|\(0x|\(\.\.\.\)$|\(\)$)|\S+\.rb:\d)"
)
_NAMELESS: Final = re.compile(r"^(?:<module>|new|Object|)$|<anonymous>|\{closure|Timeout\._onTimeout|^\S+\.[jt]s$")
# Runtimes, standard libraries, test frameworks and installed packages: their frames come along with any failure.
_FOREIGN: Final = re.compile(
    r"""(?x)site-packages|dist-packages|node_modules|node:|<anonymous>|<frozen|lib/python\d|/gems/|/ruby/\d|internal/
    |(?:^|/)(?:_pytest|pluggy|unittest|asyncio|concurrent|importlib)/|/go/src/(?:runtime|testing)|/usr/(?:local/)?go/|/rustc/
    |/\.cargo/|webpack|Native\ Method|Unknown\ Source"""
)
_FOREIGN_NAME: Final = re.compile(
    r"^(?:java[x]?|jdk|sun|com\.sun|kotlin|scala|groovy|org\.(?:junit|testng|gradle|apache\.maven|mockito|hamcrest|assertj|"
    r"opentest4j|codehaus|springframework|postgresql|hibernate|apache|eclipse|jboss|mariadb|h2|slf4j|jetbrains|spockframework)|"
    r"com\.(?:mysql|fasterxml|google|zaxxer|amazonaws|microsoft|sun|intellij)|io\.(?:netty|micrometer|grpc|vertx|quarkus)|reactor|okhttp3|retrofit2|"
    r"runtime|testing|std|core|alloc|System|Microsoft|Xunit|NUnit|process|Module|Object|"
    r"Function|Promise|node)[.:]|^(?:panic|goexit|main\.main\.func|new Promise|require)\b"
)
_DECORATION: Final = re.compile(
    r"\$\d+|\.func\d+|\.(?:cold|isra|part|constprop|llvm)(?:\.\d+)*|0x[0-9a-f]+|lambda\$|[0-9a-f]{16,}|::h[0-9a-f]{16}"
)


def frame_name(line: str) -> tuple[str, bool] | None:
    """(function, written by the project) of a stack frame's line; None where the line is no frame."""
    match = _FRAME.match(line)
    if match is None:
        return None
    found = match.groupdict()
    place = found["py_file"] or found["file"] or found["only_file"] or found["rb_file"] or ""
    name = (
        found["py_name"]
        or found["name"]
        or found["rb_name"]
        or found["go_name"]
        or found["c_name"]
        or found["gdb_name"]
        or found["rs_name"]
        or ""
    )
    own = not (_FOREIGN.search(place) or _FOREIGN_NAME.search(name)) and found["c_unsure"] is None
    if not name and place:
        name = re.split(r"[/\\]", place)[-1].split(":")[0]
    return _DECORATION.sub("", name).strip(), own


def is_frame(line: str) -> bool:
    """Whether `own_frames` makes anything of ``line``."""
    return 'File "' in line or _FRAME.match(line) is not None


def own_frames(lines: list[str], limit: int = 2) -> tuple[str, ...]:
    """Up to ``limit`` of the project's own functions, innermost first, repeats and nameless functions dropped."""
    candidates = [line for line in lines if _LOOKS_LIKE_ONE.match(line)]
    innermost_last = any('File "' in line for line in candidates)
    names: list[str] = []
    for line in reversed(candidates) if innermost_last else candidates:
        if (frame := frame_name(line)) is not None:
            name, own = frame
            if own and name not in names and not _NAMELESS.search(name):
                names.append(name)
                if len(names) == limit:
                    break
    return tuple(names)
