"""The same Redis, as Celery spells it: URL, transport options and TLS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

from redis.connection import parse_url

from ci_memory_producers.connection import SentinelAddress


@dataclass(frozen=True, slots=True)
class Broker:
    """What Celery is told: ``broker_url``, ``broker_use_ssl`` (None without TLS), and what is added to its transport options."""

    url: str
    use_ssl: dict[str, Any] | None = None
    transport_options: dict[str, Any] = field(default_factory=dict)


def broker_of(url: str) -> Broker:
    """The broker at a ``redis://``, ``rediss://``, ``sentinel://`` or ``unix://`` URL. Raises ValueError."""
    if url.startswith("unix://"):
        path, _, query = url.removeprefix("unix://").partition("?")
        number = next((part.removeprefix("db=") for part in query.split("&") if part.startswith("db=")), "0")
        return Broker(f"redis+socket://{path}?virtual_host={number}")
    if url.startswith("sentinel://"):
        return _by_sentinels(SentinelAddress.of(url))
    if url.startswith("rediss://"):
        # Celery takes the options of TLS from its settings, and does not know the spelling of Redis's own URLs.
        return Broker(url.partition("?")[0], use_ssl=_tls(_options(url)))
    return Broker(url)


def _by_sentinels(address: SentinelAddress) -> Broker:
    options = address.options
    credentials = ""
    if options.get("username") or options.get("password"):
        credentials = f"{quote(options.get('username', ''), safe='')}:{quote(options.get('password', ''), safe='')}@"
    urls = [f"sentinel://{credentials}{_host(host)}:{port}/{options.get('db', 0)}" for host, port in address.sentinels]
    transport = {"master_name": address.service, "sentinel_kwargs": address.sentinel_options}
    return Broker(";".join(urls), _tls(options) if address.tls else None, transport)


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _options(url: str) -> dict[str, Any]:
    parsed: dict[str, Any] = parse_url(f"redis://tls/?{urlsplit(url).query}")  # type: ignore[no-untyped-call]  # redis does not annotate it
    return parsed


def _tls(options: dict[str, Any]) -> dict[str, Any]:
    return {"ssl_cert_reqs": "required"} | {name: value for name, value in options.items() if name.startswith("ssl_")}
