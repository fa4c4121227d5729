"""Read a web socket's opening request: which socket is meant, and what is shown for it. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from collab_server.realtime.limits import Limits

SUBPROTOCOL = "tandem"

_PATHS = (
    ("sync", re.compile(r"/v1/sync/([^/]+)")),
    ("desk", re.compile(r"/v1/desk/(live)")),
    ("floor", re.compile(r"/v1/floor/(live)")),
    ("link", re.compile(r"/v1/pbx/([^/]+)/link")),
    ("code", re.compile(r"/v1/pairings/([^/]+)/live")),
)
_NAME = re.compile(r"[A-Za-z0-9_.~-]+")
_CONNECTOR = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Upgrade:
    """What an opening request asks for. Its fields hold secrets and are not shown by repr."""

    kind: Literal["sync", "desk", "floor", "link", "code"]
    name: str
    """Session id, PBX name, or a pairing code's id."""
    subprotocol: str | None = None
    """What to answer, when the client offered it."""
    token: str = ""
    cookie: str = ""
    origin: str | None = None
    authorization: str = ""
    connector: str = ""
    """What a connector calls itself; '' for none, and for what is no such name."""

    def __repr__(self) -> str:
        return f"<Upgrade {self.kind} {self.name}>"


def is_realtime(path: str) -> bool:
    """Whether a path belongs to a web socket."""
    return any(pattern.fullmatch(path) for _, pattern in _PATHS)


def read_upgrade(
    path: str, query: bytes, headers: Iterable[tuple[bytes, bytes]], limits: Limits
) -> Upgrade | None:
    """Read path (decoded), query string and headers (lower-case names); None: no such socket."""
    for kind, pattern in _PATHS:
        match = pattern.fullmatch(path)
        if match is None:
            continue
        name = match[1]
        if len(name) > limits.session_id or not _NAME.fullmatch(name):
            return None
        fields = _Fields(headers)
        offered = fields.list("sec-websocket-protocol")
        token = next((item for item in offered if item != SUBPROTOCOL), "")
        if not token:
            values = parse_qs(query.decode("latin-1"), max_num_fields=20).get("token", [""])
            token = values[0]
        return Upgrade(
            kind=kind,  # type: ignore[arg-type]
            name=name,
            subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None,
            token=token if len(token) <= limits.token else "",
            cookie="; ".join(fields.all("cookie")),
            origin=fields.one("origin"),
            authorization=fields.one("authorization") or "",
            connector=_connector(fields.one("tandem-connector")),
        )
    return None


def _connector(given: str | None) -> str:
    return given if given is not None and _CONNECTOR.fullmatch(given) else ""


def handshake_fault(method: str, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """What is wrong with an opening request by RFC 6455, section 4.2.1; None: nothing."""
    fields = _Fields(headers)
    if method != "GET":
        return "a web socket is opened by GET"
    if fields.one("sec-websocket-version") != "13":
        return "Sec-WebSocket-Version must be 13"
    try:
        key = base64.b64decode((fields.one("sec-websocket-key") or "").encode(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 16:
        return "Sec-WebSocket-Key must be 16 bytes in base64"
    return None


class _Fields:
    """Header fields by lower-case name."""

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in headers
        ]

    def all(self, name: str) -> list[str]:
        return [value.strip() for key, value in self._headers if key == name]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if len(values) == 1 else None

    def list(self, name: str) -> list[str]:
        items = ",".join(self.all(name)).split(",")
        return [item.strip() for item in items if item.strip()]


def decode_path(raw: bytes) -> str:
    """Decode the path of a request target."""
    return unquote(raw.decode("ascii", "replace"))
