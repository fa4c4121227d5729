"""Every way of the settings by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.invite.gateway import GatewayWay
from collab_server.invite.mail import MailWay
from collab_server.invite.message import MessageWay
from collab_server.invite.page import PageWay

if TYPE_CHECKING:
    from collab_server.invite.settings import InviteSettings
    from collab_server.invite.ways import Ways


def build(settings: InviteSettings) -> Ways:
    """The ways, in the order of the settings' `ways`."""
    gateways = {name: GatewayWay(gateway) for name, gateway in settings.http.items()}
    mail = {"mail": MailWay(settings.smtp)} if settings.smtp.host else {}
    return {"page": PageWay(), "message": MessageWay(), **gateways, **mail}
