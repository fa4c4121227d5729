"""SIP messages of a telephone: what is put into them, and what is read out of one that came."""

from __future__ import annotations

import hashlib
import random
import re
import socket
import struct
from typing import TYPE_CHECKING

from connectors.demo.siptrace import Sip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOST = "127.0.0.1"


PORTS = range(6_000, 10_000)
"""Below where Linux, the laboratory and a FreeSWITCH (media from 16,384) take theirs from: one of
ours where a PBX wants to hear a call would cost that call."""


def udp(port: int = 0) -> socket.socket:
    """A socket on loopback; on any port of `PORTS` that is free where none is named."""
    for candidate in [port] if port else random.sample(PORTS, len(PORTS)):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.bind((HOST, candidate))
        except OSError:
            sock.close()
            if port:
                raise
        else:
            return sock
    raise OSError(f"no UDP port from {PORTS.start} to {PORTS.stop} is free")


def token(prefix: str = "") -> str:
    """A word for tags, branches and Call-IDs that nobody else has."""
    return f"{prefix}{random.getrandbits(64):016x}"


def request(method: str, uri: str, headers: Iterable[tuple[str, str]], body: str = "") -> bytes:
    """A request; Max-Forwards and Content-Length are added."""
    return _message(f"{method} {uri} SIP/2.0", [*headers, ("Max-Forwards", "70")], body)


def response(
    to: Sip, status: int, reason: str, tag: str, headers: Iterable[tuple[str, str]], body: str = ""
) -> bytes:
    """An answer to a request that came; `tag` is our end of the dialog."""
    vias = re.findall(rb"(?im)^Via[ \t]*:[ \t]*([^\r\n]*)", to.raw.partition(b"\r\n\r\n")[0])
    ours = to.header("To")
    if status > 100 and ";tag=" not in ours:
        ours += f";tag={tag}"
    same = [("Via", via.decode(errors="replace")) for via in vias]
    same += [("From", to.header("From")), ("To", ours)]
    same += [(name, to.header(name)) for name in ("Call-ID", "CSeq")]
    return _message(f"SIP/2.0 {status} {reason}", [*same, *headers], body)


def _message(first: str, headers: Iterable[tuple[str, str]], body: str) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers)]
    lines += [f"Content-Length: {len(body.encode())}", "", body]
    return "\r\n".join(lines).encode()


def sdp(port: int, direction: str = "sendrecv") -> str:
    """An offer or answer of one PCMU stream with telephone events."""
    lines = (
        "v=0", f"o=- {port} {random.getrandbits(31)} IN IP4 {HOST}", "s=-", f"c=IN IP4 {HOST}",
        "t=0 0", f"m=audio {port} RTP/AVP 0 101", "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000", f"a={direction}",
    )  # fmt: skip
    return "".join(f"{line}\r\n" for line in lines)


PACE = 0.02
"""Seconds between packets of media."""


def silence(seconds: float) -> Iterator[bytes]:
    """So many seconds of PCMU silence, packet by packet."""
    first, source = random.getrandbits(15), random.getrandbits(32)
    for number in range(int(seconds / PACE)):
        head = struct.pack("!BBHII", 0x80, 0, (first + number) & 0xFFFF, number * 160, source)
        yield head + b"\xff" * 160


def media_of(description: bytes) -> int:
    """The port of a description's audio; 0 where it has none."""
    found = re.search(rb"(?m)^m=audio (\d+)", description)
    return int(found[1]) if found else 0


def direction_answered(offer: bytes) -> str:
    """What one answers who goes along with an offer: who is held listens (RFC 3264, 6.1)."""
    if b"a=sendonly" in offer:
        return "recvonly"
    return "inactive" if b"a=inactive" in offer else "sendrecv"


def tag_of(address: str) -> str:
    """The tag of a From or To."""
    found = re.search(r";\s*tag=([^;>\s]+)", address)
    return found[1] if found else ""


def uri_of(address: str) -> str:
    """The URI of a From, To or Contact."""
    found = re.search(r"<([^>]*)>", address)
    return found[1] if found else address.partition(";")[0].strip()


def user_of(address: str) -> str:
    """``1001`` of ``"Ann" <sip:1001@127.0.0.1>;tag=x``."""
    return uri_of(address).partition("sip:")[2].partition("@")[0]


def port_of(uri: str) -> int:
    """The port of a SIP URI, 5060 where it names none."""
    found = re.search(r":(\d+)(?:;|>|$)", uri.partition("@")[2] or uri.partition("sip:")[2])
    return int(found[1]) if found else 5060


def credentials(challenge: Sip, method: str, uri: str, user: str, password: str) -> tuple[str, str]:
    """The header that answers a 401 or 407 (RFC 2617, MD5, with or without ``qop=auth``)."""
    proxy = challenge.status == 407
    asked = challenge.header("Proxy-Authenticate" if proxy else "WWW-Authenticate")
    given = {name: quoted or bare for name, quoted, bare in
             re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]+))', asked)}  # fmt: skip
    realm, nonce = given.get("realm", ""), given.get("nonce", "")
    who, what = _md5(f"{user}:{realm}:{password}"), _md5(f"{method}:{uri}")
    said = [f'username="{user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{uri}"']
    if "qop" in given:
        cnonce = token()
        said += ["qop=auth", "nc=00000001", f'cnonce="{cnonce}"']
        digest = _md5(f"{who}:{nonce}:00000001:{cnonce}:auth:{what}")
    else:
        digest = _md5(f"{who}:{nonce}:{what}")
    said += [f'response="{digest}"', "algorithm=MD5"]
    return ("Proxy-Authorization" if proxy else "Authorization", "Digest " + ", ".join(said))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
