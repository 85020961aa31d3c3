"""Errors of compilers, linkers and linters, which name a place."""

from __future__ import annotations

from ci_memory_producers.excerpt.rules.rule import Extent, Rule, rule

COMPILER_RULES: tuple[Rule, ...] = (
    rule("gcc", 9, "error:", r"^(?:\S.{0,300}?):\d+:(?:\d+:)? (?:fatal |internal compiler )?error: (?P<why>.*)$"),
    rule("msvc", 9, ": error |: fatal error ", r"\(\d+(?:,\d+){0,3}\)\s*: (?:fatal )?error \w+\d+: "),
    rule("typescript", 9, "error ts", r"\berror TS\d+: "),
    rule("dotnet", 8, "error cs|error msb|error nu|error netsdk|error fs", r"\berror (?:CS|MSB|NU|NETSDK|FS)\d+: "),
    rule(
        "rustc.consequence",
        2,
        "error: ",
        r"(?i)^error: (?:aborting due to|could not compile|build failed|test failed|process didn't exit)",
        Extent.LINE,
    ),
    rule("rustc", 9, "error[e", r"^error\[E\d+\]: ", Extent.PARAGRAPH),
    rule("javac", 9, ".java:", r"^(?:\[ERROR\]\s+)?\S+\.java:(?:\[\d+,\d+\]|\d+:) ?(?!warning)"),
    rule("scalac", 9, ".scala:", r"^\[error\] .*\.scala:\d+(?::\d+)?: "),
    rule("kotlinc", 9, ".kt: (|.kt:", r"^e: .*\.kts?:"),
    rule("go", 8, ".go:", r"^\S+\.go:\d+:\d+: \S"),
    rule("ghc", 9, ".hs:", r"^\S+\.hs:\d+:\d+: (?:\w+:)?\s*error"),
    rule("swift", 9, ".swift:", r"\.swift:\d+:\d+: error: "),
    rule(
        "link.undefined",
        8,
        "undefined reference to|undefined symbol|unresolved external",
        r"(?:undefined reference to|undefined symbols?\b|unresolved external)",
    ),
    rule("eslint", 8, "  error  ", r"^\s+\d+:\d+\s+error\s+\S", Extent.AROUND),
    rule("flake8", 8, ".py:", r"^\S+\.py:\d+:(?:\d+:)? [A-Z]{1,3}\d{2,4}:? "),
    rule("rubocop", 8, ".rb:", r"^\S+\.rb:\d+:\d+: [CWEF]: "),
    rule("checkstyle", 8, ".java:", r"^\[(?:ERROR|WARN|ant:checkstyle)\] \S+:\d+"),
    rule("shellcheck", 8, " line ", r"^In \S+ line \d+:$"),
    rule("tool.error", 7, "error: ", r"^[\w./+-]+: (?:fatal )?error: (?P<why>\S.*)"),
    rule("lint.marked", 8, "\u2716|\u2717|\u00d7", r"^\s*\d+:\d+\s+[\u2716\u2717\u00d7]\s+\S", Extent.AROUND),
    rule(
        "werror",
        8,
        "failing due to -werror|being treated as errors",
        r"(?:[Ff]ailing due to -Werror|warnings being treated as errors)",
        Extent.ABOVE,
    ),
    rule("xcpretty", 9, "\u274c", r"^\W{0,4}\w{0,3}\u274c\s+\S"),
    rule("rustc.plain", 7, "error: ", r"^error: (?!.*failed to)\S"),
)
