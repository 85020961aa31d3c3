"""Fatal messages of package managers, build tools and deployment tools."""

from __future__ import annotations

from ci_memory_producers.excerpt.rules.rule import Extent, Rule, rule

BUILD_TOOL_RULES: tuple[Rule, ...] = (
    rule("make.rule", 7, "no rule to make", r"^g?make(?:\[\d+\])?: \*\*\* No rule to make target", Extent.LINE),
    rule("make", 1, "***", r"^(?:g?make|ninja)(?:\[\d+\])?: \*\*\* .*(?:Error|Stop|Terminated)", Extent.LINE),
    rule("ninja", 1, "ninja: build stopped", r"^ninja: build stopped", Extent.LINE),
    rule("maven.goal", 6, "failed to execute goal", r"^\[ERROR\] Failed to execute goal (?P<why>.*)", Extent.LINE),
    rule(
        "maven.help",
        1,
        "[error]",
        r"^\[ERROR\](?:\s*$|\s+(?:To see the full|Re-run Maven|For more info|After correcting|\[Help|-> \[Help|mvn <))",
        Extent.LINE,
    ),
    rule("maven.error", 6, "[error]", r"^\[ERROR\] +(?P<why>\S.*)$"),
    rule("gradle.wrong", 7, "what went wrong", r"^\* What went wrong:", Extent.PARAGRAPH),
    rule(
        "npm",
        6,
        "npm err!|npm error",
        r"^npm (?:ERR!|error)\s+(?P<why>(?:code E(?!LIFECYCLE)[A-Z0-9]+|\d{3} |notarget |404 |network |peer dep|missing[: ]"
        r"|Could not |Cannot |Unexpected |Invalid |shasum |cb\(\) never|[Mm]issing script|E[A-Z]{4,}\b).*)$",
        Extent.LINE,
    ),
    rule("npm.consequence", 1, "npm err!|npm error", r"^npm (?:ERR!|error)(?:\s|$)", Extent.LINE),
    rule("yarn.consequence", 1, "command failed", r"^error Command failed", Extent.LINE),
    rule(
        "yarn",
        7,
        "error an unexpected|error couldn't|error found|error package|error your lockfile|error \"|incompatible with this",
        r"^error (?P<why>(?:\S+@\S+: |An unexpected|Couldn't|Found|Package|Your lockfile|\").*)$",
        Extent.DETAIL,
    ),
    rule(
        "pip",
        8,
        "could not find a version|no matching distribution|resolutionimpossible",
        r"(?:Could not find a version that satisfies|No matching distribution found|ResolutionImpossible)",
    ),
    rule(
        "bundler",
        8,
        "could not find gem|bundler could not|an error occurred while installing",
        r"(?:Could not find gem|Bundler could not find|An error occurred while installing)",
    ),
    rule("composer", 7, "could not be resolved to", r"could not be resolved to an installable set"),
    rule("links", 7, "issues :-(", r"^Issues :-\($", Extent.SECTION),
    rule("apt", 6, "failed to fetch|unable to locate package|unmet dependencies", r"^E: |have unmet dependencies"),
    rule("resolve", 7, "could not resolve", r"Could not resolve (?:dependencies|all|host|\S)"),
    rule("docker.daemon", 8, "response from daemon", r"Error response from daemon: (?P<why>.*)", Extent.LINE),
    rule("kubectl", 8, "error from server", r"Error from server"),
    rule("git", 7, "fatal: ", r"^fatal: (?P<why>.*)", Extent.DETAIL),
    rule("rake", 7, "rake aborted", r"^rake aborted!", Extent.PARAGRAPH),
    rule("cmake", 8, "cmake error", r"^CMake Error", Extent.DETAIL),
    rule("configure", 7, "configure: error", r"^configure: error: (?P<why>.*)", Extent.LINE),
    rule("bazel", 8, "error: /|error: ", r"^ERROR: \S+:\d+:\d+: (?P<why>.*)"),
)
