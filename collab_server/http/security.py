"""Headers that go out with every answer: what a browser may do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request

from collab_server.http.current import services

if TYPE_CHECKING:
    from flask import Response

API_POLICY = "default-src 'none'; frame-ancestors 'none'"


def page_policy(url: str) -> str:
    """The content security policy of the pages of a server reached as `url`."""
    sockets = "ws" + url.removeprefix("http")  # http -> ws, https -> wss
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"connect-src 'self' {sockets}",
            "img-src 'self' data:",
            "font-src 'self'",
            "manifest-src 'self'",
            "media-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        )
    )


def add_headers(response: Response) -> Response:
    """Put them on."""
    settings = services().settings
    headers = response.headers
    if response.status_code == 204:
        headers.pop("Content-Type", None)
    html = response.mimetype == "text/html"
    headers.setdefault("Content-Security-Policy", page_policy(settings.url) if html else API_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault(
        "Permissions-Policy", "camera=(self), microphone=(self), display-capture=(self)"
    )
    if request.path.startswith("/v1"):
        headers.setdefault("Cache-Control", "no-store")
    if settings.secure:
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    return response
