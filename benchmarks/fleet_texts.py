"""What causes print and what people write about them: templates of our own, or real failures of a folder of data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ci_memory_producers.events import FixType, Stage

LONGEST = 3_000
"""Most characters of a real text: its tail, as a producer would send it."""
SHORTEST = 40
_PLACES = (
    "billing", "checkout", "search", "ledger", "inventory", "profile", "gateway", "catalog", "session", "report", "upload",
    "webhook", "scheduler", "pricing", "shipping", "audit", "export", "mailer", "payment", "tenant", "quota", "invoice",
)  # fmt: skip
_THINGS = (
    "cursor", "token", "window", "currency", "timezone", "retry", "cache", "snapshot", "locale", "index", "batch", "header",
    "schema", "cookie", "ranking", "thumbnail", "archive", "digest", "migration", "feature_flag", "rounding", "pagination",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Base:
    """A failure's text without noise, where it comes from, and a way to fix it."""

    stage: Stage
    text: str
    test: str
    source: str
    fixes: tuple[str, ...]
    decoys: tuple[str, ...]
    files: tuple[str, ...]
    fix_type: FixType = "code_change"


_ANY_FIXES = ("Handle the {thing} of {place}", "{place}: repair the {thing}", "Correct how {place} reads its {thing}")
_ANY_DECOYS = ("Try to settle {place} with a longer {thing} wait", "Log more about the {thing} in {place}")

_FAMILIES: tuple[Base, ...] = (
    Base("test", """=================================== FAILURES ===================================
_______________________________ test_{place}_{thing} _______________________________
    def test_{place}_{thing}():
>       assert {place}.{thing}() == {n}
E       assert {m} == {n}
E        +  where {m} = {thing}()

tests/{place}/test_{thing}.py:{l}: AssertionError
FAILED tests/{place}/test_{thing}.py::test_{place}_{thing} - assert {m} == {n}
1 failed, 212 passed in 31.22s""", "tests/{place}/test_{thing}.py::test_{place}_{thing}", "pytest", _ANY_FIXES, _ANY_DECOYS,
         ("{thing}.py",)),
    Base("test", """FAILED tests/{place}/test_{thing}_io.py::test_reads_{thing}
Traceback (most recent call last):
  File "/home/runner/work/app/src/{place}/{thing}.py", line {l}, in load_{thing}
    value = payload["{thing}_{place}"]
KeyError: '{thing}_{place}'""", "tests/{place}/test_{thing}_io.py::test_reads_{thing}", "pytest",
         ("Give {thing}_{place} a default", "{place}: write {thing}_{place} again", "Restore the key {thing}_{place}"),
         ("Guard {place} against an empty payload", "Sort the payload of {place}"), ("{thing}.py",)),
    Base("build", """src/{place}/{thing}.ts:{l}:17 - error TS2339: Property '{thing}Of{n}' does not exist on type '{place}Options'.

{l}     const x = options.{thing}Of{n};
                     ~~~~~~~~
Found 1 error in src/{place}/{thing}.ts:{l}""", "", "tsc",
         ("Declare {thing}Of{n} in {place}Options", "{place}Options: add {thing}Of{n}", "Type {thing}Of{n} again"),
         ("Loosen the types of {place}", "Regenerate declarations of {place}"), ("{place}.d.ts",)),
    Base("build", """ERROR: Could not find a version that satisfies the requirement {place}-{thing}=={n}.{m}.0 (from versions: 0.1.0, 0.2.0)
ERROR: No matching distribution found for {place}-{thing}=={n}.{m}.0""", "", "pip",
         ("Pin {place}-{thing} below {n}.{m}", "Hold {place}-{thing} back at 0.2.0", "requirements: {place}-{thing} 0.2.0"),
         ("Clear the wheel cache of {place}", "Upgrade pip before {place}-{thing}"), ("requirements.txt",), "config_change"),
    Base("build", """npm ERR! code ERESOLVE
npm ERR! ERESOLVE unable to resolve dependency tree
npm ERR! Found: @{place}/{thing}@{n}.0.0
npm ERR! Could not resolve dependency:
npm ERR! peer @{place}/{thing}@"^{m}.0.0" from @{place}/core@{m}.2.1""", "", "npm",
         ("Move @{place}/{thing} to {m}", "Align @{place}/{thing} with @{place}/core", "package.json: @{place}/{thing} ^{m}.0.0"),
         ("Delete the lock of {place} and install again", "Use legacy peers in {place}"), ("package.json", "package-lock.json"),
         "config_change"),
    Base("build", """[ERROR] COMPILATION ERROR :
[ERROR] /home/runner/work/app/{place}/src/main/java/org/acme/{place}/{thing}Service.java:[{l},21] cannot find symbol
[ERROR]   symbol:   method resolve{thing}{n}(java.lang.String)
[ERROR]   location: class org.acme.{place}.{thing}Registry
[ERROR] Failed to execute goal maven-compiler-plugin:3.11.0:compile (default-compile) on project {place}: Compilation failure""",
         "", "maven", ("Bring resolve{thing}{n} back", "{place}: call resolve{thing}{n} by its new name", "Rename to resolve{thing}{n}"),
         ("Clean before {place} compiles", "Set the release level of {place}"), ("{thing}Registry.java",)),
    Base("build", """# github.com/acme/{place}/internal/{thing}
internal/{thing}/{place}.go:{l}:9: undefined: {thing}.New{place}Store{n}
FAIL	github.com/acme/{place}/internal/{thing} [build failed]""", "", "go",
         ("Export New{place}Store{n}", "{thing}: restore New{place}Store{n}", "Use New{place}Store{n} of the {thing} package"),
         ("go mod tidy in {place}", "Vendor {thing} anew"), ("{thing}.go",)),
    Base("test", """--- FAIL: Test{place}{thing} (2.31s)
    {thing}_test.go:{l}: {place} returned status 503, want 200: upstream {thing} refused 127.0.0.1:41233
FAIL
FAIL	github.com/acme/{place}/{thing}	4.120s""", "Test{place}{thing}", "go",
         ("Start the {thing} stub before {place} is asked", "{place}: wait for {thing} to listen", "Serve {thing} in tests of {place}"),
         ("Raise the timeout of Test{place}{thing}", "Run Test{place}{thing} alone"), ("{thing}_test.go",)),
    Base("test", """  ● {place} › {thing} › keeps its order

    expect(received).toEqual(expected) // deep equality

    - Expected  "{thing}-{n}"
    + Received  "{thing}-{m}"

      at Object.<anonymous> (src/{place}/{thing}.test.ts:{l}:33)""", "{place} › {thing} › keeps its order", "jest",
         ("Sort the {thing} list of {place}", "{place}: keep the order of {thing}", "Compare {thing} in {place} without order"),
         ("Update jest for {place}", "Mock the clock in {place} {thing} tests"), ("{thing}.ts",)),
    Base("test", """thread '{place}::{thing}_roundtrip' panicked at crates/{place}/src/{thing}.rs:{l}:9:
called `Result::unwrap()` on an `Err` value: Invalid{thing} {{ offset: {n} }}
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
test {place}::{thing}_roundtrip ... FAILED""", "{place}::{thing}_roundtrip", "cargo",
         ("Accept {thing} at offset {n} in {place}", "{place}: align {thing} to {n}", "Pad {thing} of {place}"),
         ("Bump the edition of {place}", "Print {thing} offsets in {place}"), ("{thing}.rs",)),
    Base("deploy", """Error: UPGRADE FAILED: release {place}-{thing} failed: timed out waiting for the condition
Warning  FailedScheduling  pod/{place}-{thing}-6f7d8c9b5d-x2k4q  0/12 nodes are available: insufficient {thing} slots""", "", "helm",
         ("Lower what {place}-{thing} requests", "helm: fewer {thing} slots for {place}", "Give {place}-{thing} its own node pool"),
         ("Wait longer for {place}-{thing}", "Roll {place}-{thing} one by one"), ("values.yaml",), "environment_fix"),
    Base("deploy", """Error: creating {place} {thing}: AccessDenied: role ci-{place} is not authorized to perform {thing}:Create{place}
  with aws_{thing}.{place}, on {thing}.tf line {l}""", "", "terraform",
         ("Allow ci-{place} to create {thing}", "terraform: {thing}:Create{place} for ci-{place}", "Extend the role ci-{place} by {thing}"),
         ("Import the existing {place} {thing}", "Refresh the state of {place}"), ("iam.tf",), "environment_fix"),
    Base("verify", """smoke {place}: GET https://staging.example.com/{place}/{thing} answered 502 after 30.1 s
curl: (22) The requested URL returned error: 502 ({place}/{thing})""", "", "smoke",
         ("Warm {place} up before {thing} is asked", "{place}: keep {thing} open for connections", "Route {thing} to the new {place}"),
         ("Retry the smoke of {place}", "Ask {place} {thing} later"), ("nginx-{place}.conf",), "config_change"),
    Base("test", """java.util.concurrent.TimeoutException: {place} did not publish {thing} within 10000 ms
	at org.acme.{place}.{thing}Listener.await({thing}Listener.java:{l})
	at org.acme.{place}.{thing}IT.publishes({thing}IT.java:{m})
[ERROR] org.acme.{place}.{thing}IT.publishes  Time elapsed: 10.4 s  <<< ERROR!""", "org.acme.{place}.{thing}IT.publishes", "junit",
         ("Commit {thing} before {place} publishes", "{place}: publish {thing} once", "Close the {thing} channel of {place}"),
         ("Wait 20 s for {thing} of {place}", "Repeat {thing}IT"), ("{thing}Listener.java",)),
)  # fmt: skip


def bases(rng: Random, count: int, data: Path | None) -> list[Base]:
    """``count`` distinct bases: of the data as many as there are, but at most three of four; the rest from our templates."""
    real = _real(data) if data else []
    rng.shuffle(real)
    names = [(place, thing) for place in _PLACES for thing in _THINGS]
    rng.shuffle(names)
    chosen = real[: count * 3 // 4]
    named = [_named(base, *names[i], rng) for i, base in enumerate(chosen)]
    for i in range(len(chosen), count):
        place, thing = names[i % len(names)]
        named.append(_named(_FAMILIES[i % len(_FAMILIES)], place, thing, rng, own=True))
    rng.shuffle(named)
    return named


def _named(base: Base, place: str, thing: str, rng: Random, *, own: bool = False) -> Base:
    known = {"place": place, "thing": thing, "n": rng.randrange(3, 90), "m": rng.randrange(100, 900), "l": rng.randrange(20, 400)}
    fill = lambda templates: tuple(one.format(**known) for one in templates)  # noqa: E731 - three uses on three lines
    return Base(
        base.stage,
        base.text.format(**known) if own else base.text,
        base.test.format(**known) if own else base.test,
        base.source,
        fill(base.fixes),
        fill(base.decoys),
        fill(base.files),
        base.fix_type,
    )


def _real(data: Path) -> list[Base]:
    """One text of each group of real failures: groups are distinct causes, by the data's own labels."""
    found: dict[tuple[str, str], Base] = {}
    for name, stage in (("nodejs_reliability", "test"), ("elastic_recheck", "test"), ("shipwright_docker", "build")):
        for row in _rows(data / "grouping" / f"{name}.dev.jsonl"):
            _keep(found, name, str(row["group"]), stage, str(row["text"]))  # type: ignore[arg-type] # a literal of the tuple above
    for row in _rows(data / "categorize" / "fine_bump.dev.jsonl"):
        stage = "test" if row["category"] == "test_assertion" else "build"
        _keep(found, "bump", str(row["project"]), stage, str(row["text"]))  # type: ignore[arg-type] # one of two literals
    return [found[key] for key in sorted(found)]


def _keep(found: dict[tuple[str, str], Base], source: str, group: str, stage: Stage, text: str) -> None:
    text = text.strip()[-LONGEST:]
    if len(text) >= SHORTEST:
        found.setdefault((source, group), Base(stage, text, "", source, _ANY_FIXES, _ANY_DECOYS, ("{thing}.py",)))


def _rows(path: Path) -> list[dict[str, object]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
