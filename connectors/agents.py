"""Who is an agent: the members of the queues, and the endpoints that the settings name.

A queue knows its members by interfaces, and a leg has an endpoint; the settings give some of either
a URI. For all others the URI is made of the name in the interface (`uri_for`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

MAX_MEMBERS = 20_000
"""Members of all queues; as many endpoints and names are remembered."""


@dataclass(frozen=True, slots=True)
class Member:
    """A queue's member as the queue names it."""

    interface: str
    name: str = ""
    state_interface: str = ""
    rung: str = ""
    """`interface` with its option letters, as the queue writes it."""


def plain_interface(interface: str) -> str:
    """An interface without ``Local``'s option letters: ``Local/1@ctx/n`` -> ``Local/1@ctx``."""
    head, slash, options = interface.rpartition("/")
    return head if slash and "@" in head and "@" not in options else interface


def _behind(trunk: str, interface: str) -> bool:
    """Whether an interface is a number behind a trunk, whose name says nothing of who it is:
    ``PJSIP/+4930123@carrier`` behind ``PJSIP/carrier``, ``gateway/carrier/+4930123`` behind
    ``gateway/carrier``."""
    technology, _, peer = trunk.partition("/")
    if not peer or not interface.startswith(f"{technology}/"):
        return False
    return interface.startswith(f"{trunk}/") or interface.endswith(f"@{peer}")


def uri_for(name: str, domain: str) -> str:
    """``sip:<name>@<domain>``, `name` escaped as a SIP user part (RFC 3261, 25.1)."""
    return f"sip:{quote(name, safe=_USER_UNRESERVED, errors='replace')}@{domain}"


_NAME = re.compile(r"^(?:[A-Za-z0-9]+/|hint:)")
"""What stands before the name in an interface (``PJSIP/1001``, ``hint:1001@ext-local``)."""

_USER_UNRESERVED = "-_.!~*'()&=+$,;?/"


class Agents:
    """The members that stand in queues, and whose they are."""

    def __init__(
        self, domain: str, agents: Mapping[str, str], agent_endpoints: Sequence[str]
    ) -> None:
        """`agents`: endpoint or interface -> URI. `agent_endpoints`: patterns of endpoints."""
        self._domain = domain
        self._table = dict(agents)
        self._patterns = [re.compile(pattern) for pattern in agent_endpoints]
        self._matched: dict[str, bool] = {}
        self._uri_of: dict[str, str] = {}
        """By name, of the agents seen lately."""
        self._members: dict[tuple[str, str], Member] = {}
        self._by_interface: dict[str, list[Member]] = {}

    # --- members -------------------------------------------------------------------------

    def clear(self) -> None:
        """There are no members any more, before they are listed anew."""
        self._members, self._by_interface = {}, {}

    def add(self, queue: str, member: Member) -> bool:
        """A queue has a member. False: there are as many as there may be."""
        if len(self._members) >= MAX_MEMBERS and (queue, member.interface) not in self._members:
            return False
        self.remove(queue, member.interface)
        self._members[queue, member.interface] = member
        for interface in {member.interface, plain_interface(member.state_interface)} - {""}:
            self._by_interface.setdefault(interface, []).append(member)
        return True

    def remove(self, queue: str, interface: str) -> None:
        """A queue has a member no longer."""
        member = self._members.pop((queue, interface), None)
        if member is None:
            return
        for key in {member.interface, plain_interface(member.state_interface)} - {""}:
            listed = self._by_interface[key]
            listed.remove(member)
            if not listed:
                del self._by_interface[key]

    def listed(self, interface: str) -> Member | None:
        """The first of the queues' members at an interface."""
        listed = self._by_interface.get(interface)
        return listed[0] if listed else None

    # --- whose it is ---------------------------------------------------------------------

    def uri(self, endpoint: str, exact: str, member: Member | None) -> str | None:
        """The agent at a telephone, None if nobody's. `member`: whom a queue rang there."""
        member = member or self.listed(endpoint)
        if member is None and not self.matches(endpoint) and not self.matches(exact):
            return None
        if self._table:
            rung = (member.state_interface, member.interface) if member else ()
            for key in (exact, endpoint, *rung):
                if (uri := self._table.get(key)) is not None:
                    return uri
        name = endpoint.partition("/")[2] or (member.name if member else "")
        if member is not None and member.name and _behind(endpoint, member.interface):
            name = member.name
        if not name:
            return None
        if (uri := self._uri_of.get(name)) is None:
            if len(self._uri_of) >= MAX_MEMBERS:
                self._uri_of.clear()
            uri = self._uri_of[name] = uri_for(name, self._domain)
        return uri

    def members_of(self, agent: str) -> tuple[str, ...]:
        """The interfaces of an agent's members, each once, as the queues write them."""
        members = self._members.values()
        return tuple(dict.fromkeys(m.rung for m in members if agent in self._uris(m)))

    def uris_at(self, interface: str) -> set[str]:
        """Whose the members are that the queues write so; the other way round of `members_of`."""
        members = (m for m in self._members.values() if m.rung == interface)
        return {uri for member in members for uri in self._uris(member)}

    def phone_of(self, agent: str, form: str) -> str | None:
        """The endpoint of an agent's telephone, None if none is known. `form`: how this PBX
        writes one (``PJSIP/{name}``)."""
        technology = form.partition("/")[0]
        known = [key for key, uri in self._table.items() if uri == agent]
        for member in self._members.values():
            if agent in self._uris(member):
                known += [member.state_interface, member.interface]
        for endpoint in known:
            if technology and endpoint.startswith(f"{technology}/"):
                return endpoint
        name, at, domain = agent.removeprefix("sip:").partition("@")
        endpoint = form.format(name=unquote(name), domain=domain)
        own = agent.startswith("sip:") and at and name and domain == self._domain
        return endpoint if own and self.matches(endpoint) else None

    def _uris(self, member: Member) -> set[str]:
        """Whose member it is: by the settings' table, else by the names in its interfaces."""
        keys = (member.state_interface, member.rung, member.interface)
        if named := {self._table[key] for key in keys if key in self._table}:
            return named
        names = {_NAME.sub("", key).partition("@")[0] for key in keys}
        return {uri_for(name, self._domain) for name in names if name}

    def matches(self, endpoint: str) -> bool:
        """Whether the settings name `endpoint` as an agent's."""
        if not endpoint or endpoint in self._table:
            return bool(endpoint)
        if (known := self._matched.get(endpoint)) is None:
            if len(self._matched) >= MAX_MEMBERS:
                self._matched.clear()
            known = any(pattern.fullmatch(endpoint) for pattern in self._patterns)
            self._matched[endpoint] = known
        return known
