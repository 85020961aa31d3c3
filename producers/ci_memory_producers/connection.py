"""From a URL to a client: one server, over TLS or a socket, or whichever server the sentinels say is the master."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from redis import Redis
from redis.connection import parse_url
from redis.sentinel import Sentinel

SCHEMES = ("redis://", "rediss://", "sentinel://", "unix://")
SENTINEL_PORT = 26_379
_SENTINEL_CREDENTIALS = {"sentinel_username": "username", "sentinel_password": "password"}


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """A ``sentinel://`` URL, taken apart.

    ``sentinels`` are hosts and ports, ``service`` is what they call the master; ``options`` are keyword arguments of a connection
    to the master, ``sentinel_options`` of one to a sentinel. ``tls`` holds for both.
    """

    sentinels: tuple[tuple[str, int], ...]
    service: str
    tls: bool
    options: dict[str, Any]
    sentinel_options: dict[str, Any]

    @classmethod
    def of(cls, url: str) -> SentinelAddress:
        """Take ``sentinel://[user:password@]host:port,host:port/service[/db][?tls=true&…]`` apart. Raises ValueError.

        The user and password are the master's; ``sentinel_username`` and ``sentinel_password`` in the query are the sentinels'.
        What else the query says is as in a ``rediss://`` URL: ``ssl_ca_certs`` and the like.
        """
        # Not by urlsplit: newer ones refuse an IPv6 address among several hosts.
        place, _, query = url.removeprefix("sentinel://").partition("?")
        where, _, path = place.partition("/")
        credentials, at, hosts = where.rpartition("@")
        service, _, db = path.strip("/").partition("/")
        if not hosts or not service:
            raise ValueError("a sentinel:// URL is sentinel://host:port,host:port/service/db")
        # The client's own parser reads the rest: with it, every option of a connection is spelled as in any other URL.
        rest = f"redis://{credentials}{at}sentinel/{db}?{query}"
        options: dict[str, Any] = parse_url(rest)  # type: ignore[no-untyped-call]  # redis does not annotate it
        del options["host"]
        tls = str(options.pop("tls", "")).lower() in ("1", "true", "yes", "on")
        theirs = {name: options.pop(long) for long, name in _SENTINEL_CREDENTIALS.items() if long in options}
        if tls:
            theirs |= {name: value for name, value in options.items() if name.startswith("ssl_")} | {"ssl": True}
        return cls(tuple(_address(host) for host in hosts.split(",")), unquote(service), tls, options, theirs)


def _address(text: str) -> tuple[str, int]:
    host = urlsplit(f"//{text}")
    if not host.hostname:
        raise ValueError("a sentinel:// URL has an empty host")
    return host.hostname, host.port or SENTINEL_PORT


def connect(url: str, **options: Any) -> Redis:
    """A client with a connection pool; connects when it is first used. ``options`` are redis's own, such as ``socket_timeout``.

    Raises ValueError or TypeError when ``url`` is none of `SCHEMES`, or says what no connection takes.
    """
    if not url.startswith("sentinel://"):
        return Redis.from_url(url, **options)
    address = SentinelAddress.of(url)
    timeouts = {name: value for name, value in options.items() if name.startswith("socket_") or name == "retry"}
    theirs = {**timeouts, **address.sentinel_options}
    ours = {**options, **address.options, **({"ssl": True} if address.tls else {})}
    sentinel: Any = Sentinel(address.sentinels, sentinel_kwargs=theirs)  # type: ignore[no-untyped-call]  # nor this
    client: Redis = sentinel.master_for(address.service, Redis, **ours)
    return client
