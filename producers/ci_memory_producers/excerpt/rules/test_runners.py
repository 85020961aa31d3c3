"""Failed tests, as the test runners print them."""

from __future__ import annotations

from ci_memory_producers.excerpt.rules.rule import Extent, Rule, rule

TEST_RUNNER_RULES: tuple[Rule, ...] = (
    # Python
    rule(
        "pytest.header",
        9,
        "\n____|z ____",
        r"^_{3,} (?:ERROR (?:at \w+ of|collecting) )?(?P<test>\S.{0,300}?) _{3,}$",
        Extent.SECTION,
    ),
    rule("pytest.why", 7, "\ne   |z e   ", r"^E {3,}(?P<why>\S.*)$", Extent.UPWARDS),
    rule(
        "pytest.summary",
        8,
        "\nfailed |z failed |\nerror |z error ",
        r"^(?:FAILED|ERROR) (?P<test>[^\s:]+\.py(?:::.{1,300}?)?)(?: - (?P<why>.*))?$",
        Extent.LINE,
    ),
    rule(
        "unittest",
        9,
        "\nfail: |\nerror: |z fail: |z error: ",
        r"^(?:FAIL|ERROR): (?P<test>[\w.]+ \([\w.<>]+\).*|(?:[\w]+\.){2,}\w+)$",
        Extent.SECTION,
    ),
    rule("doctest", 7, "failed example:", r"^Failed example:$", Extent.PARAGRAPH),
    # JavaScript
    rule("jest.test", 9, "\u25cf ", r"^\s*\u25cf (?P<test>\S.*)$", Extent.SECTION),
    rule("jest.file", 5, "\nfail |z fail ", r"^\s*FAIL\s+\S+\.\w+(?: \(.*\))?$", Extent.LINE),
    rule("vitest", 9, "fail  ", r"^\s*FAIL\s+(?P<test>\S+ > .+)$", Extent.SECTION),
    rule("mocha.list", 9, " failing", r"^\s*\d+ failing$", Extent.SECTION),
    rule("karma", 9, " failed", r"^\S.* \d[\d.]* \([^)]*\) (?P<test>.*) FAILED$", Extent.DETAIL),
    # Go
    rule("go.test", 9, "--- fail:", r"^\s*--- FAIL: (?P<test>\S+)", Extent.DETAIL),
    rule("go.package", 4, "\nfail\t|z fail\t|[build failed]", r"^FAIL\s+\S+\s+(?:[\d.]+s|\[.*failed\])$", Extent.LINE),
    # Rust
    rule("cargo.block", 9, " stdout ----", r"^---- (?P<test>\S.*) stdout ----$", Extent.SECTION),
    rule("cargo.test", 7, "... failed", r"^test (?P<test>\S.*) \.\.\. FAILED$", Extent.LINE),
    rule("nextest", 7, "fail [", r"^\s+(?:FAIL|SIGABRT|TIMEOUT) \[ *[\d.]+s\] (?P<test>.+)$", Extent.LINE),
    # JVM
    rule(
        "surefire.test",
        9,
        "<<< failure!|<<< error!",
        r"^(?:\[ERROR\]\s+)?(?P<test>(?!Tests run)\S.*?)\s+(?:--\s+)?Time elapsed: .*<<< (?:FAILURE|ERROR)!",
        Extent.PARAGRAPH,
    ),
    rule("surefire.class", 6, "<<< failure!|<<< error!", r"^(?:\[ERROR\]\s+)?Tests run:.*<<< (?:FAILURE|ERROR)!", Extent.LINE),
    rule(
        "surefire.list",
        7,
        "failed tests:|tests in error:|[error] failures:|[error] errors:",
        r"^(?:\[ERROR\]\s+)?(?:Failed tests:|Tests in error:|Failures:|Errors:)",
        Extent.PARAGRAPH,
    ),
    rule("gradle.test", 9, " failed", r"^(?P<test>[\w.$]+(?: > .+)+) FAILED$", Extent.DETAIL),
    rule("scalatest", 9, "*** failed ***", r"^(?:\[info\]\s*)?(?P<test>.*?)\s*\*\*\* FAILED \*\*\*", Extent.DETAIL),
    # .NET
    rule("xunit", 9, "[fail]", r"^\s*(?:\[xUnit\.net [\d:.]+\]\s*)?(?P<test>\S.*) \[FAIL\]$", Extent.SECTION),
    rule("dotnet.test", 9, "failed ", r"^\s*(?:Failed|X) (?P<test>[\w.]+(?:\(.*\))?) \[(?:< )?\d[^\]]*\]$", Extent.SECTION),
    # Ruby, Elixir, PHP, Perl, R
    rule("rspec.list", 9, "\nfailures:|z failures:", r"^Failures:$", Extent.SECTION),
    rule("rspec.summary", 6, "\nrspec |z rspec ", r"^rspec (?P<test>\S+:\d+|'\S+')", Extent.LINE),
    rule("numbered.failure", 9, ") failure|) error|) fail", r"^\s*\d+\) (?:Failure|Error|Failed):?", Extent.PARAGRAPH),
    rule("exunit", 9, ") test ", r"^\s+\d+\) (?P<test>test .+ \(\S+\))$", Extent.SECTION),
    rule("phpunit.list", 9, "there was |there were ", r"^There (?:was|were) \d+ (?:failure|error)s?:$", Extent.SECTION),
    rule("phpt", 9, "\nfail |z fail ", r"^FAIL (?P<test>.*\[\S+\.phpt\])", Extent.AROUND),
    rule("tap", 9, "not ok ", r"^\s*not ok \d+(?!.*# (?:TODO|SKIP|todo|skip))\b(?:\s+-)?\s*(?P<test>.*)$", Extent.DETAIL),
    rule("r.check", 7, "error|failed|warning", r"^\* (?:checking|running) .* \.\.\. ?(?:ERROR|FAILED)", Extent.SECTION),
    rule("r.check.error", 7, "\n error|z  error", r"^ ERROR$", Extent.AROUND),
    rule("prove", 7, "dubious, test returned|failed test", r"(?:Dubious, test returned|^\s*Failed tests?:\s)", Extent.DETAIL),
    rule("common_test", 9, " failed on line", r"^(?P<test>\w+:\w+) failed on line", Extent.PARAGRAPH),
    rule("perl", 8, "failed test ", r"^\s*#\s+Failed test (?P<test>.*)$", Extent.DETAIL),
    rule("testthat", 9, "failure", r"^\u2500+ (?:\d+\. )?(?:Failure|Error)", Extent.SECTION),
    # C and C++
    rule("googletest.failure", 9, ": failure", r"^\S+:\d+: Failure$", Extent.PARAGRAPH),
    rule("googletest.test", 7, "[  failed  ]", r"^\[  FAILED  \] (?P<test>[\w/.]+)", Extent.LINE),
    rule("ctest.list", 8, "tests failed:", r"^The following tests FAILED:", Extent.SECTION),
    rule("ctest.test", 7, "***failed|***exception|***timeout", r"Test\s+#\d+: (?P<test>\S+) .*\*\*\*", Extent.LINE),
    rule("bazel.test", 7, "failed in|timeout in", r"^(?P<test>//\S+)\s+(?:FAILED|TIMEOUT) in", Extent.DETAIL),
    # Browsers' harnesses
    rule(
        "unexpected",
        9,
        "test-unexpected-|process-crash",
        r"(?:TEST-UNEXPECTED-\w+|PROCESS-CRASH) \| (?P<test>.{1,300}?)(?: \||$)",
        Extent.LINE,
    ),
)
