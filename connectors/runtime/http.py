"""What aiohttp brings: answers of a bounded size, network errors in an administrator's words."""

from __future__ import annotations

import os
import ssl

import aiohttp


async def read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body of an answer. Raises ValueError when it has more than `limit` bytes."""
    body = bytearray()
    async for part in response.content.iter_chunked(64 * 1024):
        body += part
        if len(body) > limit:
            raise ValueError(f"the answer has more than {limit} bytes")
    return bytes(body)


def why(error: BaseException) -> str:
    """A short reason: ``Connection refused``, ``no answer in time``."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"there is no host {error.host}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not trusted: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        if isinstance(cause, ssl.SSLError):
            return (
                f"no TLS there ({cause.reason or 'unknown'}); is it http:// rather than https://?"
            )
        if not cause.errno:
            return str(cause)
        return os.strerror(cause.errno)
    if isinstance(error, aiohttp.ClientResponseError) and error.status == 400:
        return "what answers there is no web server, or not this one"
    return str(error) or type(error).__name__
