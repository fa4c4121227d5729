"""What goes out to gateways and mail servers, byte by byte, and what becomes of it."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab_server import uris
from collab_server.invite import mail, templates
from collab_server.invite.gateway import number_of, post
from collab_server.invite.settings import GatewaySettings, SmtpSettings
from collab_server.invite.ways import DoubtfulError, NotSentError, RefusedError
from tests.server.conftest import WANG, Server
from tests.server.doubles import gateway, mail_server
from tests.server.test_invite import ANN, PHONE, invite, set_up

PLACES = {
    "number": "+4930123456",
    "uri": PHONE,
    "link": "http://127.0.0.1:8080/join#abc.def",
    "brand": 'A "&" B',
    "text": "A: come\nhttp://127.0.0.1:8080/join#abc.def",
    "key": "s3cret&=",
}
HOSTILE = PLACES | {"text": '"}\r\nX-Evil: 1 {key} & {link} \\u0000 \U0001f600'}


async def test_a_body_is_json_whatever_is_filled_in() -> None:
    with gateway() as double:
        body = {"to": ["{number}"], "message": {"text": "{brand}: {text}", "flash": True}}
        await post(GatewaySettings(url=double.url, body=body), HOSTILE)
    (asked,) = double.asked
    assert asked.json == {
        "to": ["+4930123456"],
        "message": {"text": f"{HOSTILE['brand']}: {HOSTILE['text']}", "flash": True},
    }
    assert asked.headers["content-type"] == "application/json"


async def test_a_form_and_an_address_are_encoded_by_the_library() -> None:
    with gateway() as double:
        settings = GatewaySettings(
            url=f"{double.url}/{{number}}/send?key={{key}}&u={{uri}}",
            format="form",
            body={"text": "{text}"},
            headers={"X-Token": "Key {key}"},
            username="acme",
            key="s3cret&=",
        )
        await post(settings, HOSTILE)
    (asked,) = double.asked
    assert asked.path == "/%2B4930123456/send?key=s3cret%26%3D&u=tel%3A%2B4930123456"
    assert asked.form == {"text": HOSTILE["text"]}
    assert asked.headers["x-token"] == "Key s3cret&="
    basic = asked.headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(basic) == b"acme:s3cret&="


async def test_a_header_takes_no_line_of_its_own() -> None:
    with gateway() as double, pytest.raises(RefusedError, match="X-Text"):
        await post(GatewaySettings(url=double.url, headers={"X-Text": "{text}"}), HOSTILE)
    assert double.asked == []


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ((302, b""), RefusedError, "the gateway answered 302"),
        ((400, b"bad \x00 key s3cret&="), RefusedError, "the gateway answered 400: bad key …"),
        ((429, b""), NotSentError, "the gateway answered 429"),
        ((500, b"x" * 9_000), DoubtfulError, "the gateway answered 500: " + "x" * 120),
        ((503, b""), DoubtfulError, "the gateway answered 503"),
        (None, DoubtfulError, "the gateway did not answer: "),
    ],
)
async def test_what_a_gateway_says_is_believed_as_far_as_it_goes(
    answer: tuple[int, bytes] | None, error: type[Exception], said: str
) -> None:
    with gateway() as double:
        double.answers = [answer]
        with pytest.raises(error) as caught:
            await post(GatewaySettings(url=double.url, timeout=0.5), PLACES)
    assert str(caught.value).startswith(said)
    assert len(str(caught.value)) < 160
    assert len(double.asked) == 1, "no redirect is followed, nothing is asked again"


async def test_a_gateway_that_is_not_there_got_nothing() -> None:
    with gateway() as double:
        pass
    with pytest.raises(NotSentError, match="not reached"):
        await post(GatewaySettings(url=double.url, timeout=2), PLACES)


async def test_a_certificate_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with gateway(tls=tmp_path) as double:
        with pytest.raises(RefusedError, match="certificate"):
            await post(GatewaySettings(url=double.url), PLACES)
        assert double.asked == []
        await post(GatewaySettings(url=double.url, ca=str(tmp_path / "cert.pem")), PLACES)
    assert len(double.asked) == 1


@given(st.dictionaries(st.sampled_from(templates.PLACES), st.text()), st.lists(st.text()))
def test_what_is_filled_in_is_never_read_as_a_template(
    values: dict[str, str], texts: list[str]
) -> None:
    places = dict.fromkeys(templates.PLACES, "") | values
    text = "|".join(f"{{{name}}}" for name in templates.PLACES)
    assert templates.fill(text, places) == "|".join(places[n] for n in templates.PLACES)
    for each in texts:
        try:
            templates.check(each)
        except ValueError:
            continue
        templates.fill(each, places)  # what was checked can be filled


@given(st.text() | st.from_regex(r"(tel|sips?|mailto|web):[ -~]{0,40}"))
def test_who_may_be_invited_is_one_plain_address_and_stays_so(text: str) -> None:
    try:
        kept = uris.invited(text)
    except ValueError:
        return
    assert uris.invited(kept) == kept
    assert uris.is_user_uri(kept)
    assert not set(kept) & set(' \r\n\t,;?<>"%\\')
    for reached in (number_of(kept), mail.address_of(kept)):
        assert not reached or kept.endswith(reached)


@given(st.text() | st.from_regex(r"(tel|sips?|mailto):[ -~]{0,40}"))
def test_no_address_out_of_a_header_becomes_two(text: str) -> None:
    number, address = number_of(text), mail.address_of(text)
    assert not number or (number[1:].isascii() and number[1:].isdecimal())
    assert not set(address) & set(' \r\n\t,;<>":()%?')
    if address:
        made = mail.compose(
            SmtpSettings(sender="a@b.org"), to=address, places=PLACES, ident="i", at=0.0
        )
        assert made["To"].addresses[0].addr_spec == address
        assert len(made["To"].addresses) == 1


def smtp(port: int, **more: Any) -> SmtpSettings:
    return SmtpSettings(host="127.0.0.1", port=port, sender="desk@example.org", **more)


def letter(settings: SmtpSettings) -> Any:
    return mail.compose(settings, to="ann@example.org", places=PLACES, ident="id", at=0.0)


def test_a_message_is_handed_in_under_tls_to_whom_it_is_for(tmp_path: Path) -> None:
    with mail_server(tls=tmp_path) as double:
        with pytest.raises(RefusedError, match="certificate"):
            mail.send(smtp(double.port), letter(smtp(double.port)))
        settings = smtp(double.port, ca=str(tmp_path / "cert.pem"))
        mail.send(settings, letter(settings))
    ((to, message),) = double.came
    assert to == ["ann@example.org"]
    assert message["From"].addresses[0].display_name == PLACES["brand"]
    assert message["Message-ID"] == "<id@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().splitlines() == PLACES["text"].splitlines()


@pytest.mark.parametrize("tls", ["tls", "starttls"])
def test_an_authority_that_is_none_any_more_is_named(tls: str, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with mail_server(tls=tmp_path) as double:
        settings = smtp(double.port, tls=tls, ca=str(tmp_path / "ca.pem"))
        with pytest.raises(RefusedError, match=r"authority is not good: .*ca\.pem"):
            mail.send(settings, letter(settings))
    assert double.came == []


def test_a_mail_server_that_offers_no_tls_gets_nothing() -> None:
    with mail_server() as double, pytest.raises(RefusedError, match="no TLS"):
        mail.send(smtp(double.port), letter(smtp(double.port)))
    assert double.came == []


@pytest.mark.parametrize(
    ("recipient", "data", "error"),
    [
        ("550 no such user", "250 OK", RefusedError),
        ("451 come back later", "250 OK", NotSentError),
        ("250 OK", "554 spam", RefusedError),
        ("250 OK", "452 full", NotSentError),
        ("250 OK", "", DoubtfulError),
    ],
)
def test_what_a_mail_server_says_is_believed_as_far_as_it_goes(
    recipient: str, data: str, error: type[Exception]
) -> None:
    with mail_server() as double:
        double.to_recipient, double.to_data = [recipient], data
        settings = smtp(double.port, tls="none")
        with pytest.raises(error):
            mail.send(settings, letter(settings))


@pytest.mark.parametrize("greeting", [b"", b"220 hello\r\n", b"late"])
def test_a_mail_server_that_sends_a_byte_now_and_then_holds_nobody_up(
    greeting: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes in time; the line never ends. The last is reached when the time is over."""
    if greeting == b"late":
        real = socket.create_connection

        def slow(*arguments: Any, **named: Any) -> socket.socket:
            time.sleep(0.8)
            return real(*arguments, **named)

        monkeypatch.setattr(socket, "create_connection", slow)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            peer, _ = listening.accept()
            with peer, contextlib.suppress(OSError):
                peer.sendall(greeting)
                while not over.wait(0.05):
                    peer.sendall(b"2")

        server = threading.Thread(target=drip, daemon=True)
        server.start()
        settings = smtp(listening.getsockname()[1], tls="none", timeout=0.2)
        with pytest.raises((NotSentError, DoubtfulError)):
            mail.send(settings, letter(settings))
        over.set()
        server.join(10)
        assert not server.is_alive()


def test_what_surely_did_not_go_out_is_tried_again_and_what_may_have_is_not(
    start: Callable[..., Server],
) -> None:
    with mail_server() as double:
        server = start(**set_up(mail=double))
        double.to_recipient = ["451 later", "451 later", "250 OK"]
        session = invite(server.desk("wang", WANG), ANN)
        server.carry()
        assert (len(double.came), double.tries) == (1, 3)
        assert server.ways(session["id"])["mail"] == ("sent", "")
    with gateway() as sms:
        sms.answers = [(503, b"")]
        server = start(**set_up(sms))
        session = server.establish(user_uri=PHONE)
        server.carry()
        assert len(sms.asked) == 1
        assert server.ways(session["id"])["sms"][0] == "unknown"
