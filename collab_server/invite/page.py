"""To a page that is open now: of somebody who is known by a browser, not by a telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from collab_server.explain import Explained, Why
from collab_server.invite.ways import Begun
from collab_server.people import names

if TYPE_CHECKING:
    from collab_server.db.calls import Call
    from collab_server.db.engine import Work
    from collab_server.invite.ways import Errand
    from collab_server.services import Services


class PageWay:
    """Shows the link on the pages that a ``web:`` user has open."""

    third_party = False
    own_leg = False

    def unfit(self, uri: str, call: Call | None) -> Explained | None:
        """Only a browser has pages: nobody else proved that an address is theirs."""
        if uri.startswith("web:"):
            return None
        return Explained(Why.NO_PAGE, "this is not the address of a page")

    def destination(self, uri: str) -> str:
        """None: a page of ours is no third party."""
        return ""

    def begin(self, services: Services, work: Work, errand: Errand) -> Begun:
        """Push it, if a page is there."""
        uri = errand.link.uri
        if not services.hub.open_pages(uri):
            return Begun("failed", Explained(Why.PAGE_CLOSED, "no page of theirs is open"))
        agent = errand.session.agent_uri
        called = names.of_agents(work.db, [agent])
        message = {
            "kind": "invited",
            "session": errand.session.id,
            "type": errand.session.type,
            "agent": names.party(agent, called) if agent else None,
            "brand": {"name": services.brand},
            "join_url": errand.url(services),
        }
        work.after_commit(lambda: services.hub.page_push(uri, message))
        return Begun("sent")
