"""Redis as operators run it: over TLS, and behind a sentinel with a replica. Processes on ports of this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis, RedisError

from ci_memory_producers.connection import connect
from ci_memory_workers.adapters.embedded_redis import server_binary
from running_fleet import free_port, wait_until

DURABLE = ("--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction")


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False


def tls_server() -> str | None:
    """A redis-server on the PATH that was built with TLS; the bundled one was not."""
    found = shutil.which("redis-server")
    if found is None:
        return None
    # A server without TLS ends at once over the option; one with it stays, and has to be ended.
    command = [found, "--port", "0", "--tls-port", "0", "--tls-ca-cert-file", "/nowhere", "--bind", "127.0.0.1"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return None if "Bad directive" in said.stdout + said.stderr else found


def make_certificates(directory: Path) -> dict[str, Path]:
    """A certificate authority of our own, and a certificate of 127.0.0.1 by it. Paths of ca, cert and key."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True, timeout=60)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=CA of a test")
    openssl("req", *key, "-keyout", "redis.key", "-out", "redis.csr", "-subj", "/CN=127.0.0.1")
    (directory / "redis.ext").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "redis.ext")
    openssl("x509", "-req", "-in", "redis.csr", *signed, "-out", "redis.pem")
    return {"ca": directory / "ca.pem", "cert": directory / "redis.pem", "key": directory / "redis.key"}


@contextmanager
def running_server(directory: Path, command: list[str], url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that answers at ``url``."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log)
    client = connect(url, socket_timeout=2)
    try:
        wait_until(lambda: answers(client) or process.poll() is not None, what="the server answers")
        assert process.poll() is None, (directory / "server.log").read_text()
        yield process
    finally:
        client.close()
        process.kill()
        process.wait()


@contextmanager
def running_tls_server(directory: Path, binary: str) -> Iterator[str]:
    """A server that speaks TLS alone, its certificate by an authority of its own; its URL, which names that."""
    directory.mkdir(parents=True, exist_ok=True)
    files = make_certificates(directory)
    port = free_port()
    tls = ("--tls-cert-file", str(files["cert"]), "--tls-key-file", str(files["key"]), "--tls-ca-cert-file", str(files["ca"]))
    listens = ("--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--tls-auth-clients", "no")
    url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={files['ca']}"
    with running_server(directory, [binary, *listens, *tls, *DURABLE], url):
        yield url


@dataclass
class Replicated:
    """A primary, a replica, and the sentinel that watches them; ``url`` finds whichever is the primary."""

    url: str
    process: subprocess.Popen[bytes]
    primary: Redis = field(repr=False)
    replica: Redis = field(repr=False)

    def in_step(self) -> bool:
        """Whether the replica has all that the primary has written."""
        written, read = (client.info("replication") for client in (self.primary, self.replica))
        return bool(written["master_repl_offset"] == read["slave_repl_offset"])

    def taken_over(self) -> bool:
        """Whether the sentinel names the replica as the primary."""
        found = connect(self.url, socket_timeout=2)
        try:
            return self.replica.info("replication")["role"] == "master" and answers(found)
        finally:
            found.close()


@contextmanager
def running_sentinel(directory: Path) -> Iterator[Replicated]:
    """A primary with a replica and one sentinel, which promotes the replica a second after the primary has gone."""
    binary, (first, second, watch) = server_binary(), (free_port(), free_port(), free_port())
    conf = directory / "sentinel" / "sentinel.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(
        f"port {watch}\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 {first} 1\n"
        "sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n"
    )

    def server(port: int, *more: str) -> list[str]:
        return [binary, "--port", str(port), "--bind", "127.0.0.1", *DURABLE, *more]

    url = f"sentinel://127.0.0.1:{watch}/mymaster/0"
    replica_of = ("--replicaof", f"127.0.0.1 {first}", "--repl-diskless-load", "on-empty-db")
    with (
        running_server(
            directory / "primary", server(first, "--repl-diskless-sync-delay", "0"), f"redis://127.0.0.1:{first}"
        ) as primary,
        running_server(directory / "replica", server(second, *replica_of), f"redis://127.0.0.1:{second}"),
        running_server(conf.parent, [binary, str(conf), "--sentinel"], url),
    ):
        replica = Redis(port=second)
        wait_until(lambda: replica.info("replication").get("master_link_status") == "up", what="the replica is in step")
        sentinel = Redis(port=watch)
        wait_until(lambda: len(sentinel.sentinel_slaves("mymaster")) == 1, what="the sentinel knows the replica")
        client = Redis(port=first)
        yield Replicated(url, primary, client, replica)
        for one in (client, replica, sentinel):
            one.close()
