"""Settings: from the environment, checked, and never shown with their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci_memory_workers.errors import InvalidSettings
from ci_memory_workers.settings import Settings, load


def test_without_any_variable_everything_has_a_default() -> None:
    settings = load()

    assert (settings.slots, settings.aging_days, settings.quarantine_ratio, settings.quarantine_min_episodes) == (2, 90, 0.5, 3)
    assert settings.openai_api_key.get_secret_value() == ""


def test_variables_have_one_prefix_and_openai_its_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_MEMORY_SLOTS", "4")
    monkeypatch.setenv("OPENAI_API_KEY", "made-up-key")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")

    settings = load()

    assert (settings.slots, settings.openai_base_url) == (4, "http://127.0.0.1:1/v1")
    assert settings.openai_api_key.get_secret_value() == "made-up-key"
    assert "made-up-key" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CI_MEMORY_SLOTS", "0"),
        ("CI_MEMORY_SLOTS", "many"),
        ("CI_MEMORY_QUARANTINE_RATIO", "1.5"),
        ("CI_MEMORY_AGING_DAYS", "-1"),
        ("CI_MEMORY_LLM_TIMEOUT", "0"),
        ("CI_MEMORY_MAX_DELIVERIES", "1"),
        ("CI_MEMORY_FLOWER_PORT", "70000"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(InvalidSettings, match=f"^{variable}: "):
        load()


def test_every_variable_that_makes_no_sense_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_MEMORY_SLOTS", "0")
    monkeypatch.setenv("CI_MEMORY_BATCH", "0")

    with pytest.raises(InvalidSettings, match=r"CI_MEMORY_SLOTS: .*; CI_MEMORY_BATCH: "):
        load()


def test_a_server_of_ones_own_comes_before_what_up_started(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("unix:///run/up.sock\n")

    assert Settings(data_dir=tmp_path).redis_url == "unix:///run/up.sock"
    assert Settings(data_dir=tmp_path, url="redis://cache.example.com:6379/1").redis_url == "redis://cache.example.com:6379/1"


def test_without_a_server_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="ci-memory up"):
        _ = Settings(data_dir=tmp_path).redis_url


@pytest.mark.parametrize("url", ["http://cache.example.com", "dev:hunter2@cache.example.com:6379", "hunter2@cache.example.com"])
def test_a_url_that_is_none_of_rediss_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(InvalidSettings, match="CI_MEMORY_URL") as caught:
        _ = Settings(url=url).redis_url

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("redis://:pw@cache.example.com:6379/2", "redis://:pw@cache.example.com:6379/2"),
        ("rediss://cache.example.com:6380/0", "rediss://cache.example.com:6380/0"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("unix:///run/redis.sock?timeout=1&db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
    ],
)
def test_the_broker_is_the_same_server_in_celerys_spelling(url: str, broker: str) -> None:
    assert Settings(url=url).broker.url == broker


def test_what_a_url_says_of_tls_is_said_to_celery_in_its_own_way() -> None:
    url = "rediss://:pw@cache.example.com:6380/0?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=false"

    broker = Settings(url=url).broker

    assert broker.url == "rediss://:pw@cache.example.com:6380/0"
    assert broker.use_ssl == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/etc/ca.pem", "ssl_check_hostname": False}


def test_sentinels_are_said_to_celery_in_its_own_way() -> None:
    url = "sentinel://dev:p%40w@a.example.com:26380,b.example.com,[::1]:5/mymaster/3?tls=true&ssl_ca_certs=/ca.pem&sentinel_password=x"

    broker = Settings(url=url).broker

    assert broker.url.split(";") == [
        "sentinel://dev:p%40w@a.example.com:26380/3",
        "sentinel://dev:p%40w@b.example.com:26379/3",
        "sentinel://dev:p%40w@[::1]:5/3",
    ]
    assert broker.use_ssl == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/ca.pem"}
    assert broker.transport_options == {
        "master_name": "mymaster",
        "sentinel_kwargs": {"password": "x", "ssl": True, "ssl_ca_certs": "/ca.pem"},
    }


def test_sentinels_without_a_service_are_refused_without_showing_a_password() -> None:
    with pytest.raises(InvalidSettings, match=r"sentinel://host:port,host:port/service/db") as caught:
        _ = Settings(url="sentinel://:hunter2@a.example.com:26379").redis_url

    assert "hunter2" not in str(caught.value)


def test_an_analysis_is_taken_over_only_after_the_models_own_time_is_over() -> None:
    settings = Settings(llm_timeout=45)

    assert settings.analysis_lease_ms == 75_000


def test_the_policy_of_quarantine_is_what_the_settings_say() -> None:
    policy = Settings(quarantine_ratio=0.25, quarantine_min_episodes=7).quarantine_policy

    assert (policy.ratio, policy.min_episodes) == (0.25, 7)
