from __future__ import annotations

import asyncio
import gc
import re
import signal
import socket
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import FrameType
from typing import Any

import pytest

from analyst_samples import CANDIDATES, FAILURE, KEY, analyst_of, changed
from ci_memory_workers.errors import AnalystMisbehaved, AnalystRefused, AnalystUnavailable, InvalidSettings
from llm_standin import LLMStandin


@pytest.fixture
def llm(monkeypatch: pytest.MonkeyPatch) -> Iterator[LLMStandin]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with LLMStandin() as standin:
        yield standin


@pytest.mark.parametrize(
    ("mode", "error", "says"),
    [
        ("rate_limited", AnalystUnavailable, "429, rate_limit_exceeded"),
        ("server_error", AnalystUnavailable, "500"),
        ("disconnect", AnalystUnavailable, "connection"),
        ("broken_json", AnalystMisbehaved, "JSON"),
        ("wrong_shape", AnalystMisbehaved, "JSON"),
        ("truncated", AnalystMisbehaved, "cut off"),
        ("not_a_completion", AnalystMisbehaved, "not a chat completion"),
        ("no_choices", AnalystMisbehaved, "no choices"),
        ("empty_fields", AnalystMisbehaved, "nothing in summary, prevention"),
        ("refusal", AnalystRefused, "refuses to analyse"),
        ("content_filter", AnalystRefused, "refuses to analyse"),
        ("unauthorized", AnalystRefused, "401, invalid_api_key): check OPENAI_API_KEY"),
        ("not_found", AnalystRefused, "404, model_not_found): check the model's name"),
        ("bad_request", AnalystRefused, "400): the server does not accept"),
        ("redirect", AnalystRefused, "307): check OPENAI_BASE_URL"),
    ],
)
def test_what_goes_wrong_has_its_error_without_the_log_or_the_key(
    llm: LLMStandin, mode: str, error: type[Exception], says: str
) -> None:
    llm.queue(mode)
    analyst = analyst_of(llm)
    with pytest.raises(error, match=re.escape(says)) as caught:
        analyst.analyze(changed(error_message="the log's own words"), CANDIDATES)
    assert len(llm.requests) == 1, "the SDK does not retry"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    shown = "".join(traceback.format_exception(caught.value))
    assert "the log's own words" not in re.sub(r"analyst\.analyze\(changed.*", "", shown)
    assert KEY not in shown
    assert analyst.analyze(FAILURE, []).analyst == "small-model", "the next analysis is served"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("99999999", 3_600.0),
        ("soon", None),
        ("nan", None),
        ("1e999", None),
    ],
)
def test_a_busy_servers_wish_is_kept(llm: LLMStandin, header: str, seconds: float | None) -> None:
    llm.mode, llm.retry_after = "rate_limited", header
    with pytest.raises(AnalystUnavailable) as caught:
        analyst_of(llm).analyze(FAILURE, [])
    assert caught.value.retry_after == seconds


def test_a_busy_servers_wish_may_be_a_date(llm: LLMStandin) -> None:
    llm.mode = "rate_limited"
    llm.retry_after = format_datetime(datetime.now(UTC) + timedelta(seconds=1_800), usegmt=True)
    with pytest.raises(AnalystUnavailable) as caught:
        analyst_of(llm).analyze(FAILURE, [])
    assert caught.value.retry_after == pytest.approx(1_800, abs=300)


@pytest.mark.parametrize("mode", ["hang", "drip", "drip_headers"])
def test_a_server_that_hangs_or_drips_holds_it_no_longer_than_the_timeout(llm: LLMStandin, mode: str) -> None:
    # A dripping answer takes over twenty seconds, and a hanging one never ends: only the deadline does.
    llm.mode = mode
    with pytest.raises(AnalystUnavailable, match=r"did not answer"):
        analyst_of(llm, timeout=0.4).analyze(FAILURE, [])
    assert len(llm.requests) == 1


def test_a_resolver_that_hangs_holds_an_analysis_no_longer_than_the_timeout(
    llm: LLMStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolved, released = threading.Event(), threading.Event()

    def hanging(*args: Any, **kwargs: Any) -> list[Any]:
        released.wait(20)
        resolved.set()
        raise socket.gaierror("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    with pytest.raises(AnalystUnavailable, match="did not answer"):
        analyst_of(llm, base_url="http://llm.example.com/v1", timeout=0.3).analyze(FAILURE, [])
    assert not resolved.is_set()
    released.set()
    assert resolved.wait(10)


class TimeLimitError(Exception):
    pass


def test_a_time_limit_that_interrupts_an_analysis_ends_it_cleanly(llm: LLMStandin, caplog: pytest.LogCaptureFixture) -> None:
    def interrupt(_: int, frame: FrameType | None) -> None:
        if llm.requests and frame is not None and frame.f_code.co_name == "select":
            raise TimeLimitError

    llm.mode = "hang"
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    try:
        with pytest.raises(TimeLimitError):
            analyst_of(llm).analyze(FAILURE, [])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    gc.collect()
    assert [each for each in gc.get_objects() if isinstance(each, asyncio.Task) and not each.done()] == []
    llm.mode = "ok"
    assert analyst_of(llm).analyze(FAILURE, []).analyst == "small-model"


def test_an_address_where_nobody_listens_is_unavailable(llm: LLMStandin) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(AnalystUnavailable, match="OPENAI_BASE_URL"):
        analyst_of(llm, base_url=f"http://127.0.0.1:{port}/v1").analyze(FAILURE, [])


def test_a_compatible_server_that_knows_no_store_is_asked_without_it_from_then_on(llm: LLMStandin) -> None:
    llm.mode = "no_store"
    analyst = analyst_of(llm)
    assert analyst.analyze(FAILURE, []).analyst == "small-model"
    analyst.analyze(FAILURE, [])
    assert ["store" in request for request in llm.requests] == [True, False, False]


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": " "},
        {"api_key": "sk-möde"},
        {"api_key": "sk-a\nb"},
        {"base_url": "llm.example.com/v1"},
        {"model": ""},
        {"timeout": 0.0},
        {"timeout": float("inf")},
    ],
)
def test_settings_that_make_no_sense_are_refused_without_the_key(llm: LLMStandin, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings) as caught:
        analyst_of(llm, **wrong)
    assert "sk-" not in str(caught.value)
