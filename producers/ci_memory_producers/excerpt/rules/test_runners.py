"""Failed tests, as the test runners print them."""

from __future__ import annotations

from ci_memory_producers.excerpt.rules.rule import Extent, Rule, rule

TEST_RUNNER_RULES: tuple[Rule, ...] = (
    # Python
    rule(
        "pytest.header",
        9,
        "____",
        r"^_{3,} (?:ERROR (?:at \w+ of|collecting) )?(?!summary )(?P<test>\S.{0,300}?) _{3,}$",
        Extent.SECTION,
    ),
    rule("pytest.header", 9, " _", r"^_+ (?P<test>(?:\w+\.)*[Tt]est\w*(?:\.\w+)*(?:\[.*\])?) _+$", Extent.SECTION),
    rule("pytest.why", 7, "e   ", r"^E {3,}(?P<why>\S.*)$", Extent.UPWARDS),
    rule(
        "pytest.summary",
        8,
        ".py",
        r"^(?:FAILED|ERROR)(?: [A-Z]+:)? (?P<test>[^\s:]+\.py(?:::.{1,300}?)?)(?: - (?P<why>.*))?$",
        Extent.LINE,
    ),
    rule(
        "unittest",
        9,
        "fail: |error: ",
        r"^(?:FAIL|ERROR): (?:Doctest: )?(?P<test>\S+ \([\w.<>]+\).*|(?:[\w]+\.){2,}\w+)$",
        Extent.SECTION,
    ),
    rule("doctest", 7, "failed example:", r"^Failed example:$", Extent.PARAGRAPH),
    rule(
        "pytest.interrupted",
        8,
        "!!!",
        r"^!{3,} (?P<why>(?:KeyboardInterrupt|_pytest|xdist|[\w.]+Exception|[\w.]+Error)\b.*?) !{3,}$",
        Extent.PARAGRAPH,
    ),
    # JavaScript
    rule("jest.suite", 9, "\u25cf ", r"^\s*\u25cf Test suite failed", Extent.SECTION),
    rule(
        "spec.mark",
        8,
        "\u2716|\u2717|\u2715|\u00d7",
        r"^\s*[\u2716\u2717\u2715\u00d7] (?!\d+ (?:problems?|errors?|of|tests?)\b)(?P<test>\S.*?)(?: \(\d+ ?m?s\))?$",
    ),
    rule("jest.test", 9, "\u25cf ", r"^\s*\u25cf (?!Console$|Test suite failed)(?P<test>\S.*)$", Extent.SECTION),
    rule("vitest", 9, "fail  ", r"^\s*FAIL\s+(?P<test>\S+ > .+)$", Extent.SECTION),
    rule("mocha.list", 9, " failing", r"^\s*\d+ failing$", Extent.SECTION, listing=True),
    rule("karma", 9, " failed\n", r"^\S.* \d[\d.]* \([^)]*\) (?P<test>.*) FAILED$", Extent.DETAIL),
    # Go
    rule("go.test", 9, "--- fail:", r"^\s*--- FAIL: (?P<test>\S+)", Extent.DETAIL),
    # Rust
    rule("cargo.block", 9, " stdout ----", r"^---- (?!end )(?P<test>\S.*) stdout ----$", Extent.SECTION),
    rule("cargo.test", 7, "... failed", r"^test (?P<test>\S.*) \.\.\. FAILED$", Extent.LINE),
    rule("nextest", 7, "fail [", r"^\s+(?:FAIL|SIGABRT|TIMEOUT) \[ *[\d.]+s\] (?P<test>.+)$", Extent.LINE),
    # JVM
    rule(
        "surefire.test",
        9,
        "<<< failure!|<<< error!",
        r"^(?:\[ERROR\]\s+)?(?!\[ERROR\]|Tests run)(?P<test>\S.*?)\s+(?:--\s+)?Time elapsed: .*<<< (?:FAILURE|ERROR)!",
        Extent.PARAGRAPH,
    ),
    rule("surefire.class", 6, "<<< failure!|<<< error!", r"^(?:\[ERROR\]\s+)?Tests run:.*<<< (?:FAILURE|ERROR)!", Extent.LINE),
    rule(
        "surefire.list",
        7,
        "failed tests:|tests in error:|[error] failures:|[error] errors:",
        r"^(?:\[ERROR\]\s+)?(?:Failed tests:|Tests in error:)|^\[ERROR\]\s+(?:Failures:|Errors:)",
        Extent.PARAGRAPH,
    ),
    rule("ant.junit", 9, "testcase: ", r"^\s*(?:\[junit\]\s+)?Testcase: (?P<test>.+?):\s+(?:FAILED|Caused an ERROR)"),
    rule("sbt.junit", 9, " failed: ", r"\[error\] Test (?P<test>[\w.$#()]+) failed: (?P<why>.*)"),
    rule("testng", 9, " failed\n", r"^(?P<test>(?:[\w$]+\.)+[\w$]+(?:\[.*\]|\(.*\))?) FAILED$"),
    rule("gradle.test", 9, " failed\n", r"^(?P<test>[\w.$][^>]{0,300} > .+) FAILED$", Extent.DETAIL),
    rule("scalatest", 9, "*** failed ***", r"^(?:\[info\]\s*)?(?:- )?(?P<test>.*?)\s*\*\*\* FAILED \*\*\*", Extent.DETAIL),
    # .NET
    rule("xunit", 9, "[fail]", r"^\s*(?:\[xUnit\.net [\d:.]+\]\s*)?(?P<test>\S.*) \[FAIL\]$", Extent.SECTION),
    rule("dotnet.test", 9, " ms]\n| s]\n", r"^\s*(?:Failed|X) (?P<test>[\w.]+(?:\(.*\))?) \[(?:< )?\d[^\]]*\]$", Extent.SECTION),
    # Ruby, Elixir, PHP, Perl, R
    rule("rspec.list", 9, "failures:\n", r"^Failures:$", Extent.SECTION, listing=True),
    rule("rspec.summary", 6, "rspec ", r"^rspec (?P<test>\S+:\d+|'\S+')", Extent.LINE),
    rule("numbered.failure", 9, ") failure:|) error:|) failed:", r"^\s*\d+\) (?:Failure|Error|Failed):", Extent.PARAGRAPH),
    rule("exunit", 9, ") test ", r"^\s+\d+\) (?P<test>test .+ \(\S+\))$", Extent.SECTION),
    rule(
        "phpunit.list",
        9,
        "there was |there were ",
        r"^There (?:was|were) \d+ (?:failure|error)s?:$",
        Extent.SECTION,
        listing=True,
    ),
    rule("phpt", 9, ".phpt]", r"^FAIL (?P<test>.*\[\S+\.phpt\])", Extent.AROUND),
    rule("tap", 9, "not ok ", r"^\s*not ok \d+(?!.*# (?:TODO|SKIP|todo|skip))\b(?:\s+-)?\s*(?P<test>.*)$", Extent.DETAIL),
    rule("r.check", 7, "* checking|* running", r"^\* (?:checking|running) .* \.\.\. ?(?:ERROR|FAILED)", Extent.SECTION),
    rule("r.check.error", 7, " error\n", r"^ ERROR$", Extent.AROUND),
    rule("prove.dubious", 8, "dubious, test returned", r"^(?P<test>\S+) \.+ Dubious, test returned"),
    rule("tasty", 9, " fail\n| fail (", r"^\s+(?P<test>\S.*?):\s+FAIL(?: \([\d.]+s\))?$"),
    rule("prove.subtests", 8, " subtests", r"^Failed \d+/\d+ subtests", Extent.AROUND),
    rule("prove", 7, "failed test", r"^\s*Failed tests?:\s", Extent.DETAIL),
    rule("common_test", 9, " failed on line ", r"^(?P<test>\w+:\w+) failed on line", Extent.PARAGRAPH),
    rule("perl", 8, "failed test ", r"^\s*#\s+Failed test (?P<test>.*)$", Extent.DETAIL),
    rule("testthat", 9, "\u2500 ", r"^\u2500+ (?:\d+\. )?(?:Failure|Error)", Extent.SECTION),
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
        "test-unexpected-|process-crash|hit moz_crash(|hanging at shutdown|leaking the world",
        r"(?:(?:TEST-UNEXPECTED-\w+|PROCESS-CRASH) \| (?P<test>[^|]{1,300}?)(?: \||$)|Hit MOZ_CRASH\("
        r"|hanging at shutdown; attempting|LEAKING THE WORLD)",
        Extent.LINE,
    ),
)
