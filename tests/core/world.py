"""A PBX by hand: model events in, the latest report of each call out."""

from __future__ import annotations

from dataclasses import replace

from connectors.application import Application, CoreSettings
from connectors.model import (
    BridgeEntered,
    BridgeKind,
    BridgeLeft,
    CallReport,
    Effect,
    HangUp,
    LegDialled,
    LegDown,
    LegRole,
    LegsPaired,
    LegUp,
    Marked,
    MemberKnown,
    Offered,
    PbxEvent,
    Queued,
    Served,
    TraceItem,
    Unqueued,
)

SETTINGS = CoreSettings(
    domain="pbx.example.org",
    agents={"PJSIP/1009": "sip:wang@example.org", "PJSIP/1019": "sip:wang@example.org"},
    agent_endpoints=(r"PJSIP/1\d{3}",),
    trust_headers=(r"PJSIP/sbc",),
)


class World:
    def __init__(self, settings: CoreSettings = SETTINGS) -> None:
        self.app = Application(settings)
        self.now = 1000.0
        self.latest: dict[str, CallReport] = {}
        self.traces: dict[str, list[TraceItem]] = {}
        self.reports: list[CallReport] = []

    def __call__(self, *events: PbxEvent) -> World:
        for event in events:
            self.now += 0.01
            self._take(self.app.handle(event, self.now))
        return self

    def wait(self, seconds: float) -> World:
        self.now += seconds
        self._take(self.app.idle(self.now))
        return self

    def hangs_up(self) -> list[Effect]:
        """The legs that are to be ended, of what is to be done on the PBX."""
        return [effect for effect in self.app.effects() if isinstance(effect, HangUp)]

    def _take(self, reports: list[CallReport]) -> None:
        for report in reports:
            self.reports.append(report)
            self.traces.setdefault(report.id, []).extend(report.trace)
            self.latest[report.id] = replace(report, trace=())

    # --- a few words of a PBX's life --------------------------------------------------

    def caller(self, leg: str = "c", endpoint: str = "PJSIP/trunk", number: str = "3015550100"):
        return self(LegUp(leg, f"{endpoint}-{leg}", endpoint, number, LegRole.INBOUND))

    def rings(self, leg: str, endpoint: str, by: str | None = "c"):
        self(LegUp(leg, f"{endpoint}-{leg}", endpoint, "", LegRole.OUTBOUND))
        return self(LegDialled(by, leg))

    def local(self, one: str = "l1", two: str = "l2", name: str = "Local/1001@agents"):
        self(LegUp(one, f"{name}-1;1", name, "", LegRole.INTERNAL))
        self(LegUp(two, f"{name}-1;2", name, "", LegRole.INTERNAL))
        return self(LegsPaired(one, two))

    def bridge(self, bridge: str, *legs: str, kind: BridgeKind = BridgeKind.TALK):
        return self(*(BridgeEntered(bridge, leg, kind) for leg in legs))

    def unbridge(self, bridge: str, *legs: str):
        return self(*(BridgeLeft(bridge, leg) for leg in legs))

    def down(self, *legs: str):
        return self(*(LegDown(leg, "16 Normal Clearing") for leg in legs))

    def mark(self, leg: str = "c", type: str = "form", uri: str = ""):
        return self(Marked(leg, type, uri))

    def press(self, leg: str, type: str = "chat"):
        return self(Marked(leg, type, feature=True))

    def members(self, *interfaces: str, queue: str = "support"):
        return self(*(MemberKnown(queue, interface) for interface in interfaces))

    def queue(self, leg: str = "c", position: int = 1, queue: str = "support"):
        return self(Queued(leg, queue, position))

    def served(self, agent_leg: str, interface: str, leg: str = "c", name: str = ""):
        return self(
            Unqueued(leg, "support", "left"),
            Served(leg, agent_leg, "support", interface, name),
        )

    def offered(self, agent_leg: str, interface: str, leg: str = "c", name: str = ""):
        return self(Offered(leg, agent_leg, "support", interface, name))

    def queue_call(self, agent: str = "PJSIP/1001") -> World:
        """A marked call waits and agent's leg ``a`` serves it in bridge ``b``."""
        self.members(agent)
        self.caller().mark().queue()
        self.rings("a", agent).offered("a", agent).served("a", agent)
        return self.bridge("b", "a", "c")
