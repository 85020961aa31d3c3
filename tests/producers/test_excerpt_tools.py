"""Each tool's failure is found, bare and in the log of each CI provider."""

from collections.abc import Callable

import pytest

from ci_memory_producers.excerpt import MAX_EXCERPT_LINES, read_text
from producers.excerpt_logs import ALL, Log

NOISE = [f"preparing part {number} of the build" for number in range(120)]


def github(lines: list[str]) -> str:
    body = [*NOISE, "##[group]Run make", "make", "shell: /usr/bin/bash -e {0}", "##[endgroup]", *lines]
    tail = ["##[error]Process completed with exit code 1.", "Post job cleanup.", "Cleaning up orphan processes"]
    return "\n".join(
        f"2024-05-06T07:{number // 60 % 60:02}:{number % 60:02}.1234567Z {line}" for number, line in enumerate(body + tail)
    )


def travis(lines: list[str]) -> str:
    head = ["travis_fold:start:install\r\x1b[0K", *NOISE, "travis_fold:end:install\r\x1b[0K"]
    begin = ["travis_time:start:0a1b2c3d\r\x1b[0K$ make"]
    tail = [
        "travis_time:end:0a1b2c3d:start=1,finish=2,duration=1\r\x1b[0K",
        '\x1b[31;1mThe command "make" exited with 1.\x1b[0m',
        "cache.2",
        "store build cache",
        "Done. Your build exited with 1.",
    ]
    return "\n".join([*head, *begin, *(f"\x1b[0m{line}\x1b[0m" for line in lines), *tail])


def gitlab(lines: list[str]) -> str:
    head = ["Running with gitlab-runner 16.1.0", *NOISE, "section_start:1700000000:step_script\r\x1b[0KExecuting step_script"]
    tail = [
        "section_end:1700000009:step_script\r\x1b[0K",
        "section_start:1700000009:cleanup_file_variables\r\x1b[0KCleaning up project directory",
        "section_end:1700000010:cleanup_file_variables\r\x1b[0K",
        "\x1b[31;1mERROR: Job failed: exit code 1",
    ]
    return "\n".join([*head, "$ make", *lines, *tail])


def jenkins(lines: list[str]) -> str:
    body = [*NOISE, "+ make", *lines, "Build step 'Execute shell' marked build as failure", "Finished: FAILURE"]
    return "\n".join(f"[2024-05-06T07:08:09.{number:03}Z] {line}" for number, line in enumerate(body))


def buildkite(lines: list[str]) -> str:
    body = [*NOISE, "~~~ Running commands", "$ make", *lines, "\U0001f6a8 Error: The command exited with status 1", "^^^ +++"]
    return "\r\n".join(f"\x1b_bk;t=17000000000{number:02}\x07{line}" for number, line in enumerate(body))


def azure(lines: list[str]) -> str:
    body = [*NOISE, "##[section]Starting: Bash", *lines, "##[error]Bash exited with code '1'.", "##[section]Finishing: Bash"]
    return "\n".join(f"2024-05-06T07:08:09.{number:07}Z {line}" for number, line in enumerate(body))


PROVIDERS = (github, travis, gitlab, jenkins, buildkite, azure)


@pytest.mark.parametrize("log", ALL, ids=lambda log: log.tool)
def test_the_headline_says_why(log: Log) -> None:
    assert read_text(log.text).headline == log.headline


@pytest.mark.parametrize("log", ALL, ids=lambda log: log.tool)
def test_the_failed_tests_are_named(log: Log) -> None:
    assert read_text(log.text).failed_tests == log.tests


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.__name__)
@pytest.mark.parametrize("log", ALL, ids=lambda log: log.tool)
def test_a_provider_changes_nothing_of_it(log: Log, provider: Callable[[list[str]], str]) -> None:
    excerpt = read_text(provider(log.text.split("\n")))
    assert (excerpt.headline, excerpt.failed_tests) == (log.headline, log.tests)
    assert excerpt.headline in excerpt.text
    assert excerpt.text.count("\n") < MAX_EXCERPT_LINES
    assert not any(noise in excerpt.text for noise in NOISE[:100])


@pytest.mark.parametrize(
    "consequence",
    [
        "make: *** [all] Error 2",
        "npm ERR! code ELIFECYCLE",
        "error Command failed with exit code 1.",
        "subprocess.CalledProcessError: Command '['make']' returned non-zero exit status 2",
        "error: could not compile `shop` (lib) due to 1 previous error",
        "RuntimeError: tests/cart 1/1 failed!",
    ],
)
def test_a_consequence_never_wins_over_the_line_that_says_why(consequence: str) -> None:
    text = "\n".join([*NOISE, "shop/cart.c:12:5: error: 'prices' undeclared", consequence, consequence])
    assert read_text(text).headline == "shop/cart.c:12:5: error: 'prices' undeclared"


def test_a_name_that_failed_and_why_is_taken() -> None:
    lines = ["CartTests - failed. Its fixture is not registered.", *NOISE[:5], "RuntimeError: tests/cart 1/1 failed!"]
    assert read_text("\n".join([*NOISE, *lines])).headline == "CartTests - failed. Its fixture is not registered."


def test_where_nothing_is_recognised_the_end_is_taken_and_not_the_head() -> None:
    excerpt = read_text("\n".join([*NOISE, *NOISE, "the last words"]))
    assert excerpt.text.endswith("the last words")
    assert excerpt.ranges == ((192, 241),)


def test_what_a_failed_command_says_in_its_own_words_is_taken() -> None:
    excerpt = read_text(travis(["cart.md:12: Line longer than 80 characters."]))
    assert excerpt.headline == "cart.md:12: Line longer than 80 characters."
    assert excerpt.text.split("\n")[0] == "$ make"
    assert excerpt.text.endswith('The command "make" exited with 1.')


def test_of_several_failed_commands_the_first_is_the_primary_failure() -> None:
    second = travis(["sh: 1: cart: command not found"])
    excerpt = read_text(travis(["cart.c:12:5: error: 'prices' undeclared"]) + "\n" + second)
    assert [failure.headline for failure in excerpt.failures] == [
        "cart.c:12:5: error: 'prices' undeclared",
        "sh: 1: cart: command not found",
    ]


def test_what_a_step_that_passed_says_of_errors_is_not_the_failure() -> None:
    passed = ["travis_time:start:1", "$ make lint", "cart.c:1:1: error: found and mended", *NOISE * 4, "travis_time:end:1"]
    excerpt = read_text("\n".join([*passed, travis(["cart.c:12:5: error: 'prices' undeclared"]), *passed]))
    assert [failure.headline for failure in excerpt.failures] == ["cart.c:12:5: error: 'prices' undeclared"]


def test_a_step_that_began_long_before_its_verdict_is_read_whole() -> None:
    lines = ["cart.c:12:5: error: 'prices' undeclared", *[f"compiling part {number} of the shop" for number in range(90_000)]]
    excerpt = read_text(travis(lines))
    assert excerpt.headline == "cart.c:12:5: error: 'prices' undeclared"


def test_several_failed_tests_are_several_failures() -> None:
    blocks = [f"--- FAIL: Test{number} (0.00s)\n    cart_test.go:{number}: total = {number}" for number in range(1, 31)]
    excerpt = read_text("\n".join([*NOISE, *blocks, "FAIL"]))
    assert len(excerpt.failed_tests) == 30
    assert [failure.test_id for failure in excerpt.failures] == [f"Test{number}" for number in range(1, 21)]
    assert excerpt.failures[2].headline == "cart_test.go:3: total = 3"


def test_a_passing_log_names_no_failed_test() -> None:
    lines = ["ok 1 - raises an error", "PASS src/error.test.js", "test errors::fails ... ok", "0 failures, 0 errors", "done"]
    assert read_text("\n".join([*NOISE, *lines])).failed_tests == ()
