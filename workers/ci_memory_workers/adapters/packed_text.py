"""Texts that are kept for long and read by us alone: deflated, with the words in mind that such texts are made of."""

from __future__ import annotations

import zlib

PACKED = b"\x01"
"""What a packed text begins with: no JSON does. A dictionary with other words gets another number, and this one stays."""
_WORDS = (
    b"credentials certificate permission denied unauthorized forbidden expired secret token quota exceeded disk space left "
    b"on device out of memory killed exit code 137 segmentation fault stack overflow deadlock race condition flaky "
    b"intermittent timing order of tests fixture mock snapshot browser element not found selector screenshot coverage below "
    b"threshold lint format type error undefined variable attribute null pointer exception traceback module package import "
    b"cannot find resolve dependency version conflict lock file registry mirror checksum mismatch download artifact cache "
    b"key restore image pull tag container kubernetes pod deployment rollout health check probe helm chart terraform state "
    b"migration database schema table column index foreign key constraint transaction connection refused reset by peer "
    b"network unreachable host name DNS proxy gateway rate limit service unavailable retry with backoff timed out after "
    b"seconds timeout waiting for the server to start port already in use configuration environment variable is missing is "
    b"not set in the pipeline workflow runner agent the build stage failed because the test failed because it expects the "
    b"value that was changed in this commit was not updated after the change the log says: the log shows Likely, by rules "
    b"and not certain: the command returned a non-zero exit status Check that Pin the version of Update the Increase the Add"
    b" a step to the pipeline that Make sure that Run the test alone and Compare with the last green build. Review recent "
    b"changes to the so that it does not happen again before merging. "
    b'"analyst":"rules","reason":""}{"diagnosis":{"summary":"The ","likely_cause":"The ","suggested_fix":"","prevention":"'
)


def pack(text: str) -> bytes:
    """``text`` in whichever form is shorter."""
    plain = text.encode("utf-8", "surrogatepass")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, zdict=_WORDS)
    packed = PACKED + deflate.compress(plain) + deflate.flush()
    return packed if len(packed) < len(plain) or plain.startswith(PACKED) else plain


def unpack(data: bytes) -> str:
    """The other way. Raises `zlib.error` for what `pack` has not made."""
    if data.startswith(PACKED):
        data = zlib.decompressobj(-15, zdict=_WORDS).decompress(data[1:])
    return data.decode("utf-8", "surrogatepass")
