"""Noise and drift: the same failure never prints the same text twice, and prints another text some weeks later."""

from __future__ import annotations

import re
from random import Random

_CLOCK = re.compile(r"\b([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:[.,](\d{3,6}))?\b")
_DATE = re.compile(r"\b20\d\d-(?:0\d|1[0-2])-(?:[0-2]\d|3[01])\b")
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_HEX = re.compile(r"\b0x[0-9a-f]{4,16}\b")
_DIGEST = re.compile(r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{10,64}\b")
_LINE = re.compile(r"(?<=\.(?:py|js|ts|go|rs|rb|cc))(:|\", line )(\d{1,5})\b|(?<=\.java)(:)\[?(\d{1,5})\b")
_PORT = re.compile(r"(?<=\b127\.0\.0\.1:)\d{4,5}\b|(?<=\blocalhost:)\d{4,5}\b|(?<=:)[3-6]\d{4}\b")
_SECONDS = re.compile(r"\b(?:in |after |duration_ms: ?|time: ?|elapsed: ?)\d+(?:\.\d+)?(?=\s?(?:s|ms|seconds)?\b)", re.IGNORECASE)
_PID = re.compile(r"(?<=\bpid[ =:])\d+\b|(?<=\[)\d{3,6}(?=\])", re.IGNORECASE)
_TEMPORARY = re.compile(r"/tmp/[A-Za-z0-9_.-]+")
_CHECKOUT = re.compile(r"/home/\w+/(?:build/workspace|work|builds)/[\w.-]+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_HOSTS = ("runner-a1", "runner-b7", "ip-10-0-3-17", "buildkite-x5", "gh-hosted-12", "worker-eu-2")
_PROGRESS = (
    "Cache restored from key: deps-{d}",
    "[{d}/240] Building object {d}",
    "Downloading artifacts (attempt 1, {d} kB)",
    "Using worker {host}",
    "Collected {d} tests in {d} s",
    "step {d}: done in {d} ms",
)
_TRAILERS = (
    "##[error]Process completed with exit code 1.",
    "ERROR: Job failed: exit code 1",
    "make: *** [Makefile:{d}: check] Error 1",
    "npm ERR! A complete log of this run can be found in: /home/runner/.npm/_logs/{date}T{clock}Z-debug-0.log",
)
_SPELLINGS = (
    ("could not", "couldn't"), ("cannot", "can't"), ("failed to", "unable to"), ("expected", "expecting"),
    ("not found", "missing"), ("Error:", "error:"), ("Timeout", "Timed out"), ("does not exist", "doesn't exist"),
)  # fmt: skip


def noisy(text: str, rng: Random, *, ms: int, day: float, style: int) -> str:
    """``text`` as one run prints it: other times, ids, ports, durations, hosts; lines that moved; a provider's own lines.

    ``style`` is how the repository's provider prints (0: plain, 1: a time before each line, 2: trailers, 3: progress before).
    """
    clock = f"{ms // 3_600_000 % 24:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}"
    date = f"2026-{1 + int(day) // 30 % 12:02}-{1 + int(day) % 28:02}"
    moved = int(day) // 9
    text = _CLOCK.sub(lambda m: clock + (f".{rng.randrange(1000):03}" if m[4] else ""), text)
    text = _DATE.sub(date, text)
    text = _UUID.sub(lambda _: _uuid(rng), text)
    text = _HEX.sub(lambda m: "0x" + _hex(rng, len(m[0]) - 2), text)
    text = _DIGEST.sub(lambda m: _hex(rng, len(m[0])), text)
    text = _LINE.sub(lambda m: _moved(m, moved), text)
    text = _PORT.sub(lambda _: str(rng.randrange(30_000, 60_000)), text)
    text = _SECONDS.sub(lambda m: _NUMBER.sub(lambda n: _like(n[0], rng), m[0]), text)
    text = _PID.sub(lambda _: str(rng.randrange(300, 60_000)), text)
    text = _TEMPORARY.sub(lambda _: f"/tmp/{_hex(rng, 8)}", text)
    text = _CHECKOUT.sub(lambda m: m[0].rsplit("/", 1)[0] + f"/job-{rng.randrange(40)}", text)
    return _as_printed(text, rng, clock, date, style)


def drifted(text: str, rng: Random) -> str:
    """What the same cause prints some weeks later: other spelling, a moved directory, further or fewer lines."""
    change = rng.choice(("spelling", "directory", "hint", "frame", "head"))
    lines = text.split("\n")
    if change == "spelling":
        for old, new in _SPELLINGS:
            if old in text:
                return text.replace(old, new)
    if change == "directory":
        return re.sub(r"\b(src|lib|test|tests|core|main)/", r"\1/v2/", text)
    if change == "frame" and len(lines) > 4:
        frames = [i for i, line in enumerate(lines) if re.match(r"\s+(?:at |File \")", line)]
        if frames:
            at = rng.choice(frames)
            return "\n".join([*lines[:at], re.sub(r"\w+(?=[\"( ])", "wrapped", lines[at], count=1), *lines[at:]])
    if change == "head" and len(lines) > 8:
        return "\n".join(lines[2:])
    return f"{text}\nhint: run with --verbose for the full output"


def _as_printed(text: str, rng: Random, clock: str, date: str, style: int) -> str:
    if style == 1:
        return "\n".join(f"{date}T{clock}.{rng.randrange(10**7):07}Z {line}" for line in text.split("\n"))
    if style == 2:
        return f"{text}\n{_filled(rng.choice(_TRAILERS), rng, clock, date)}"
    if style == 3:
        before = [_filled(rng.choice(_PROGRESS), rng, clock, date) for _ in range(rng.randint(1, 4))]
        return "\n".join([*before, text])
    return text


def _filled(line: str, rng: Random, clock: str, date: str) -> str:
    for name, value in (("{host}", rng.choice(_HOSTS)), ("{clock}", clock), ("{date}", date)):
        line = line.replace(name, value)
    while "{d}" in line:
        line = line.replace("{d}", str(rng.randrange(2, 900)), 1)
    return line


def _moved(match: re.Match[str], by: int) -> str:
    digits = match[2] or match[4]
    return match[0].replace(digits, str(int(digits) + by))


def _like(number: str, rng: Random) -> str:
    value = float(number) * rng.uniform(0.6, 1.6)
    return f"{value:.{len(number.partition('.')[2])}f}"


def _hex(rng: Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def _uuid(rng: Random) -> str:
    return "-".join(_hex(rng, n) for n in (8, 4, 4, 4, 12))
