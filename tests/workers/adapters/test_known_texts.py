"""Error texts of known patterns, as several workers share them."""

from __future__ import annotations

import pytest
from redis import Redis

from ci_memory_workers.adapters.known_texts import KnownTexts
from ci_memory_workers.services.ports import FailureContext

T = "default"


def failure(pattern_id: str, text: str, *, test_id: str = "", generic: bool = False) -> FailureContext:
    return FailureContext(pattern_id, "test", "test_assertion", "assertion", text, test_id=test_id, generic=generic)


def trace(message: str, function: str = "checkout") -> str:
    return f'Traceback (most recent call last):\n  File "/srv/shop/cart.py", line 7, in {function}\n    pay(order)\n{message}\n'


@pytest.fixture
def texts(redis_client: Redis) -> KnownTexts:
    return KnownTexts(redis_client)


def test_what_one_worker_remembers_another_finds(texts: KnownTexts, redis_client: Redis) -> None:
    texts.remember(T, failure("pat_aaaaaaaaaaaa", trace("ValueError: the cart of the customer is empty and cannot be paid")))
    texts.remember(T, failure("pat_bbbbbbbbbbbb", "error: linker `cc` not found"))

    found = KnownTexts(redis_client).nearest(
        T, failure("pat_cccccccccccc", trace("ValueError: the cart is empty, it cannot be paid"))
    )

    assert found[0].pattern_id == "pat_aaaaaaaaaaaa"
    assert found[0].score > found[-1].score


def test_a_failure_never_looks_like_itself(texts: KnownTexts) -> None:
    one = failure("pat_aaaaaaaaaaaa", trace("ValueError: empty"))
    texts.remember(T, one)

    assert texts.nearest(T, one) == []


def test_other_missing_modules_are_never_accepted(texts: KnownTexts) -> None:
    texts.remember(T, failure("pat_aaaaaaaaaaaa", trace("ModuleNotFoundError: No module named 'left_pad'")))

    found = texts.nearest(T, failure("pat_bbbbbbbbbbbb", trace("ModuleNotFoundError: No module named 'right_pad'")))

    assert [one.accept for one in found] == [False]


def test_tenants_share_no_texts(texts: KnownTexts) -> None:
    texts.remember("mine", failure("pat_aaaaaaaaaaaa", trace("ValueError: empty")))

    assert texts.nearest("yours", failure("pat_bbbbbbbbbbbb", trace("ValueError: empty"))) == []


def test_what_is_remembered_while_a_worker_runs_is_found_by_it(texts: KnownTexts, redis_client: Redis) -> None:
    asked = failure("pat_bbbbbbbbbbbb", trace("KeyError: 'AUTH_TOKEN'"))
    assert texts.nearest(T, asked) == []

    KnownTexts(redis_client).remember(T, failure("pat_aaaaaaaaaaaa", trace("KeyError: 'AUTH_TOKEN'")))

    assert [one.pattern_id for one in texts.nearest(T, asked)] == ["pat_aaaaaaaaaaaa"]


def test_a_described_cause_is_shown_though_the_texts_differ_and_never_accepted(texts: KnownTexts) -> None:
    cause = "The connection pool of the payment gateway is exhausted when checkout_worker leaks sessions"
    texts.remember(T, failure("pat_aaaaaaaaaaaa", "FATAL: remaining slots are reserved"), cause=cause)
    for n in range(12):
        texts.remember(
            T,
            failure(f"pat_00000000000{n:x}", trace(f"KeyError: 'field_{'abcdefghijkl'[n]}'", f"load_{n}")),
            cause="A key is missing",
        )

    found = texts.nearest(T, failure("pat_bbbbbbbbbbbb", "checkout_worker: payment gateway said no"))

    assert [one.accept for one in found if one.pattern_id == "pat_aaaaaaaaaaaa"] == [False]
