"""What CI providers themselves print: beginnings of steps, verdicts, and jobs that they stopped."""

from __future__ import annotations

from ci_memory_producers.excerpt.rules.rule import Extent, Rule, rule

STEPS: tuple[bytes, ...] = (b"travis_time:start", b"##[group]Run ", b"##[section]Starting")
"""What the raw line holds where a provider begins a step that a verdict can be about."""
STEP_ENDS: tuple[bytes, ...] = (b"travis_time:end", b"##[section]Finishing")
"""What it holds where the output of a step ends."""
VERDICTS: tuple[bytes, ...] = (b"exited with", b"Process completed with exit")
"""What it holds where a provider says that a step failed."""
LAST_VERDICTS: tuple[bytes, ...] = (b"Job failed", b"marked build as failure", b"[taskcluster:error]")
"""The same of providers that say it of a whole job, at its end."""
MARKS: tuple[bytes, ...] = (b"##[error]", b"::error", b"##vso[task.logissue type=error", b"   error - ")
"""What it holds where a provider marks the line as an error."""
WARNINGS: tuple[bytes, ...] = (b"##[warning]", b"::warning")
"""What it holds where a provider marks the line as no more than a warning."""
MARKED = rule("marked", 6, "##[error]", r"", Extent.LINE)

PROVIDER_RULES: tuple[Rule, ...] = (
    rule("verdict.travis", 1, "exited with", r"(?:^The command |\").*exited with [1-9]\d*(?:\.$| during)", Extent.LINE),
    rule("consequence.travis", 1, "exited with", r"^Done\. Your build exited with [1-9]", Extent.LINE),
    rule("verdict.github", 1, "process completed with exit", r"^Process completed with exit code [1-9-]", Extent.LINE),
    rule("verdict.gitlab", 1, "job failed", r"^ERROR: Job failed", Extent.LINE),
    rule("verdict.buildkite", 1, "command exited with", r"Error: The command exited with status", Extent.LINE),
    rule("verdict.jenkins", 1, "marked build as failure", r"^Build step .* marked build as failure", Extent.LINE),
    rule("verdict.circle", 1, "exited with code", r"^Exited with code (?:exit status )?[1-9]", Extent.LINE),
    rule("verdict.azure", 1, "exited with code", r"exited with code '[1-9]", Extent.LINE),
    rule("verdict.taskcluster", 1, "taskcluster", r"^\[taskcluster:error\] exit status", Extent.LINE),
    rule(
        "consequence.github", 1, "custom container implementation", r"^Executing the custom container implementation", Extent.LINE
    ),
    rule(
        "stopped.silence",
        8,
        "no output has been received",
        r"No output has been received in the last",
        Extent.PARAGRAPH,
    ),
    rule(
        "stopped.time",
        8,
        "has exceeded the maximum|has timed out after|execution took longer|exceeded the maximum|build timed out",
        r"(?:has exceeded the maximum (?:time limit|execution time)|has timed out after \d+|execution took longer than"
        r"|^Build timed out"
        r"|exceeded the maximum (?:time|log|execution|number)|log length has exceeded)",
        Extent.LINE,
    ),
    rule(
        "stopped.runner",
        8,
        "shutdown signal|operation was canceled|lost communication|runner system failure",
        r"(?:runner has received a shutdown signal|The operation was canceled|lost communication with the server"
        r"|runner system failure)",
        Extent.LINE,
    ),
)
