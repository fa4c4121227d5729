"""Channels and bridges of the simulated Asterisk, and how events spell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..world import Phone
    from .calls import PlacedCall
    from .originate import Origination
    from .queue import Service
    from .thread import CallThread

DOWN, RING, RINGING, UP = 0, 4, 5, 6
STATE_NAMES = {DOWN: "Down", RING: "Ring", RINGING: "Ringing", UP: "Up"}
UNKNOWN = "<unknown>"


class Channel:
    """One channel: the attributes Asterisk shows in events, and who runs it."""

    __slots__ = (
        "alive",
        "app",
        "bridge",
        "call",
        "call_id",
        "cause",
        "cid_name",
        "cid_num",
        "conn_name",
        "conn_num",
        "context",
        "created",
        "data",
        "dialer",
        "dnid",
        "exten",
        "headers",
        "held",
        "linkedid",
        "may_transfer",
        "name",
        "origination",
        "other",
        "owed_callerid",
        "phone",
        "priority",
        "queue_outgoing",
        "rings_since",
        "routine",
        "seen_at",
        "service",
        "state",
        "tech_cause",
        "thread",
        "uniqueid",
        "variables",
    )

    def __init__(self, name: str, uniqueid: str, linkedid: str, created: float) -> None:
        self.name = name
        self.uniqueid = uniqueid
        self.linkedid = linkedid
        self.created = created
        self.state = DOWN
        self.cid_num = UNKNOWN
        self.cid_name = UNKNOWN
        self.conn_num = UNKNOWN
        self.conn_name = UNKNOWN
        self.context = ""
        self.exten = "s"
        self.priority = 1
        self.app = ""
        self.data = ""
        self.dnid = ""
        self.call_id = ""
        """SIP Call-ID; empty on a ``Local`` half."""
        self.variables: dict[str, tuple[str, str]] = {}
        """Plain name to (name as it was set, with underscores that make it inherited; value)."""
        self.headers: dict[str, str] = {}
        """Headers of the INVITE that made it, lower-case names."""
        self.cause = 0
        self.tech_cause = ""
        self.alive = True
        self.held = False
        self.may_transfer = False
        """Dial or Queue was told to let it transfer by key (options t, T)."""
        self.queue_outgoing = False
        """A queue rings it; Dial's legs say other things."""
        self.rings_since = 0.0
        self.owed_callerid: tuple[str, str] | None = None
        """A caller id change Asterisk announces only when the channel leaves its bridge."""
        self.seen_at: tuple[str, str, int] | None = None
        """Where the last Newexten said it was; another comes only when that changes."""
        self.bridge: Bridge | None = None
        self.other: Channel | None = None
        """The other half of a ``Local`` pair."""
        self.phone: Phone | None = None
        self.thread: CallThread | None = None
        """Runs its dialplan; None: it was dialled, and lives as long as its bridge."""
        self.routine: CallThread | None = None
        """A feature's routine that runs on it, in its bridge."""
        self.dialer: CallThread | None = None
        """Rings it, until it is answered."""
        self.origination: Origination | None = None
        """The Originate that rings it, until it is answered."""
        self.call: PlacedCall | None = None
        self.service: Service | None = None
        """Queue service this channel is the caller or the agent of."""

    @property
    def interface(self) -> str:
        """Technology and peer (``PJSIP/1001``)."""
        return self.name.rsplit("-", 1)[0]

    @property
    def place(self) -> tuple[str, str, int]:
        """Where it is in the dialplan."""
        return (self.context, self.exten, self.priority)

    def value(self, name: str) -> str:
        """A variable's value, empty when unset."""
        found = self.variables.get(name)
        return found[1] if found else ""

    def render(self, prefix: str = "") -> str:
        """The channel as events spell it; `prefix` as in ``DestChannel``."""
        p = prefix
        return (
            f"{p}Channel: {self.name}\r\n"
            f"{p}ChannelState: {self.state}\r\n"
            f"{p}ChannelStateDesc: {STATE_NAMES[self.state]}\r\n"
            f"{p}CallerIDNum: {self.cid_num}\r\n"
            f"{p}CallerIDName: {self.cid_name}\r\n"
            f"{p}ConnectedLineNum: {self.conn_num}\r\n"
            f"{p}ConnectedLineName: {self.conn_name}\r\n"
            f"{p}Language: en\r\n"
            f"{p}AccountCode: \r\n"
            f"{p}Context: {self.context}\r\n"
            f"{p}Exten: {self.exten}\r\n"
            f"{p}Priority: {self.priority}\r\n"
            f"{p}Uniqueid: {self.uniqueid}\r\n"
            f"{p}Linkedid: {self.linkedid}\r\n"
        )


class Bridge:
    """A mixing bridge of two parties."""

    __slots__ = ("channels", "uniqueid")

    def __init__(self, uniqueid: str) -> None:
        self.uniqueid = uniqueid
        self.channels: list[Channel] = []

    def others(self, channel: Channel) -> list[Channel]:
        """Who else is in it."""
        return [each for each in self.channels if each is not channel]

    def render(self, prefix: str = "") -> str:
        """The bridge as events spell it."""
        p = prefix
        return (
            f"{p}BridgeUniqueid: {self.uniqueid}\r\n"
            f"{p}BridgeType: basic\r\n"
            f"{p}BridgeTechnology: simple_bridge\r\n"
            f"{p}BridgeCreator: <unknown>\r\n"
            f"{p}BridgeName: <unknown>\r\n"
            f"{p}BridgeNumChannels: {len(self.channels)}\r\n"
            f"{p}BridgeVideoSourceMode: none\r\n"
        )
