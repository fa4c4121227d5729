"""By e-mail, handed to a mail server by SMTP."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

from collab_server import uris
from collab_server.explain import Explained, Why
from collab_server.invite import templates
from collab_server.invite.ways import Begun, DoubtfulError, NotSentError, RefusedError
from collab_server.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from collab_server.db.calls import Call
    from collab_server.db.engine import Work
    from collab_server.invite.settings import SmtpSettings
    from collab_server.invite.ways import Errand
    from collab_server.services import Services

MAX_SHOWN = 160
STEPS = 3
"""Time-outs that all of a delivery may take."""


class MailWay:
    """The mail server of the settings."""

    third_party = True
    own_leg = False

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    def unfit(self, uri: str, call: Call | None) -> Explained | None:
        """One plain address: no list of them, no headers in the URI."""
        return None if address_of(uri) else Explained(Why.NO_MAIL, "this is no e-mail address")

    def destination(self, uri: str) -> str:
        """``mailto:`` and the address, in small letters: hardly a mail server tells them from
        others, so to a limit ``Ann@`` and ``aNN@`` are one."""
        return f"mailto:{address_of(uri).lower()}"

    def begin(self, services: Services, work: Work, errand: Errand) -> Begun:
        """Hand it to the worker."""
        made = compose(
            self._settings,
            to=address_of(errand.link.uri),
            places=errand.places(services),
            ident=errand.attempt.id,
            at=work.now,
        )
        return Begun("sending", deliver=lambda: send(self._settings, made))


def address_of(uri: str) -> str:
    """The address of a ``mailto:`` URI; "": it is none, or not one plain address."""
    scheme, _, address = uri.partition(":")
    return address if scheme == "mailto" and uris.is_mail_address(address) else ""


def compose(
    settings: SmtpSettings, *, to: str, places: dict[str, str], ident: str, at: float
) -> EmailMessage:
    """Write the message; its headers are the library's, so that nothing in them begins another."""
    message = EmailMessage(policy=SMTP)
    sender = Address(addr_spec=settings.sender)
    message["From"] = Address(places["brand"], sender.username, sender.domain)
    message["To"] = Address(addr_spec=to)
    message["Subject"] = templates.fill(settings.subject, places)
    message["Date"] = format_datetime(utc(at))
    message["Message-ID"] = f"<{ident}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(places["text"] + "\n")
    return message


def send(settings: SmtpSettings, message: EmailMessage) -> None:
    """Hand a message in. Raises WayError."""
    connection = _connection(settings)
    with _within(connection, settings.timeout * STEPS):
        _send(connection, settings, message)


def _send(connection: smtplib.SMTP, settings: SmtpSettings, message: EmailMessage) -> None:
    try:
        _connect(connection, settings)
    except smtplib.SMTPAuthenticationError as error:
        raise RefusedError(f"the mail server refuses the log-in: {_said(error)}") from None
    except smtplib.SMTPNotSupportedError as error:
        raise RefusedError(f"the mail server offers no TLS or log-in: {error}") from None
    except ssl.SSLError as error:
        raise RefusedError(f"the mail server's certificate is not good: {error.reason}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise NotSentError(f"the mail server is not reached: {_said(error)}") from None
    try:
        connection.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        _refused(code, said)
    except smtplib.SMTPResponseException as error:
        _refused(error.smtp_code, error.smtp_error)
    except (smtplib.SMTPException, OSError) as error:
        raise DoubtfulError(f"the mail server did not answer: {_said(error)}") from None
    finally:
        with contextlib.suppress(smtplib.SMTPException, OSError):  # it has gone out, or not, by now
            connection.quit()


def _connection(settings: SmtpSettings) -> smtplib.SMTP:
    """A connection that is yet to be made."""
    connection: smtplib.SMTP
    if settings.tls == "tls":
        connection = smtplib.SMTP_SSL(timeout=settings.timeout, context=_tls(settings))
    else:
        connection = smtplib.SMTP(timeout=settings.timeout)
    # The name a certificate is for is taken from the constructor alone, which connects at once
    # where it is given one.
    connection._host = settings.host  # type: ignore[attr-defined]
    return connection


def _connect(connection: smtplib.SMTP, settings: SmtpSettings) -> None:
    try:
        code, said = connection.connect(settings.host, settings.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        if settings.tls == "starttls":
            connection.starttls(context=_tls(settings))
        if settings.username:
            connection.login(settings.username, settings.password.get_secret_value())
    except BaseException:
        connection.close()
        raise


def _tls(settings: SmtpSettings) -> ssl.SSLContext:
    """Raises RefusedError when the file of the authority is no good any more."""
    try:
        return ssl.create_default_context(cafile=settings.ca or None)
    except OSError as error:
        why = f"the mail server's authority is not good: {settings.ca}: {_said(error)}"
        raise RefusedError(why) from None


@contextlib.contextmanager
def _within(connection: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Cut a connection off after so long: `smtplib` bounds each read, and a server that sends a
    byte now and then would hold its thread for ever."""
    over = threading.Event()

    def cut() -> None:
        wait = seconds
        while not over.wait(wait):  # again: while it connects or begins TLS there is nothing to cut
            wait = 1.0
            sock = connection.sock
            if sock is not None:
                with contextlib.suppress(OSError):
                    # Not TLS's own, which takes the encryption off first.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)

    threading.Thread(target=cut, name="tandem-mail-cut", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _refused(code: int, said: bytes | str) -> None:
    text = f"the mail server answered {code}: {_clean(said)}"
    if code < 500:
        raise NotSentError(text)
    raise RefusedError(text)


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_clean(error.smtp_error)}"
    return _clean(str(error))


def _clean(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_SHOWN]
