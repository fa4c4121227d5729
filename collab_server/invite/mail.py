"""By e-mail, handed to a mail server by SMTP."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
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
    from collab_server.db.calls import Call
    from collab_server.db.engine import Work
    from collab_server.invite.settings import SmtpSettings
    from collab_server.invite.ways import Errand
    from collab_server.services import Services

MAX_SHOWN = 160


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
    try:
        connection = _connect(settings)
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


def _connect(settings: SmtpSettings) -> smtplib.SMTP:
    tls = ssl.create_default_context(cafile=settings.ca or None)
    connection: smtplib.SMTP
    if settings.tls == "tls":
        connection = smtplib.SMTP_SSL(
            settings.host, settings.port, timeout=settings.timeout, context=tls
        )
    else:
        connection = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout)
    try:
        if settings.tls == "starttls":
            connection.starttls(context=tls)
        if settings.username:
            connection.login(settings.username, settings.password.get_secret_value())
    except BaseException:
        connection.close()
        raise
    return connection


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
