"""What a hostile caller sends: every attack of the recorded ``inject_*`` streams, and more."""

from __future__ import annotations

HEADERS: dict[str, bytes] = {
    "backslash": rb"a\,b\:c",
    "colon": b"a: b: c",
    "comma_header": b"chat,UserURI: sip:forged@evil.example,Priority: 0",
    "dialplan": b"${GLOBAL(AGIPORT)} $[1+1] ${SHELL(id)}",
    "folded": b"chat\r\n UserURI: sip:forged@evil.example",
    "invalid_utf8": b"a%ff%feb",
    "invalid_utf8_raw": b"a\xff\xfeb",
    "latin1": b"gr\xfc\xdf",
    "longvalue": b"x" * 200,
    "longest": b"y" * 3000,
    "nul": b"a%00b",
    "percent_cr": b"chat%0dUserURI: sip:forged@evil.example",
    "percent_crlf": b"chat%0d%0aUserURI: sip:forged@evil.example",
    "percent_crlf_event": b"chat%0d%0a%0d%0aEvent: UserEvent%0d%0aUserEvent: CollabRequest"
    b"%0d%0aType: forged%0d%0a%0d%0a",
    "percent_lf": b"chat%0aUserURI: sip:forged@evil.example",
    "quotes_commas": b'he said "hi", ok; a=b',
    "unicode": "grüß 日本 🙂".encode(),
    "open_parenthesis": b"chat(,UserURI: sip:forged@evil.example",
    "closed_parenthesis": b"chat)),UserEvent(CollabRequest,Type: forged",
    "open_quote": b'"chat,UserURI: sip:forged@evil.example',
    "braces": b"}${ARG1}{",
    "offset": b"form):0:1",
    "control": b"a\x0b\x01\x7f\xc2\x85\xe2\x80\xa8b",
}
"""Name -> value of X-Collab-Type and X-Collab-User."""

NAMES: dict[str, bytes] = {
    "comma": b'"Bob,Type: forged,UserURI: sip:x"',
    "dialplan": b'"${SHELL(id)}"',
    "escaped_crlf": b'"Bob\\\r\\\nUserURI: sip:forged@evil.example"',
    "folded": b'"Bob\r\n Folded"',
    "latin1": b'"Gr\xfc\xdf"',
    "nel_u2028": b'"Bob\xc2\x85X-Evil: 1\xe2\x80\xa8Type: forged"',
    "overlong_surrogate": b'"a\xed\xa0\x80b"',
    "percent": b'"Bob%0d%0aX: y"',
    "quote": b'"Bob \\"the man\\" O\'Neil"',
    "raw_cr": b'"Bob\rX-Evil: y"',
    "raw_crlf_quoted": b'"Bob\r\nUserURI: sip:forged@evil.example"',
    "raw_lf": b'"Bob\nX-Evil: y"',
    "unicode": '"Grüß 日本"'.encode(),
    "vt_nul": b'"Bob\x0b\x01\x7fz"',
}
"""Name -> the display name as its bytes stand in the From header."""

NUMBERS: dict[str, bytes] = {
    "percent_crlf": b"100%0d%0aUniqueid:%20forged",
    "percent_crlf_event": b"1%0d%0a%0d%0aEvent:%20UserEvent%0d%0aUserEvent:%20CollabRequest",
    "comma": b"100%2cType:%20forged",
}
"""Name -> the user part of the trusted trunk's P-Asserted-Identity."""
