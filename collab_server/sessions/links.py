"""Signed strings: join links, sync tokens, device cookies, and the word both sides see.

A join link carries its own number, the session, the role and a digest of the URI it is for. It is
good for one exchange; whether it still is, the database knows. A sync token lives for seconds and
is good for opening a web socket. A device cookie opens nothing: it says in which browser an agent
has logged in before (`collab_server.people.logins`).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

from itsdangerous import BadData, SignatureExpired, TimestampSigner, URLSafeSerializer
from itsdangerous.url_safe import URLSafeTimedSerializer

from collab_server.times import Clock, system_clock

Role = Literal["user", "agent", "supervisor"]

SYNC_SECONDS = 120
"""How long a sync token opens a socket."""

MAX_TOKEN = 1_024
"""Characters worth looking at."""

_WORDS = (
    "acorn amber anchor apple apron arrow autumn badge bamboo basil beacon berry birch blossom "
    "bottle bridge bronze butter button cactus camel candle canyon cedar cello cherry cloud "
    "clover cobalt comet copper coral cotton cricket crystal daisy desert dolphin dragon eagle "
    "ebony ember falcon feather fennel fern fiddle forest fountain garden garnet ginger glacier "
    "grape guitar hammer harbor hazel honey horizon indigo island ivory jacket jasmine jungle "
    "kettle kitten ladder lagoon lantern lemon lilac linen lotus magnet mango maple marble "
    "meadow melon mirror mitten moon mountain nectar needle nutmeg oasis ocean olive onyx orange "
    "orchid otter paddle panda paper parrot peach pearl pebble pepper piano pillow planet plum "
    "pocket pony poppy prairie pumpkin quartz rabbit rainbow raven ribbon river robin rocket "
    "rose saddle saffron sailor salmon sandal sapphire shadow silver spruce squirrel summer "
    "sunset swallow temple thunder tiger topaz tulip tunnel turtle valley velvet violet walnut "
    "willow window winter yellow zebra"
)


class LinkError(Exception):
    """The string was not signed here, or not for this."""


class ExpiredLinkError(LinkError):
    """It was, and its time is over."""


@dataclass(frozen=True, slots=True)
class JoinLink:
    """What a join link says."""

    invitation: str
    session_id: str
    role: Role
    uri_digest: str
    attempt: int | None = None
    """Which of the invitation's attempts carried it; None: it was handed over by who made it."""


@dataclass(frozen=True, slots=True)
class SyncToken:
    """What a sync token says."""

    session_id: str
    role: Role
    participant: int
    issued: float


def digest(text: str) -> str:
    """A short fingerprint of a URI."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def hashed(secret: str) -> str:
    """How a cookie's value is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Signer:
    """Signs and reads with the server's secret."""

    def __init__(self, secret: str, clock: Clock = system_clock) -> None:
        self._key = secret.encode()
        self._clock = clock
        options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        self._join = URLSafeSerializer(secret, salt="tandem.join", signer_kwargs=options)

        class _Timed(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock())

        self._sync = URLSafeTimedSerializer(
            secret, salt="tandem.sync", signer=_Timed, signer_kwargs=options
        )
        self._device = URLSafeTimedSerializer(
            secret, salt="tandem.device", signer=_Timed, signer_kwargs=options
        )

    def join_token(
        self, invitation: str, session_id: str, role: Role, uri: str, attempt: int | None = None
    ) -> str:
        """The part of a join link behind ``/join#``."""
        said = [invitation, session_id, role, digest(uri)]
        return self._join.dumps(said if attempt is None else [*said, attempt])

    def read_join(self, token: str) -> JoinLink:
        """Read a join link. Raises LinkError."""
        if len(token) > MAX_TOKEN:
            raise LinkError("too long")
        try:
            invitation, session_id, role, uri_digest, *more = self._join.loads(token)
        except (BadData, ValueError, TypeError) as error:
            raise LinkError(str(error)) from None
        return JoinLink(invitation, session_id, role, uri_digest, *more[:1])

    def sync_token(self, session_id: str, role: Role, participant: int) -> str:
        """What opens ``/v1/sync/{session}`` within `SYNC_SECONDS`."""
        return self._sync.dumps([session_id, role, participant])

    def read_sync(self, token: str) -> SyncToken:
        """Read a sync token. Raises LinkError, ExpiredLinkError among it."""
        if len(token) > MAX_TOKEN:
            raise LinkError("too long")
        try:
            value, issued = self._sync.loads(token, max_age=SYNC_SECONDS, return_timestamp=True)
            session_id, role, participant = value
        except SignatureExpired:
            raise ExpiredLinkError("the token has expired") from None
        except (BadData, ValueError, TypeError) as error:
            raise LinkError(str(error)) from None
        return SyncToken(session_id, role, int(participant), issued.timestamp())

    def device_cookie(self, agent: str, device: str) -> str:
        """What a browser keeps in which `agent` has logged in; `device` tells browsers apart."""
        return self._device.dumps([agent, device])

    def read_device(self, value: str, agent: str, seconds: int) -> str | None:
        """The device of a cookie made for `agent` within so many seconds; None: it is no such."""
        if len(value) > MAX_TOKEN:
            return None
        try:
            named, device = self._device.loads(value, max_age=seconds)
        except (BadData, ValueError, TypeError):
            return None
        return str(device) if named == agent else None

    def csrf(self, browser: str) -> str:
        """What a write from the browser with this cookie must carry."""
        return hmac.new(self._key, b"tandem.csrf\0" + browser.encode(), "sha256").hexdigest()

    def pairing(self, code: str) -> str:
        """How a pairing code is stored: six digits alone would be guessed from a plain hash."""
        return hmac.new(self._key, b"tandem.pairing\0" + code.encode(), "sha256").hexdigest()

    def place(self, address: str) -> str:
        """How the address is kept that a pairing code was asked for from."""
        mac = hmac.new(self._key, b"tandem.pairing.place\0" + address.encode(), "sha256")
        return mac.hexdigest()[:32]

    def word(self, session_id: str) -> str:
        """The short word both sides of a session see."""
        mac = hmac.new(self._key, b"tandem.word\0" + session_id.encode(), "sha256").digest()
        number = int.from_bytes(mac[:4], "big")
        words = _WORDS.split()
        return f"{words[number % len(words)]} {number // len(words) % 90 + 10}"
