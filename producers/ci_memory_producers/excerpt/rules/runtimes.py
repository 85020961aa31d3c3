"""Exceptions, panics, signals and exhausted resources."""

from __future__ import annotations

from ci_memory_producers.excerpt.rules.rule import Extent, Rule, rule

RUNTIME_RULES: tuple[Rule, ...] = (
    rule("disk", 8, "no space left", r"(?i:no space left on device)"),
    rule(
        "memory",
        8,
        "out of memory|outofmemory|cannot allocate memory|java heap space|oom-kill|oomkilled|gc overhead",
        r"(?i:out of ?memory|cannot allocate memory|java heap space|oom-?kill|gc overhead limit)",
        Extent.DETAIL,
    ),
    rule(
        "signal",
        7,
        "segmentation fault|core dumped|sigsegv|sigabrt|addresssanitizer|killed|sigkill",
        r"(?:[Ss]egmentation fault|core dumped|SIGSEGV|SIGABRT|SIGKILL|ERROR: AddressSanitizer|^.{0,120}\bKilled\b)",
        Extent.DETAIL,
    ),
    rule("go.panic", 8, "panic: ", r"^panic: (?P<why>.*)", Extent.SECTION),
    rule("rust.panic", 8, "panicked at", r"^thread '.*' panicked at (?P<why>.*)", Extent.DETAIL),
    rule(
        "consequence.exit",
        1,
        "exit code|exit status|exit value|exit-code|exited with|exited 1|non-zero|nonzero|exit 1",
        r"(?i:\b(?:exit(?:ed)?|error|return(?:ed|s)?)(?: with)?(?: an?)?(?: non-?zero)?[ -](?:code|status|value)s?\b"
        r"|exited with [1-9]|non-?zero exit|^\+ exit [1-9])",
        Extent.LINE,
    ),
    rule(
        "exception.consequence",
        2,
        "non-zero exit|exited with code|exit code|failed!\n",
        r"(?:CalledProcessError|ChildProcessError|ExecException|Error: ).*(?:non-zero exit|exited with code|exit code)"
        r"|^\w*Error: \S+(?: \d+/\d+)? failed!$",
        Extent.UPWARDS,
    ),
    rule("exception.main", 8, "exception in thread", r"^Exception in thread (?P<why>.*)", Extent.DETAIL),
    rule(
        "exception",
        7,
        "error:|error\n|error [|exception:|exception\n|exception [|interrupt:|interrupt\n|exit:|exit\n|failure:|failure\n"
        "|fault:|fault\n",
        r"^(?:Caused by: |Uncaught |\[ERROR\] |Unhandled exception[.:] )?(?P<why>(?:[A-Za-z_$][\w$]*(?:\.|::))*(?:[A-Z][\w$]*)?"
        r"(?:Error|Exception|Interrupt|Failure|Fault|Exit)(?:: .*|:| \[.*)?)$",
        Extent.UPWARDS,
    ),
    rule(
        "shell.missing",
        6,
        "command not found|no such file or directory|permission denied|not recognized as",
        r"(?:: command not found|: No such file or directory|: Permission denied|is not recognized as an internal)",
        Extent.LINE,
    ),
    rule(
        "network",
        6,
        "connection refused|connection reset|connection timed out|name resolution|tls handshake|remote end hung up"
        "|rate limit exceeded|too many requests|service unavailable|bad gateway|gateway time",
        r"(?i:connection (?:refused|reset|timed out)|failure in name resolution|tls handshake timeout"
        r"|remote end hung up unexpectedly|rate limit exceeded|429 too many requests|503 service unavailable|502 bad gateway"
        r"|504 gateway time-?out)",
        Extent.LINE,
    ),
    rule(
        "timeout",
        6,
        "timed out after|timeout of|timeout exceeded|test timed out",
        r"(?i:timed out after|timeout of \d|timeout exceeded|test timed out)",
        Extent.LINE,
    ),
    rule("curl", 6, "curl: (", r"^curl: \(\d+\) (?P<why>.*)", Extent.LINE),
)
