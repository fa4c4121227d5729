"""How somebody comes in, by whichever way they have shown who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.http import cookies
from collab_server.people import agents, states

if TYPE_CHECKING:
    from flask import Response

    from collab_server.db.engine import Work
    from collab_server.db.people import Agent
    from collab_server.services import Services


def enter(
    services: Services,
    work: Work,
    agent: Agent,
    *,
    sid: str | None = None,
    id_token: str | None = None,
) -> agents.LoggedIn:
    """Make the log-in of an agent; they are not ready before they say so."""
    opened = agents.log_in(work, agent, sid=sid, id_token=id_token)
    states.unready(services, work, agent.uri, opened.login_id)
    return opened


def hand_over(response: Response, opened: agents.LoggedIn) -> None:
    """Give the browser its log-in; what its writes carry is another from now on."""
    cookies.csrf(anew=True)
    cookies.set_desk(response, opened.cookie)
    if opened.agent.password:
        cookies.set_device(response, opened.agent)
