"""The cookies: who is logged in at the desk, who opened a join link, and which browser writes.

All are HttpOnly and SameSite=Strict, and Secure where browsers reach the server over https. A
participant's cookie goes only to its own session's addresses, so that they do not pile up. The
browser's cookie is no authority: it ties the CSRF token that a write must carry to the browser. A
device cookie is none either: it marks a browser in which an agent has logged in, one for each agent
who did, and goes to the log-in alone, so that a desk many share sends them nowhere else. The cookie
of a pairing says which browser shows a code, and is good for nothing until the code is used.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flask import g, request

from collab_server.http.current import services
from collab_server.sessions.links import digest

if TYPE_CHECKING:
    from flask import Response

    from collab_server.db.people import Agent
    from collab_server.settings import Settings

DESK_SECONDS = 12 * 3600
"""How long a log-in at the desk lasts."""
BROWSER_SECONDS = 30 * 24 * 3600
DEVICE_SECONDS = 180 * 24 * 3600
"""How long a browser is remembered as one in which an agent has logged in."""

PAIRING_SECONDS = 3600
_PAIRING_LENGTH = 32


def desk_name(settings: Settings) -> str:
    """Name of the desk's cookie."""
    return "__Host-tandem_desk" if settings.secure else "tandem_desk"


def browser_name(settings: Settings) -> str:
    """Name of the cookie that CSRF tokens hang on."""
    return "__Host-tandem_browser" if settings.secure else "tandem_browser"


def guest_name(settings: Settings, role: str) -> str:
    """Name of a participant's cookie; its path says which session."""
    return f"__Secure-tandem_{role}" if settings.secure else f"tandem_{role}"


def guest_names(settings: Settings) -> dict[str, str]:
    """Names of the cookies that may let a browser into a session -> the role each stands for.

    Who is held until the agent has confirmed them has a cookie of its own: a link that is opened in
    the browser of somebody who is in must not take their place away.
    """
    user, agent = (guest_name(settings, role) for role in ("user", "agent"))
    return {user: "user", held_name(settings): "user", agent: "agent"}


def held_name(settings: Settings) -> str:
    """Name of the cookie of a user who is held, or was."""
    return guest_name(settings, "held")


def device_name(settings: Settings, agent_name: str) -> str:
    """Name of the cookie that marks a browser as one this agent has used."""
    prefix = "__Secure-" if settings.secure else ""
    return f"{prefix}tandem_device_{digest(agent_name)}"


def pairing_name(settings: Settings) -> str:
    """Name of the cookie of a browser that shows pairing codes."""
    return "__Secure-tandem_pairing" if settings.secure else "tandem_pairing"


def device(agent: Agent | None) -> str | None:
    """Which browser of this agent's asks; None: one in which nobody has logged in as they."""
    if agent is None:
        return None
    tandem = services()
    value = request.cookies.get(device_name(tandem.settings, agent.name), "")
    return tandem.signer.read_device(value, _device_of(agent), DEVICE_SECONDS)


def set_device(response: Response, agent: Agent) -> None:
    """Remember that the agent has logged in here."""
    tandem = services()
    value = tandem.signer.device_cookie(_device_of(agent), secrets.token_urlsafe(12))
    name = device_name(tandem.settings, agent.name)
    _set(response, name, value, "/v1/login", DEVICE_SECONDS)


def _device_of(agent: Agent) -> str:
    """What the cookie names: this agent with this password; with another one it is worthless."""
    return digest(agent.password)


def pairing() -> str:
    """The browser that shows pairing codes; '': it has shown none."""
    value = request.cookies.get(pairing_name(services().settings), "")
    return value if len(value) == _PAIRING_LENGTH else ""


def set_pairing(response: Response, value: str) -> None:
    """Remember the browser that shows a pairing code."""
    name = pairing_name(services().settings)
    _set(response, name, value, "/v1/pairings", PAIRING_SECONDS)


def set_desk(response: Response, value: str) -> None:
    """Log this browser in."""
    _set(response, desk_name(services().settings), value, "/", DESK_SECONDS)


def clear_desk(response: Response) -> None:
    """Log this browser out."""
    settings = services().settings
    response.delete_cookie(
        desk_name(settings), path="/", secure=settings.secure, httponly=True, samesite="Strict"
    )


def set_guest(
    response: Response, session_id: str, role: str, value: str, *, held: bool = False
) -> None:
    """Let this browser into a session; `held`: once the agent has confirmed it."""
    settings = services().settings
    days = settings.server.retention
    path = f"/v1/sessions/{session_id}"
    name = held_name(settings) if held else guest_name(settings, role)
    _set(response, name, value, path, days * 24 * 3600)


def csrf(*, anew: bool = False) -> str:
    """The token that writes from this browser carry; the browser gets its cookie if it has none."""
    tandem = services()
    value = request.cookies.get(browser_name(tandem.settings), "")
    if anew or not 16 <= len(value) <= 100:
        value = g.get("new_browser") or secrets.token_urlsafe(24)
        g.new_browser = value
    return tandem.signer.csrf(value)


def add_browser(response: Response) -> Response:
    """After each request: hand out the cookie that `csrf` made."""
    value = g.get("new_browser")
    if value:
        _set(response, browser_name(services().settings), value, "/", BROWSER_SECONDS)
    return response


def _set(response: Response, name: str, value: str, path: str, seconds: int) -> None:
    response.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        secure=services().settings.secure,
        httponly=True,
        samesite="Strict",
    )
