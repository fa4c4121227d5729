"""SIPp scenarios of the laboratory's telephones, as XML text.

SIPp plays a scenario and knows no commands. Ours get one: where a scenario waits, it also takes
a request ``LAB`` with the call's own Call-ID, whose header ``X-Lab`` names what to do (``bye``,
``hold``, ``refer`` …). The laboratory sends it to SIPp's port; it never goes near the PBX. It
carries the dialog's ``From``, ``To`` and ``Via`` where the next message needs them, since SIPp's
``[last_…:]`` reads the last message received.
"""

from __future__ import annotations

_HEAD = '<?xml version="1.0" encoding="UTF-8" ?>\n<scenario name="{name}">\n'
_FAILURES = (
    *(400, 401, 403, 404, 405, 408, 410, 415, 480, 481, 484, 486, 487, 488, 491),
    *(500, 501, 502, 503, 504, 600, 603, 604, 606),
)

_SDP = """v=0
o=lab 1 [call_number] IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio [rtp] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a={direction}"""


# The answer is two: 200 for the CANCEL, 487 for the INVITE, whose headers differ by the method in
# CSeq alone (RFC 3261, 9.1).
_CANCELLED = (
    '<recv request="CANCEL" optional="true" next="given-up"{wait}><action>'
    '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="invite"/></action></recv>\n'
)


def caller() -> str:
    """One call out: SIPp keys ``user``, ``display``, ``lines``, ``rtp``; `-s` is the extension."""
    return (
        _HEAD.format(name="caller")
        + _send(
            "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
            "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]",
            "From: [display]<sip:[user]@[remote_ip]>;tag=[call_number]-[pid]",
            "To: <sip:[service]@[remote_ip]:[remote_port]>",
            "Call-ID: [call_id]",
            "CSeq: [cseq] INVITE",
            "Contact: <sip:[user]@[local_ip]:[local_port]>",
            "Max-Forwards: 70",
            "[lines]",
            sdp="sendrecv",
        )
        + '<label id="ringing"/>\n'
        + "".join(_recv_response(code, "ringing") for code in (100, 180, 181, 182, 183))
        + _recv_response(200, "answered")
        + "".join(_recv_response(code, "refused") for code in _FAILURES)
        + _command("cancel")
        + _goto("ringing", "cancel", "cancel")
        # Answered.
        + '<label id="answered"/>\n'
        + _ack()
        + _talk()
        # Refused.
        + '<label id="refused"/>\n'
        + _send(
            "ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
            "[last_Via:]",
            "[last_From:]",
            "[last_To:]",
            "[last_Call-ID:]",
            "CSeq: 1 ACK",
            "Max-Forwards: 70",
        )
        + '<nop next="end"/>\n'
        # Given up while it rings.
        + '<label id="cancel"/>\n'
        + _send(
            "CANCEL sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
            "[last_Via:]",
            "[last_From:]",
            "[last_To:]",
            "[last_Call-ID:]",
            "CSeq: 1 CANCEL",
            "Max-Forwards: 70",
        )
        + '<recv response="200" optional="true"/>\n'
        + '<recv response="487" next="refused"/>\n'
        + _END
    )


def answerer(answer: float | None, reject: int | None) -> str:
    """A telephone that listens: answers after `answer` seconds, on command (None), or rejects."""
    parts = [
        _HEAD.format(name="answerer"),
        _recv_request("MESSAGE", "outside", optional=True),
        _recv_request("OPTIONS", "outside", optional=True),
        _recv_request("NOTIFY", "outside", optional=True),
        '<recv request="INVITE" crlf="true"/>\n',
    ]
    if reject is not None:
        parts += [_reply(f"{reject} Lab"), '<recv request="ACK" next="end"/>\n']
    else:
        parts += [_reply("180 Ringing"), '<label id="ringing"/>\n']
        wait = (
            ""
            if answer is None
            else f' timeout="{max(1, round(answer * 1000))}" ontimeout="answered"'
        )
        parts += [
            _CANCELLED.format(wait=wait),
            _command("answer", "reject"),
            _goto("", "answer", "answered"),
            _goto("ringing", "reject", "rejected"),
            '<label id="answered"/>\n',
            _reply("200 OK", sdp="sendrecv"),
            '<recv request="ACK" timeout="6400" ontimeout="end"/>\n',
            _talk(),
            '<label id="given-up"/>\n',
            _reply("200 OK"),
            _send(
                "SIP/2.0 487 Request Terminated",
                "[last_Via:]",
                "[last_From:]",
                "[last_To:];tag=[call_number]-[pid]",
                "[last_Call-ID:]",
                "CSeq: [$invite] INVITE",
            ),
            '<recv request="ACK" next="end"/>\n',
            '<label id="rejected"/>\n',
            _reply("486 Busy Here"),
            '<recv request="ACK" next="end"/>\n',
        ]
    parts += ['<label id="outside"/>\n', _reply("200 OK"), _END]
    return "".join(parts)


def load() -> str:
    """Many calls out, each by a line of an injection file: extension, user, talk in ms."""
    return (
        _HEAD.format(name="load")
        + _send(
            "INVITE sip:[field0]@[remote_ip]:[remote_port] SIP/2.0",
            "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]",
            "From: <sip:trunk@[remote_ip]>;tag=[call_number]-[pid]",
            "To: <sip:[field0]@[remote_ip]:[remote_port]>",
            "P-Asserted-Identity: <sip:[field1]@[remote_ip]>",
            "Call-ID: [call_id]",
            "CSeq: [cseq] INVITE",
            "Contact: <sip:trunk@[local_ip]:[local_port]>",
            "Max-Forwards: 70",
            sdp="sendrecv",
        )
        + '<recv response="100" optional="true"/>\n<recv response="180" optional="true"/>\n'
        + '<recv response="183" optional="true"/>\n<recv response="180" optional="true"/>\n'
        + '<recv response="200"/>\n'
        + _send(
            "ACK sip:[field0]@[remote_ip]:[remote_port] SIP/2.0",
            "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]",
            "[last_From:]",
            "[last_To:]",
            "Call-ID: [call_id]",
            "CSeq: 1 ACK",
            "Max-Forwards: 70",
        )
        + '<nop><action><assignstr assign_to="to" value="[last_To:]"/></action></nop>\n'
        + '<nop><action><assignstr assign_to="ms" value="[field2]"/>'
        + '<todouble assign_to="talk" variable="ms"/></action></nop>\n'
        + '<pause variable="talk"/>\n'
        + _send(
            "BYE sip:[field0]@[remote_ip]:[remote_port] SIP/2.0",
            "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]",
            "From: <sip:trunk@[remote_ip]>;tag=[call_number]-[pid]",
            "[$to]",
            "Call-ID: [call_id]",
            "CSeq: 2 BYE",
            "Max-Forwards: 70",
        )
        + '<recv response="200"/>\n</scenario>\n'
    )


_END = '<label id="end"/>\n<nop/>\n</scenario>\n'


def _talk() -> str:
    """The call stands: whatever the other side sends is answered, commands are carried out."""
    # What is sent stands before what waits for the answer: SIPp accepts a response only where
    # the text has had a request of its method.
    return (
        '<nop next="talk"/>\n'
        f'<label id="bye"/>\n{_request("BYE")}'
        '<recv response="200" timeout="4000" ontimeout="end" next="end"/>\n'
        f'<label id="refer"/>\n{_request("REFER", "Refer-To: [$arg]", "Referred-By: [$contact]")}'
        '<nop next="talk"/>\n<label id="info"/>\n'
        + _request(
            "INFO", "Content-Type: application/dtmf-relay", body="Signal=[$arg]\nDuration=160"
        )
        + '<nop next="talk"/>\n'
        + f'<label id="hold"/>\n{_request("INVITE", sdp="sendonly")}{_reinvited()}'
        + f'<label id="unhold"/>\n{_request("INVITE", sdp="sendrecv")}{_reinvited()}'
        + f'<label id="reinvited"/>\n{_reply("200 OK", sdp="sendrecv")}<nop next="talk"/>\n'
        + f'<label id="ok"/>\n{_reply("200 OK")}<nop next="talk"/>\n'
        + f'<label id="ended"/>\n{_reply("200 OK")}<nop next="end"/>\n'
        + '<label id="talk"/>\n'
        + _recv_request("BYE", "ended", optional=True)
        + _recv_request("INVITE", "reinvited", optional=True)
        + "".join(
            _recv_request(name, "ok", optional=True)
            for name in ("UPDATE", "NOTIFY", "INFO", "MESSAGE", "OPTIONS")
        )
        + _recv_request("ACK", "talk", optional=True)
        + "".join(_recv_response(code, "talk") for code in (100, 200, 202, *_FAILURES))
        + _command("bye", "refer", "info", "hold", "unhold")
        + "".join(_goto("", word, word) for word in ("bye", "refer", "info", "hold"))
        + _goto("talk", "unhold", "unhold")
    )


def _reinvited() -> str:
    return (
        '<recv response="100" optional="true"/>\n<recv response="200"/>\n'
        + _send(
            "ACK [$uri] SIP/2.0",
            "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]-[$cseq]",
            "[last_From:]",
            "[last_To:]",
            "[last_Call-ID:]",
            "CSeq: [$cseq] ACK",
            "Max-Forwards: 70",
        )
        + '<nop next="talk"/>\n'
    )


def _ack() -> str:
    return _send(
        "ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
        "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]",
        "[last_From:]",
        "[last_To:]",
        "[last_Call-ID:]",
        "CSeq: 1 ACK",
        "Max-Forwards: 70",
    )


def _request(method: str, *lines: str, sdp: str = "", body: str = "") -> str:
    """A request inside the dialog, whose From, To, URI and number the command gave."""
    return _send(
        f"{method} [$uri] SIP/2.0",
        # [branch] alone repeats in a loop.
        "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]-[$cseq]",
        "[last_From:]",
        "[last_To:]",
        "[last_Call-ID:]",
        f"CSeq: [$cseq] {method}",
        "Contact: [$contact]",
        "Max-Forwards: 70",
        *lines,
        sdp=sdp,
        body=body,
    )


def _reply(status: str, sdp: str = "") -> str:
    return _send(
        f"SIP/2.0 {status}",
        "[last_Via:]",
        "[last_From:]",
        "[last_To:];tag=[call_number]-[pid]" if status != "200 OK" or sdp else "[last_To:]",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "Contact: <sip:lab@[local_ip]:[local_port]>",
        sdp=sdp,
    )


def _send(*lines: str, sdp: str = "", body: str = "") -> str:
    head = list(lines)
    if sdp:
        head.append("Content-Type: application/sdp")
        body = _SDP.format(direction=sdp)
    head.append("Content-Length: [len]")
    text = "\n".join(head) + "\n\n" + body
    return f"<send><![CDATA[\n\n{text}\n\n]]></send>\n"


def _recv_response(code: int, target: str) -> str:
    return f'<recv response="{code}" optional="true" next="{target}"/>\n'


def _recv_request(method: str, target: str, *, optional: bool) -> str:
    more = ' optional="true"' if optional else ""
    return f'<recv request="{method}"{more} next="{target}"/>\n'


_WORDS = {"uri": "X-Uri:", "cseq": "X-Number:", "contact": "X-Contact:", "arg": "X-Arg:"}


def _command(*names: str) -> str:
    """Waits for a LAB request, the one message that must come; `_goto` branches on it."""
    reads = "".join(
        f'<ereg regexp="[^ ].*" search_in="hdr" header="{header}" assign_to="{name}"/>'
        for name, header in {"lab": "X-Lab:", **_WORDS}.items()
    )
    tests = "".join(
        f'<strcmp assign_to="differs" variable="lab" value="{name}"/>'
        f'<test assign_to="is_{name}" variable="differs" compare="equal" value="0"/>'
        for name in names
    )
    return (
        f'<recv request="LAB"><action>{reads}</action></recv>\n'
        f"<nop><action>{tests}</action></nop>\n"
    )


def _goto(otherwise: str, name: str, target: str) -> str:
    jump = f'<nop next="{target}" test="is_{name}"/>\n'
    return jump + (f'<nop next="{otherwise}"/>\n' if otherwise else "")
