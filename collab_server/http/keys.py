"""Bearer keys: which client a key belongs to, compared without telling how much of it was right."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collab_server.settings import Settings

Kind = Literal["api", "pbx", "site"]


@dataclass(frozen=True, slots=True)
class Client:
    """Who showed a key."""

    kind: Kind
    name: str


class Keys:
    """All keys of the settings."""

    def __init__(self, settings: Settings) -> None:
        server = settings.server
        self._clients: list[tuple[bytes, Client]] = [
            *(
                (_digest(k.get_secret_value()), Client("api", n))
                for n, k in server.api_keys.items()
            ),
            *(
                (_digest(s.key.get_secret_value()), Client("site", n))
                for n, s in server.sites.items()
            ),
            *(
                (_digest(p.key.get_secret_value()), Client("pbx", n))
                for n, p in settings.pbx.items()
            ),
        ]

    def client(self, key: str) -> Client | None:
        """Whose key this is; takes as long for a wrong one."""
        shown = _digest(key)
        found = None
        for digest, client in self._clients:
            if hmac.compare_digest(digest, shown):
                found = client
        return found

    def of_header(self, authorization: str) -> Client | None:
        """Who shows this ``Authorization`` header; None: nobody known."""
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            return None
        return self.client(key.strip())


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
