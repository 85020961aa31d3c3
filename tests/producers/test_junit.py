from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci_memory_producers import junit
from ci_memory_producers.junit import UnreadableReport, read_report
from ci_memory_producers.junit import reader as junit_reader

JUNIT = """<?xml version="1.0"?>
<testsuites>
  <testsuite name="outer" tests="99">
    <testsuite name="inner">
      <testcase classname="shop.CartTest" name="adds"/>
      <testcase classname="shop.CartTest" name="removes">
        <failure message="expected 1 to equal 2" type="AssertionError">at CartTest.java:7</failure>
      </testcase>
      <testcase classname="shop.CartTest" name="pays"><error message="no connection"/></testcase>
      <testcase classname="shop.CartTest" name="ships"><skipped/></testcase>
      <testcase classname="shop.CartTest" name="gifts" status="disabled"/>
      <testcase classname="shop.CartTest" name="waits">
        <flakyFailure message="timed out" type="T"><stackTrace>at CartTest.java:9</stackTrace></flakyFailure>
      </testcase>
      <testcase classname="shop.CartTest" name="retries">
        <failure message="still down">at CartTest.java:11</failure>
        <rerunFailure message="down">at CartTest.java:11</rerunFailure>
      </testcase>
    </testsuite>
  </testsuite>
</testsuites>
"""


def written(folder: Path, text: str, name: str = "report.xml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_tests_are_counted_and_not_what_the_attributes_claim(tmp_path: Path) -> None:
    report = read_report(written(tmp_path, JUNIT))
    assert (report.tests, report.failed, report.errors, report.skipped) == (7, 2, 1, 2)


def test_a_failed_test_has_its_class_its_message_and_its_trace(tmp_path: Path) -> None:
    first = read_report(written(tmp_path, JUNIT)).failed_tests[0]
    assert (first.id, first.message, first.trace) == ("shop.CartTest.removes", "expected 1 to equal 2", "at CartTest.java:7")


def test_a_test_that_passed_when_run_again_is_flaky_and_did_not_fail(tmp_path: Path) -> None:
    report = read_report(written(tmp_path, JUNIT))
    assert [(test.id, test.trace) for test in report.flaky] == [("shop.CartTest.waits", "at CartTest.java:9")]
    assert "shop.CartTest.waits" not in {test.id for test in report.failed_tests}


def test_a_test_that_failed_in_every_run_failed_once(tmp_path: Path) -> None:
    failed = [test.message for test in read_report(written(tmp_path, JUNIT)).failed_tests if test.id.endswith("retries")]
    assert failed == ["still down"]


@pytest.mark.parametrize(
    ("dialect", "name", "text", "counts", "failed"),
    [
        (
            "nunit 2",
            "r.xml",
            '<test-results><test-suite><results><test-case name="A.b" executed="True" success="False"><failure>'
            '<message>no</message></failure></test-case><test-case name="A.c" executed="False"/>'
            "</results></test-suite></test-results>",
            (2, 1, 0, 1),
            "A.b",
        ),
        (
            "nunit 3",
            "r.xml",
            '<test-run><test-suite><failure><message>child</message></failure><test-case fullname="A.b" result="Failed">'
            '<failure><message>no</message></failure></test-case><test-case fullname="A.c" result="Passed"/>'
            "</test-suite></test-run>",
            (2, 1, 0, 0),
            "A.b",
        ),
        (
            "xunit.net",
            "r.xml",
            '<assemblies><assembly><collection><test name="A.b" result="Fail"><failure><message>no</message></failure></test>'
            '<test name="A.c" result="Skip"/></collection></assembly></assemblies>',
            (2, 1, 0, 1),
            "A.b",
        ),
        (
            "trx",
            "r.trx",
            '<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results><UnitTestResult testName="A.b" '
            'outcome="Failed"><Output><ErrorInfo><Message>no</Message></ErrorInfo></Output></UnitTestResult>'
            '<UnitTestResult testName="A.c" outcome="NotExecuted"/></Results></TestRun>',
            (2, 1, 0, 1),
            "A.b",
        ),
        (
            "go test -json",
            "r.json",
            '{"Action":"run","Package":"shop","Test":"TestB"}\n'
            '{"Action":"output","Package":"shop","Test":"TestB","Output":"    no\\n"}\n'
            '{"Action":"fail","Package":"shop","Test":"TestB"}\n{"Action":"fail","Package":"shop"}\n',
            (1, 1, 0, 0),
            "shop.TestB",
        ),
        (
            "rspec",
            "r.json",
            '{"examples":[{"full_description":"A b","status":"failed","exception":{"message":"no","backtrace":["a.rb:1"]}},'
            '{"full_description":"A c","status":"pending"}]}',
            (2, 1, 0, 1),
            "A b",
        ),
        (
            "mocha",
            "r.json",
            '{"stats":{},"tests":[{"fullTitle":"A b","err":{"message":"no","stack":"at a.js:1"}},{"fullTitle":"A c","err":{}}],'
            '"pending":[]}',
            (2, 1, 0, 0),
            "A b",
        ),
    ],
)
def test_dialects_are_read(
    tmp_path: Path, dialect: str, name: str, text: str, counts: tuple[int, int, int, int], failed: str
) -> None:
    report = read_report(written(tmp_path, text, name))
    assert (report.tests, report.failed, report.errors, report.skipped) == counts, dialect
    assert [(test.id, test.message) for test in report.failed_tests] == [(failed, "no")]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "is empty"),
        ("<testsuites><testsuite><testcase name='a'/>", "is no well-formed XML"),
        ("<testsuites><testcase><failure><![CDATA[cut", "is no well-formed XML"),
        ("no report at all", "is no well-formed XML"),
        ("<coverage/>", "is no test report"),
        ('{"examples": [', "is no valid JSON"),
        ('{"version": 3}', "is no valid JSON"),
        ('<!DOCTYPE t [<!ENTITY a "b">]><testsuite><testcase name="&a;"/></testsuite>', "declares entities"),
        ('<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/hostname">]><testsuite><testcase name="&x;"/></testsuite>', "declares"),
    ],
)
def test_a_report_that_cannot_be_read_whole_is_named_with_its_problem(tmp_path: Path, text: str, cause: str) -> None:
    path = written(tmp_path, text, "broken.xml")
    with pytest.raises(UnreadableReport, match=cause) as caught:
        read_report(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("name", "cause"), [("missing.xml", "does not exist"), (".", "is a directory")])
def test_a_path_without_a_report_is_named(tmp_path: Path, name: str, cause: str) -> None:
    with pytest.raises(UnreadableReport, match=cause):
        read_report(tmp_path / name)


def test_a_report_beyond_the_limit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit_reader, "MAX_REPORT_BYTES", 20)
    with pytest.raises(UnreadableReport, match="too large"):
        read_report(written(tmp_path, JUNIT))


def test_entities_that_xml_itself_defines_are_read(tmp_path: Path) -> None:
    text = '<testsuite><testcase name="a &lt;b&gt;"><failure message="&amp;&#10;x"/></testcase></testsuite>'
    assert read_report(written(tmp_path, text)).failed_tests[0].id == "a <b>"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: f"<testsuite>{text}</testsuite>".encode())))
def test_any_bytes_are_a_report_or_a_clear_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "any.xml"
    path.write_bytes(data)
    problem, tests = "", 0
    try:
        tests = read_report(path).tests
    except UnreadableReport as error:
        problem = str(error)
    assert tests >= 0
    assert not problem or str(path) in problem


def test_the_public_names_are_few() -> None:
    assert set(junit.__all__) == {"MAX_REPORT_BYTES", "FailedTest", "TestReport", "UnreadableReport", "read_report"}
