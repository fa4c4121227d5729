"""Single events, in the form of the recorded ones, and what is recorded in no stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.application import CoreSettings
from connectors.freeswitch import events as module
from connectors.freeswitch.channels import Agent, bridge_of, interface_of, leg_up, user_part
from connectors.freeswitch.events import EVENTS, Decoder, subscription
from connectors.freeswitch.wire import Event
from connectors.model import (
    BridgeEntered,
    BridgeLeft,
    CallState,
    CodeAsked,
    LegDialled,
    LegDown,
    LegHeld,
    LegRole,
    LegsPaired,
    LegUp,
    Marked,
    MemberGone,
    MemberKnown,
    Noted,
    Offered,
    Pairing,
    PbxEvent,
    Queued,
    Refused,
    Served,
    Snapshot,
    Transferred,
    Unqueued,
)
from tests.core.world import World
from tests.freeswitch.captured import (
    CALLCENTER,
    CORE,
    DPTOOLS,
    FIFO,
    channel,
    event,
    kinds,
    raw,
)

USER = "sofia/external/+491234567@192.0.2.1"
SETTINGS = CoreSettings(domain="pbx.example.org", agent_endpoints=(r"user/1\d{3}",))


class Switch:
    """A FreeSWITCH by hand: a few words of its life, as events, through decoder and core."""

    def __init__(self, settings: CoreSettings = SETTINGS) -> None:
        self.decoder = Decoder()
        self.world = World(settings)
        self.said: list[PbxEvent] = []
        self.channels: dict[str, dict[str, str]] = {}

    def take(self, *taken: Event) -> list[PbxEvent]:
        decoded = [domain for one in taken for domain in self.decoder.decode(one)]
        self.said += decoded
        self.world(*decoded)
        return decoded

    def says(self, name: str, leg: str, source: str = CORE, **more: str) -> list[PbxEvent]:
        """An event of a channel. `more` are headers, `_` for `-`."""
        headers = {key.replace("_", "-"): value for key, value in more.items()}
        return self.take(event(name, source, {**self.channels[leg], **headers}))

    def comes(self, leg: str, name: str = USER, **more: str) -> list[PbxEvent]:
        self.channels[leg] = channel(leg, name, **more)
        return self.says("CHANNEL_CREATE", leg)

    def dials(self, by: str, leg: str, user: str, **more: str) -> list[PbxEvent]:
        self.channels[leg] = {
            **channel(
                leg, f"sofia/internal/{user}@192.0.2.7:5060", direction="outbound",
                dialled=user, dialed_user=user, **more,
            ),
            "Answer-State": "ringing", "Other-Type": "originator", "Other-Leg-Unique-ID": by,
        }  # fmt: skip
        return self.says("CHANNEL_CREATE", leg)

    def bridges(self, one: str, two: str) -> list[PbxEvent]:
        both = {"Bridge_A_Unique_ID": one, "Bridge_B_Unique_ID": two, "Other_Leg_Unique_ID": two}
        return self.says("CHANNEL_BRIDGE", one, **both)

    def unbridges(self, one: str, two: str, bond: str = "") -> list[PbxEvent]:
        both = {"Bridge-A-Unique-ID": one, "Bridge-B-Unique-ID": two, "variable_signal_bond": bond}
        return self.take(event("CHANNEL_UNBRIDGE", CORE, {**self.channels[one], **both}))

    def ends(self, leg: str, cause: str = "NORMAL_CLEARING", **variables: str) -> list[PbxEvent]:
        headers = {
            **self.channels[leg], "Hangup-Cause": cause, "Answer-State": "hangup",
            **{f"variable_{name}": value for name, value in variables.items()},
        }  # fmt: skip
        return self.take(event("CHANNEL_HANGUP_COMPLETE", CORE, headers))

    def ends_by_id(self, leg: str) -> None:
        headers = {**channel(leg, "x"), "Hangup-Cause": "x", "Answer-State": "hangup"}
        self.take(event("CHANNEL_HANGUP_COMPLETE", CORE, headers))

    def queue(self, action: str, leg: str = "c", **more: str) -> list[PbxEvent]:
        headers = {
            "CC_Action": action, "CC_Queue": "support@default", "CC_Member_Session_UUID": "c",
            **more,
        }  # fmt: skip
        return self.says("CUSTOM callcenter::info", leg, CALLCENTER, **headers)

    def fifo(self, action: str, leg: str, **more: str) -> list[PbxEvent]:
        headers = {"FIFO_Action": action, "FIFO_Name": "sales", **more}
        return self.says("CUSTOM fifo::info", leg, FIFO, **headers)

    def marks(self, leg: str, type_: str = "form", **more: str) -> list[PbxEvent]:
        headers = {"Collab_Type": type_, **more}
        return self.says("CUSTOM collab::request", leg, DPTOOLS, **headers)

    def talk(self) -> Switch:
        """Caller ``c``, marked, talks to 1001 on ``a``."""
        self.comes("c")
        self.marks("c")
        self.dials("c", "a", "1001")
        self.bridges("c", "a")
        return self

    def agent(self, call: str = "c") -> str | None:
        return self.world.latest[call].agent_uri

    def state(self, call: str = "c") -> CallState:
        return self.world.latest[call].state


@pytest.fixture
def switch() -> Switch:
    return Switch()


ONE, TWO = "sip:1001@pbx.example.org", "sip:1002@pbx.example.org"


# --- the subscription


def test_the_subscription_names_what_is_wanted_and_custom_comes_last() -> None:
    line = subscription("BACKGROUND_JOB")
    plain, custom = line.split(" CUSTOM ")
    assert plain.startswith("event json BACKGROUND_JOB CHANNEL_CREATE ")
    ours = ["collab::request", "collab::pair"]
    assert custom.split() == ["callcenter::info", "fifo::info", *ours]
    assert all(name.removeprefix("CUSTOM ") in line for name in EVENTS)
    assert "\n" not in line


def test_every_wanted_event_says_why() -> None:
    assert all(wanted.why for wanted in EVENTS.values())


# --- channels


@pytest.mark.parametrize(
    ("name", "more", "endpoint", "number", "role"),
    [
        (USER, {}, "external/+491234567", "+491234567", LegRole.INBOUND),
        ("sofia/internal/1001@h", {"user_name": "1001"}, "user/1001", "+491234567",
         LegRole.INBOUND),
        ("sofia/internal/sip:1001@h:5071", {"direction": "outbound", "dialled": "1001",
         "dialed_user": "1001"}, "user/1001", "1001", LegRole.OUTBOUND),
        # A number dialled on a profile, as `sofia_contact` gives it.
        ("sofia/internal/1001@h:5071", {"direction": "outbound", "dialled": "sip:1001@h:5071;x=y"},
         "internal/1001", "1001", LegRole.OUTBOUND),
        ("sofia/external/+4930", {"direction": "outbound", "dialled": "+4930",
         "sip_gateway_name": "carrier"}, "gateway/carrier", "+4930", LegRole.OUTBOUND),
        # Rung by group/support@default, group_call or sofia/internal/1001%default.
        ("sofia/internal/1001@h:5071", {"direction": "outbound", "dialled": "sip:1001@h:5071",
         "presence_id": "1001@default"}, "user/1001", "1001", LegRole.OUTBOUND),
        ("sofia/external/+4930", {"direction": "outbound", "dialled": "+4930",
         "sip_gateway_name": "carrier", "presence_id": "1001@default"}, "gateway/carrier", "+4930",
         LegRole.OUTBOUND),
        # Such a leg dials on, and whom it called last is left on it.
        ("sofia/internal/1001@h:5071", {"direction": "outbound", "dialled": "1001",
         "dialed_user": "1002", "presence_id": "1001@default", "originated_legs": "b;;1002"},
         "user/1001", "1001", LegRole.OUTBOUND),
        ("sofia/external/+4930", {"direction": "outbound", "dialled": "+4930",
         "sip_gateway_name": "carrier", "dialed_user": "1002", "originated_legs": "b;;1002"},
         "gateway/carrier", "+4930", LegRole.OUTBOUND),
        ("sofia/internal/1001@h", {"presence_id": "1001@default"}, "internal/1001",
         "+491234567", LegRole.INBOUND),
        # Whom the caller called last is left on its own channel.
        (USER, {"dialed_user": "1001"}, "external/+491234567", "+491234567", LegRole.INBOUND),
        # Anybody can put ;gw=carrier into a request URI.
        (USER, {"sip_gateway": "carrier"}, "external/+491234567", "+491234567", LegRole.INBOUND),
        ("loopback/1001-a", {"direction": "outbound", "dialled": "1001"}, "loopback/1001", "1001",
         LegRole.INTERNAL),
        ("loopback/1001-b", {"number": "0000000000"}, "loopback/1001", "", LegRole.INTERNAL),
        ("verto.rtc/1001@h", {}, "verto.rtc/1001", "+491234567", LegRole.INBOUND),
        ("null/x", {"direction": "outbound", "dialled": ""}, "null/x", "", LegRole.TOOL),
        ("", {}, "/", "+491234567", LegRole.INBOUND),
    ],
)  # fmt: skip
def test_an_endpoint_is_technology_and_peer(
    name: str, more: dict[str, str], endpoint: str, number: str, role: LegRole
) -> None:
    up = leg_up(channel("x", name, **more))
    assert (up.endpoint, up.number, up.role, up.name) == (endpoint, number, role, name)


@pytest.mark.parametrize(
    ("more", "exact"),
    [
        ({"direction": "outbound", "dialed_user": "1001", "dialed_domain": "a.example"},
         "user/1001@a.example"),
        ({"direction": "outbound", "presence_id": "1001@a.example"}, "user/1001@a.example"),
        ({"user_name": "1001", "domain_name": "a.example"}, "user/1001@a.example"),
        ({"user_name": "1001"}, ""),
        ({"domain_name": "a.example"}, ""),
        ({"direction": "outbound", "sip_gateway_name": "carrier"}, ""),
    ],
)  # fmt: skip
def test_a_user_of_the_directory_has_a_domain(more: dict[str, str], exact: str) -> None:
    assert leg_up(channel("x", "sofia/internal/1001@192.0.2.7", **more)).exact == exact


@pytest.mark.parametrize(
    ("contact", "interface"),
    [
        ("user/1001@default", "user/1001"),
        ("[leg_timeout=6]user/1001@default", "user/1001"),
        ("{a=[b],c={d}}[x=y] user/1001@${domain}", "user/1001"),
        ("loopback/1001/default/XML", "loopback/1001"),
        ("sofia/gateway/carrier/+4930123", "gateway/carrier/+4930123"),
        ("sofia/internal/1001%192.168.0.1", "internal/1001"),
        ("sofia/internal/sip:1001@192.0.2.7:5060;fs_path=x", "internal/1001"),
        ("user/1001@a,user/1002@a", "user/1001"),
        ("{unclosed user/1001", "/"),
        ("", "/"),
    ],
)
def test_an_agents_interface_is_its_contact_without_its_variables(
    contact: str, interface: str
) -> None:
    assert interface_of(contact) == interface


def test_the_user_part_of_whatever_comes_is_text() -> None:
    for odd in ("", "@", "sip:", "sip:@", ";;;", "a b@c"):
        assert "@" not in user_part(odd)


def test_a_leg_that_was_not_seen_to_come_is_made_up_for(switch: Switch) -> None:
    switch.channels["c"] = channel("c", USER)
    assert kinds(switch.says("CHANNEL_HOLD", "c")) == ["LegUp", "LegHeld"]
    assert kinds(switch.says("CHANNEL_UNHOLD", "c")) == ["LegHeld"]


def test_a_bridge_tells_of_both_its_legs(switch: Switch) -> None:
    switch.channels["c"] = channel("c", USER)
    said = switch.says(
        "CHANNEL_BRIDGE", "c",
        Bridge_A_Unique_ID="c", Bridge_B_Unique_ID="a", Other_Leg_Unique_ID="a",
        Other_Leg_Direction="outbound", Other_Leg_Destination_Number="1001",
        Other_Leg_Channel_Name="sofia/internal/1001@192.0.2.7:5060",
    )  # fmt: skip
    assert kinds(said) == ["LegUp", "LegUp", "BridgeEntered", "BridgeEntered"]
    other = said[1]
    assert isinstance(other, LegUp)
    assert (other.endpoint, other.role, other.number) == ("internal/1001", LegRole.OUTBOUND, "1001")


def test_what_is_said_of_a_leg_that_is_gone_does_not_bring_it_back(switch: Switch) -> None:
    switch.talk()
    switch.ends("a")
    switch.ends("c")
    assert switch.bridges("c", "a") == []
    assert switch.says("CHANNEL_CREATE", "c") == []
    assert kinds(switch.queue("member-queue-end", CC_Cause="Cancel")) == ["Unqueued"]
    assert switch.queue("bridge-agent-start", "a", CC_Agent_UUID="a", CC_Agent="1001") == []
    assert switch.marks("c") == []
    assert switch.world.app.calls() == []
    assert switch.world.app.cti.legs == {}


def test_a_leg_on_its_way_out_is_none(switch: Switch) -> None:
    switch.channels["c"] = {**channel("c", USER), "Answer-State": "hangup"}
    assert switch.says("CHANNEL_UNHOLD", "c") == []
    assert switch.queue("member-queue-start") == []


def test_the_legs_kept_are_bounded(switch: Switch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEGS_LIMIT", 3)
    monkeypatch.setattr(module, "GONE_LIMIT", 2)
    for n in range(9):
        switch.comes(f"c{n}")
    for n in range(9):
        switch.ends(f"c{n}")
    decoder = switch.decoder
    assert len(decoder._legs) == 0
    assert len(decoder._gone) == 2


def test_a_leg_that_makes_room_for_another_ends_its_call_too(
    switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end was missed. Else the core would fill up with such and take no new ones."""
    monkeypatch.setattr(module, "LEGS_LIMIT", 3)
    for n in range(5):
        switch.comes(f"c{n}")
        switch.marks(f"c{n}")
    world = switch.world
    assert list(world.app.cti.legs) == ["c2", "c3", "c4"]
    ended = [call.id for call in world.latest.values() if call.cause == "lost"]
    assert ended == ["c0", "c1"]


def test_the_other_ends_number_on_a_callers_channel_is_not_its_own() -> None:
    headers = {
        **channel("c", USER, number="1005"), "Other-Type": "originatee",
        "Caller-Orig-Caller-ID-Number": "+491234567",
    }  # fmt: skip
    assert leg_up(headers).number == "+491234567"


def test_a_changed_number_counts_from_the_mark_on(switch: Switch) -> None:
    switch.comes("c", number="anonymous")
    switch.channels["c"]["Caller-Caller-ID-Number"] = "+4930555"
    assert kinds(switch.marks("c")) == ["LegUp", "Marked"]
    assert switch.world.latest["c"].user_uri == "sip:+4930555@pbx.example.org"


# --- transfers; the recorded ones are in test_moves


def test_a_call_goes_from_agent_to_agent_by_uuid_bridge(switch: Switch) -> None:
    switch.talk().dials("", "b", "1002")
    said = switch.unbridges("c", "a", bond="b")
    assert kinds(said) == ["Noted", "Transferred", "BridgeLeft", "BridgeLeft"]
    switch.ends("a")
    switch.bridges("c", "b")
    assert (switch.agent(), switch.state()) == (TWO, CallState.ACTIVE)
    assert list(switch.world.latest) == ["c"]


def test_an_agents_refer_with_replaces_leaves_the_user_with_the_next_agent(switch: Switch) -> None:
    """On ``d`` the agent calls 1002, on ``b``; then REFER on ``a``, with Replaces of ``d``."""
    switch.talk()
    switch.comes("d", "sofia/internal/1001@192.0.2.7:5060", user_name="1001", number="1001")
    switch.dials("d", "b", "1002")
    switch.bridges("d", "b")
    switch.bridges("c", "b")
    switch.ends("a", transfer_to="att:b", endpoint_disposition="ANSWER")
    switch.ends("d", endpoint_disposition="ATTENDED_TRANSFER")
    assert (switch.agent(), switch.state()) == (TWO, CallState.ACTIVE)
    assert [call.id for call in switch.world.app.calls()] == ["c"]


def test_a_user_who_hands_the_agent_on_by_refer_leaves_the_call_to_the_next_user(
    switch: Switch,
) -> None:
    switch.talk().comes("f", "sofia/external/+4940", number="+4940")
    said = switch.ends("c", "ATTENDED_TRANSFER", transfer_to="att:f")
    assert kinds(said) == ["Noted", "Transferred", "LegDown"]
    switch.bridges("a", "f")
    call = switch.world.latest["c"]
    assert (call.state, call.agent_uri, call.aliases) == (CallState.ACTIVE, ONE, ("f",))
    switch.ends("f")
    assert switch.state() is CallState.ENDED


def test_a_user_who_transfers_the_agent_blindly_leaves_the_call_to_whom_it_rings(
    switch: Switch,
) -> None:
    switch.talk()
    switch.ends("c", "BLIND_TRANSFER", transfer_to="blind:f", endpoint_disposition="BLIND_TRANSFER")
    assert switch.state() is not CallState.ENDED
    switch.channels["f"] = {
        **channel("f", "sofia/external/+4940", direction="outbound", dialled="+4940",
                  sip_gateway_name="carrier"),
        "Other-Type": "originator", "Other-Leg-Unique-ID": "a",
    }  # fmt: skip
    assert LegDialled("a", "f") in switch.says("CHANNEL_CREATE", "f")
    switch.bridges("a", "f")
    assert (switch.agent(), switch.world.latest["c"].aliases) == (ONE, ("f",))


def test_an_agents_blind_refer_is_named_in_the_trace(switch: Switch) -> None:
    switch.talk()
    said = switch.ends("a", transfer_to="blind:1002\n", endpoint_disposition="BLIND_TRANSFER")
    (noted,) = (one for one in said if isinstance(one, Noted))
    text = "blind transfer by sofia/internal/1001@192.0.2.7:5060 to '1002\\u000a'"
    assert noted == Noted("c", text)
    assert switch.state() is CallState.ACTIVE, "a moment is left for the next agent"
    switch.world.wait(1)
    assert switch.state() is CallState.SUSPENDED
    switch.dials("c", "b", "1002")
    switch.bridges("c", "b")
    assert (switch.agent(), switch.state()) == (TWO, CallState.ACTIVE)


def test_a_cause_in_the_far_ends_bye_is_no_transfer(switch: Switch) -> None:
    switch.talk()
    said = switch.ends("c", "ATTENDED_TRANSFER", sip_hangup_disposition="recv_bye")
    assert kinds(said) == ["LegDown"]
    assert switch.world.latest["c"].cause == "hangup"


def test_a_consultation_by_att_xfer_suspends_and_the_way_back_resumes(switch: Switch) -> None:
    """att_xfer bridges the agent with the next one inside the bridge it is in (mod_dptools.c)."""
    switch.talk().dials("a", "b", "1002")
    switch.bridges("a", "b")
    switch.world.wait(1)
    assert switch.state() is CallState.SUSPENDED
    said = switch.unbridges("a", "b", bond="c")
    assert kinds(said) == ["BridgeLeft", "BridgeLeft"], "it goes back to whom it had left"
    switch.bridges("a", "c")
    switch.ends("b")
    assert (switch.agent(), switch.state()) == (ONE, CallState.ACTIVE)


def test_an_att_xfer_hands_the_user_to_the_next_agent(switch: Switch) -> None:
    switch.talk().dials("a", "b", "1002")
    switch.bridges("a", "b")
    switch.ends("a", soft_holding_uuid="c")
    switch.bridges("b", "c")
    assert (switch.agent(), switch.state()) == (TWO, CallState.ACTIVE)
    assert list(switch.world.latest) == ["c"]


def test_a_user_can_hand_the_agent_on_with_att_xfer_too(switch: Switch) -> None:
    switch.talk().comes("f", "sofia/external/+4940", number="+4940")
    switch.bridges("c", "f")
    switch.ends("c", soft_holding_uuid="a")
    switch.bridges("f", "a")
    call = switch.world.latest["c"]
    assert (call.state, call.agent_uri, call.aliases) == (CallState.ACTIVE, ONE, ("f",))


def test_a_user_who_hangs_up_in_its_consultation_hands_the_agent_on(switch: Switch) -> None:
    """As moves/att_xfer_by_user, where the end of the user's leg comes first (seen as well)."""
    switch.talk().dials("c", "f", "4940")
    switch.bridges("c", "f")
    assert kinds(switch.unbridges("c", "f", bond="f")) == ["BridgeLeft", "BridgeLeft"]
    switch.ends("c", signal_bond="a", sip_hangup_disposition="recv_bye")
    switch.bridges("f", "a")
    call = switch.world.latest["c"]
    assert (call.state, call.agent_uri, call.aliases) == (CallState.ACTIVE, ONE, ("f",))


def test_a_signal_bridge_that_ends_names_no_legs(switch: Switch) -> None:
    switch.talk()
    said = switch.says("CHANNEL_UNBRIDGE", "c")
    assert said == [BridgeLeft(bridge_of("c", "a"), "c"), BridgeLeft(bridge_of("c", "a"), "a")]


def test_the_same_pair_is_the_same_bridge_whoever_comes_first(switch: Switch) -> None:
    switch.talk()
    name = bridge_of("a", "c")
    said = switch.bridges("a", "c")
    assert said == [BridgeEntered(name, "a"), BridgeEntered(name, "c")]


def test_an_ordinary_end_is_told_from_a_stopping_switch(switch: Switch) -> None:
    switch.talk()
    # hupall, and a BYE that claims the cause of a shutdown.
    assert switch.ends("a", "MANAGER_REQUEST") == [LegDown("a", "MANAGER_REQUEST")]
    assert switch.ends("c", "SYSTEM_SHUTDOWN") == [LegDown("c", "SYSTEM_SHUTDOWN")]
    assert switch.world.latest["c"].cause == "hangup"
    switch.comes("d")
    switch.take(event("SHUTDOWN", "switch_core.c", {}))
    assert switch.ends("d", "SYSTEM_SHUTDOWN") == [
        LegDown("d", "FreeSWITCH is shutting down", lost=True)
    ]
    switch.decoder.adopt(Snapshot(()))
    switch.comes("e")
    assert switch.ends("e", "SYSTEM_SHUTDOWN") == [LegDown("e", "SYSTEM_SHUTDOWN")]


@pytest.mark.parametrize("leg", ["c", "a"])
def test_a_hold_by_either_side_shows(switch: Switch, leg: str) -> None:
    switch.talk()
    assert switch.says("CHANNEL_HOLD", leg) == [LegHeld(leg, True)]
    assert switch.world.latest["c"].held
    switch.says("CHANNEL_UNHOLD", leg)
    assert not switch.world.latest["c"].held


# --- loopback


def pipe(switch: Switch, **more: str) -> list[PbxEvent]:
    """``loopback/1001``, dialled: ``n`` is its near half, ``f`` runs the dialplan."""
    near = {"direction": "outbound", "dialled": "1001", "other_loopback_leg_uuid": "f", **more}
    switch.comes("n", "loopback/1001-a", **near)
    return switch.comes("f", "loopback/1001-b", other_loopback_leg_uuid="n")


def test_a_phone_behind_a_loopback_agent_serves(switch: Switch) -> None:
    switch.comes("c")
    switch.marks("c")
    switch.queue("member-queue-start")
    assert LegsPaired("n", "f") in pipe(
        switch, cc_side="agent", cc_agent="1001", cc_queue="support@default",
        cc_member_session_uuid="c",
    )  # fmt: skip
    switch.dials("f", "a", "1001")
    switch.bridges("f", "a")
    switch.queue("bridge-agent-start", "n", CC_Agent="1001", CC_Agent_UUID="n")
    switch.bridges("c", "n")
    call = switch.world.latest["c"]
    assert (call.agent_uri, call.agent_leg) == (ONE, "a")
    # The pipe bows out, and its ends are bridged with each other.
    switch.bridges("c", "a")
    switch.ends("n", "NORMAL_UNSPECIFIED")
    switch.ends("f", "NORMAL_UNSPECIFIED")
    call = switch.world.latest["c"]
    assert (call.agent_uri, call.agent_leg, call.state) == (ONE, "a", CallState.ACTIVE)


# --- queues


def rings(switch: Switch, agent: str = "1001", leg: str = "a") -> list[PbxEvent]:
    return switch.comes(
        leg, f"sofia/internal/{agent}@192.0.2.7", direction="outbound", dialled=agent,
        dialed_user=agent, cc_side="agent", cc_agent=f"{agent}@default",
        cc_queue="support@default", cc_member_session_uuid="c",
    )  # fmt: skip


def test_an_agents_leg_is_offered_the_call_from_its_first_event_on(switch: Switch) -> None:
    switch.comes("c")
    assert switch.queue("member-queue-start")[-1] == Queued("c", "support@default", 1)
    assert rings(switch)[1:] == [Offered("c", "a", "support@default", "user/1001", "1001")]
    said = switch.queue("bridge-agent-start", "a", CC_Agent="1001@default", CC_Agent_UUID="a")
    assert said == [Served("c", "a", "support@default", "user/1001", "1001")]
    assert (switch.agent(), switch.state()) == (ONE, CallState.ACTIVE)


@pytest.mark.parametrize(
    ("reason", "gone", "outcome"),
    [
        ("BREAK_OUT", True, "abandoned"),
        ("BREAK_OUT", False, "left"),  # transferred while it waited
        ("TIMEOUT", False, "timeout"),
        ("NO_AGENT_TIMEOUT", False, "timeout"),
        ("EXIT_WITH_KEY", False, "left"),
        ("NONE", False, "left"),
        ("something new", False, "left"),
    ],
)
def test_why_a_caller_left_the_queue(switch: Switch, reason: str, gone: bool, outcome: str) -> None:
    switch.comes("c")
    switch.queue("member-queue-start")
    state = {"Answer_State": "hangup"} if gone else {}
    said = switch.queue("member-queue-end", CC_Cause="Cancel", CC_Cancel_Reason=reason, **state)
    assert said == [Unqueued("c", "support@default", outcome)]  # type: ignore[arg-type]


def test_places_count_those_who_wait(switch: Switch) -> None:
    for n, leg in enumerate(("c", "d", "e"), 1):
        switch.comes(leg)
        said = switch.queue("member-queue-start", leg, CC_Member_Session_UUID=leg)
        assert said == [Queued(leg, "support@default", n)]
    switch.queue("member-queue-end", CC_Cause="Cancel", CC_Cancel_Reason="TIMEOUT")
    assert switch.world.wait(1).latest["e"].position == 2
    assert switch.queue("member-queue-resume") == [Queued("c", "support@default", 3)]


def test_no_places_where_somebody_has_a_score(switch: Switch) -> None:
    switch.comes("c", cc_base_score="100")
    assert switch.queue("member-queue-start") == [Queued("c", "support@default", None)]
    switch.comes("d")
    said = switch.queue("member-queue-start", "d", CC_Member_Session_UUID="d")
    assert said == [Queued("d", "support@default", None)]


def test_who_has_waited_before_comes_in_front_of_those_who_have_not(switch: Switch) -> None:
    for n, leg in enumerate(("c", "d"), 1):
        switch.comes(leg, cc_queue_joined_epoch=str(1_000 * n))
        said = switch.queue("member-queue-start", leg, CC_Member_Session_UUID=leg)
        assert said == [Queued(leg, "support@default", n)]
    switch.comes("e", cc_queue_joined_epoch="2001", cc_base_score="1001")
    said = switch.queue("member-queue-start", "e", CC_Member_Session_UUID="e")
    assert said == [Queued("e", "support@default", 2)]  # as long as c, so behind it
    assert switch.world.wait(1).latest["d"].position == 3


def test_whose_agent_sends_it_to_another_queue_waits_there(switch: Switch) -> None:
    switch.comes("c")
    switch.queue("member-queue-start")
    switch.dials("c", "a", "1001")
    switch.queue("bridge-agent-start", "a", CC_Agent="1001", CC_Agent_UUID="a")
    switch.bridges("c", "a")
    switch.unbridges("c", "a")
    switch.queue("member-queue-start", CC_Queue="sales@default")
    # mod_callcenter looks every tenth of a second whether the agent has gone.
    assert switch.queue("member-queue-end", CC_Cause="Terminated", CC_Agent="1001") == []
    call = switch.world.wait(1).latest["c"]
    assert (call.queue, call.position) == ("sales@default", 1)
    switch.comes("d")
    behind = switch.queue(
        "member-queue-start", "d", CC_Queue="sales@default", CC_Member_Session_UUID="d"
    )
    assert behind == [Queued("d", "sales@default", 2)]


def test_a_call_that_was_ended_at_its_time_was_not_given_up(switch: Switch) -> None:
    switch.comes("c")
    switch.queue("member-queue-start")
    said = switch.queue(
        "member-queue-end", CC_Cause="Cancel", CC_Cancel_Reason="BREAK_OUT",
        Answer_State="hangup", Hangup_Cause="ALLOTTED_TIMEOUT",
    )  # fmt: skip
    assert said == [Unqueued("c", "support@default", "timeout")]


def test_an_agent_who_refuses_is_named_by_its_interface(switch: Switch) -> None:
    switch.decoder.adopt(Snapshot(()), {"1001@default": Agent("user/1001", ("support@default",))})
    switch.comes("c")
    said = switch.take(
        event("CUSTOM callcenter::info", CALLCENTER, {
            "CC-Action": "bridge-agent-fail", "CC-Queue": "support@default",
            "CC-Member-Session-UUID": "c", "CC-Agent": "1001@default",
            "CC-Hangup-Cause": "USER_BUSY",
        })
    )  # fmt: skip
    assert said == [Refused("c", "support@default", "user/1001", "USER_BUSY")]


def test_an_agent_who_moves_is_a_member_at_the_new_place(switch: Switch) -> None:
    switch.decoder.adopt(Snapshot(()), {"li@default": Agent("user/1001", ("support@default",))})
    moved = {"CC-Action": "agent-contact-change", "CC-Agent": "li@default"}
    said = switch.take(
        event(
            "CUSTOM callcenter::info", CALLCENTER,
            {**moved, "CC-Agent-Contact": "[leg_timeout=6]sofia/gateway/carrier/0301234"},
        )
    )  # fmt: skip
    assert said == [
        MemberGone("support@default", "user/1001"),
        MemberKnown("support@default", "gateway/carrier/0301234", "li"),
    ]


def test_an_agent_behind_a_gateway_is_its_name_and_a_user_behind_it_is_a_user(
    switch: Switch,
) -> None:
    contact = "gateway/carrier/0301234"
    agents = {"li@default": Agent(contact, ("support@default",))}
    switch.decoder.adopt(Snapshot(()), agents)
    switch.world(MemberKnown("support@default", contact, "li"))
    switch.comes("c")
    switch.queue("member-queue-start")
    switch.comes(
        "a", "sofia/external/0301234", direction="outbound", dialled="0301234",
        sip_gateway_name="carrier", cc_side="agent", cc_agent="li@default",
        cc_queue="support@default", cc_member_session_uuid="c",
    )  # fmt: skip
    switch.queue("bridge-agent-start", "a", CC_Agent="li@default", CC_Agent_UUID="a")
    switch.bridges("c", "a")
    assert switch.agent() == "sip:li@pbx.example.org"
    switch.comes("u", "sofia/external/0305678", direction="outbound", sip_gateway_name="carrier")
    assert not switch.world.app.cti.is_agents_leg("u")


# --- mod_fifo


def test_a_fifo_call_is_queued_and_served(switch: Switch) -> None:
    switch.comes("c")
    switch.marks("c")
    assert switch.fifo("push", "c") == [Queued("c", "sales", 1)]
    switch.comes("a", "sofia/internal/1001@192.0.2.7", user_name="1001")
    assert switch.fifo("consumer_pop", "a", FIFO_Caller_UUID="c") == []
    assert switch.fifo("bridge-consumer-start", "a") == [Served("c", "a", "sales", "user/1001")]
    assert switch.fifo("bridge-caller-start", "c") == []
    switch.bridges("a", "c")
    call = switch.world.latest["c"]
    assert (call.agent_uri, call.state, call.queue) == (ONE, CallState.ACTIVE, "sales")


def test_a_fifo_that_rings_all_offers_the_call(switch: Switch) -> None:
    switch.comes("c")
    switch.fifo("push", "c")
    said = switch.comes(
        "a", "sofia/internal/1001@192.0.2.7", direction="outbound", dialed_user="1001",
        fifo_bridge_uuid="c", fifo_name="sales",
    )  # fmt: skip
    assert said[1:] == [Offered("c", "a", "sales", "user/1001")]


@pytest.mark.parametrize(
    ("action", "gone", "outcome", "cause"),
    [
        ("abort", True, "abandoned", "abandoned"),
        ("abort", False, "left", "abandoned"),
        ("timeout", False, "timeout", "queue_timeout"),
    ],
)
def test_a_fifo_caller_leaves(
    switch: Switch, action: str, gone: bool, outcome: str, cause: str
) -> None:
    switch.comes("c")
    switch.fifo("push", "c")
    said = switch.fifo(action, "c", **({"Answer_State": "hangup"} if gone else {}))
    assert said == [Unqueued("c", "sales", outcome)]  # type: ignore[arg-type]
    switch.ends("c")
    assert switch.world.latest["c"].cause == cause


def test_a_fifo_members_calls_outside_it_are_no_queue_calls(switch: Switch) -> None:
    switch.comes("a")
    assert switch.fifo("bridge-consumer-start", "a", FIFO_Name="manual_calls") == []
    assert switch.fifo("push", "a", FIFO_Name="manual_calls") == []


# --- marks


def test_a_mark_is_decoded_once(switch: Switch) -> None:
    switch.comes("c")
    said = switch.marks(
        "c", "chat", Collab_User_URI="sip%3Aalice%2Bx%40example.org", Collab_Feature="1",
        Collab_Header_Type="form", Collab_Header_User_URI="tel%3A%252B1",
    )  # fmt: skip
    assert said == [Marked("c", "chat", "sip:alice+x@example.org", True, "form", "tel:%2B1")]


@pytest.mark.parametrize("leg", ["c", "a"])
@pytest.mark.parametrize("feature", ["1", ""])
def test_a_code_marks_the_call_whichever_leg_ran_it(switch: Switch, leg: str, feature: str) -> None:
    switch.comes("c")
    switch.dials("c", "a", "1001")
    switch.bridges("c", "a")
    switch.marks(leg, "chat", Collab_Feature=feature)
    call = switch.world.latest["c"]
    assert (call.type, call.agent_uri) == ("chat", ONE)
    assert call.initiator == ("user" if leg == "c" else "agent")


@pytest.mark.parametrize(
    ("said", "code"),
    [({"Collab_Ask": "0", "Collab_Code": "123456"}, "123456"), ({"Collab_Ask": "1"}, None),
     ({"Collab_Ask": "0"}, "")],
)  # fmt: skip
def test_a_pairing_code_is_keyed_in_or_asked_for(
    switch: Switch, said: dict[str, str], code: str | None
) -> None:
    switch.talk()
    assert switch.says("CUSTOM collab::pair", "a", DPTOOLS, **said) == [CodeAsked("a", code)]
    assert switch.world.latest["c"].pairing == Pairing(1, code)


def test_a_pairing_code_with_a_header_too_many_is_refused(switch: Switch) -> None:
    switch.talk()
    said = switch.take(
        forged(
            ("Event-Name", "CUSTOM"), ("Event-Subclass", "collab::pair"), ("Collab-Ask", "0"),
            ("Collab-Code", "111111"), ("Collab-Code", "222222"),
        )
    )  # fmt: skip
    assert said == [Noted("c", "a mark was refused as forged: Collab-Code occurs twice")]
    assert switch.world.latest["c"].pairing is None


def test_an_esl_clients_own_event_marks_nothing(switch: Switch) -> None:
    own = {"Collab-Type": "form", "Unique-ID": ""}
    assert switch.take(event("CUSTOM collab::request", "mod_event_socket.c", own)) == []


# --- what a caller can shape


GENUINE = list(channel("c", USER).items())


def forged(*given: tuple[str, str]) -> Event:
    """What the dialplan's ``event`` makes of its arguments: they come before the channel's own
    headers, and behind FreeSWITCH's stamp."""
    return raw([("Event-Calling-File", DPTOOLS), *given, *GENUINE])


@pytest.mark.parametrize(
    "given",
    [
        (("Event-Name", "CHANNEL_HANGUP_COMPLETE"), ("Hangup-Cause", "NORMAL_CLEARING")),
        (("Event-Name", "CHANNEL_HANGUP_COMPLETE"), ("Event-Calling-File", "switch_channel.c")),
        (("Event-Name", "CHANNEL_BRIDGE"), ("Bridge-A-Unique-ID", "c"),
         ("Bridge-B-Unique-ID", "a")),
        (("Event-Name", "SHUTDOWN"),),
        (("Event-Name", "CHANNEL_HOLD"), ("Unique-ID", "a"), ("Event-Calling-File", CORE)),
        (("Event-Name", "CUSTOM"), ("Event-Subclass", "callcenter::info"),
         ("CC-Action", "bridge-agent-start"), ("CC-Agent", "1001"), ("CC-Agent-UUID", "a"),
         ("CC-Member-Session-UUID", "c")),
        (("Event-Name", "CUSTOM"), ("Event-Subclass", "fifo::info"), ("FIFO-Action", "push"),
         ("FIFO-Name", "sales")),
    ],
    ids=lambda given: given[-1][1] if isinstance(given, tuple) else None,
)  # fmt: skip
def test_the_dialplans_event_application_forges_no_other_event(
    switch: Switch, given: tuple[tuple[str, str], ...]
) -> None:
    switch.talk()
    before = switch.world.latest["c"]
    assert switch.take(forged(*given)) == []
    assert switch.decoder.refused.total() == 1
    assert switch.world.latest["c"] == before


@pytest.mark.parametrize(
    "given",
    [("Unique-ID", "a"), ("Collab-Type", "video"), ("Channel-Name", "x"), ("Answer-State", "x"),
     ("Collab-User-URI", "sip:mallory@example.net"), ("Call-Direction", "outbound")],
)  # fmt: skip
def test_a_mark_with_a_header_too_many_is_refused_and_the_trace_says_so(
    switch: Switch, given: tuple[str, str]
) -> None:
    switch.talk()
    said = switch.take(
        forged(
            ("Event-Name", "CUSTOM"), ("Event-Subclass", "collab::request"),
            ("Collab-Type", "chat"), ("Collab-User-URI", "x"), given,
        )
    )  # fmt: skip
    assert said == [Noted("c", f"a mark was refused as forged: {given[0]} occurs twice")]
    assert switch.world.latest["c"].type == "form"


HOSTILE = [
    "Mallory\nUnique-ID: a\nEvent-Name: CHANNEL_HANGUP_COMPLETE",
    "Mallory%0AUnique-ID%3A a%0A%0A",
    '","Unique-ID":"a","x":"',
    "Content-Length: 5\nContent-Type: text/event-json\n\n{}",
    "\x00\x1b[2J\ud7ff￿",
    "x" * 100_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_display_name_or_a_sip_header_is_just_text(switch: Switch, text: str) -> None:
    switch.talk()
    shaped = [
        ("Event-Name", "CHANNEL_HOLD"), ("Event-Calling-File", CORE),
        ("Caller-Caller-ID-Name", text), *GENUINE, ("variable_sip_h_X-Collab-Type", text),
        ("variable_sip_from_display", text), ("Other-Leg-Caller-ID-Name", text),
    ]  # fmt: skip
    assert switch.take(raw(shaped)) == [LegHeld("c", True)]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_body_is_no_header(switch: Switch, text: str) -> None:
    switch.talk()
    hold = [("Event-Name", "CHANNEL_HOLD"), ("Event-Calling-File", CORE), *GENUINE]
    assert switch.take(raw(hold, body=text)) == [LegHeld("c", True)]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_names_a_caller_has_the_report_is_printable(switch: Switch, text: str) -> None:
    switch.comes("c", f"sofia/external/{text}@192.0.2.1", number=text)
    switch.marks("c", text, Collab_User_URI=text)
    call = switch.world.latest["c"]
    assert call.type is None
    assert call.user_uri.isprintable()
    assert len(call.user_uri) < 300


def test_a_header_that_a_caller_sends_twice_does_not_hide_the_end(switch: Switch) -> None:
    switch.talk()
    twice = [("variable_sip_h_X-A", "1"), ("variable_sip_h_X-A", "2"), ("Hangup-Cause", "x"),
             ("variable_cc_agent", "1"), ("variable_cc_agent", "2")]  # fmt: skip
    end = [("Event-Name", "CHANNEL_HANGUP_COMPLETE"), ("Event-Calling-File", CORE), *GENUINE]
    switch.take(raw([*end, *twice, ("Hangup-Cause", "NORMAL_CLEARING")]))
    assert switch.state() is CallState.ENDED


@given(
    name=st.sampled_from(sorted(EVENTS)),
    action=st.sampled_from(["member-queue-start", "member-queue-end", "bridge-agent-start",
                            "bridge-agent-fail", "agent-contact-change", "push", "consumer_pop",
                            "bridge-consumer-start", "abort", "x"]),
    given_=st.dictionaries(
        st.sampled_from(["Unique-ID", "Channel-Name", "Bridge-A-Unique-ID", "Bridge-B-Unique-ID",
                         "Other-Leg-Unique-ID", "Other-Leg-Channel-Name", "CC-Agent-UUID",
                         "CC-Agent", "CC-Agent-Contact", "CC-Queue", "CC-Member-Session-UUID",
                         "FIFO-Name", "FIFO-Caller-UUID", "Answer-State", "Hangup-Cause",
                         "Call-Direction", "Caller-Caller-ID-Number", "Collab-Type",
                         "Collab-User-URI", "variable_transfer_to", "variable_signal_bond",
                         "variable_holding_uuid", "variable_cc_side", "variable_cc_agent",
                         "variable_cc_member_session_uuid", "variable_fifo_bridge_uuid",
                         "variable_other_loopback_leg_uuid", "variable_originating_leg_uuid"]),
        st.sampled_from(["c", "a", "agent", "loopback/x-a", "hangup", "outbound"]) | st.text(),
    ),
)  # fmt: skip
def test_no_event_whatever_it_says_raises_or_leaves_a_leg_behind(
    name: str, action: str, given_: dict[str, str]
) -> None:
    switch = Switch().talk()
    source = {"CUSTOM callcenter::info": CALLCENTER, "CUSTOM fifo::info": FIFO}.get(name, CORE)
    actions = {"CC-Action": action, "FIFO-Action": action, "FIFO-Name": "sales"}
    switch.take(event(name, source, {**switch.channels["c"], **actions, **given_}))
    for leg in list(switch.decoder._legs):
        switch.ends_by_id(leg)
    assert switch.world.app.cti.legs == {}
    assert switch.world.app.calls() == []


def test_an_event_that_nobody_asked_for_says_nothing(switch: Switch) -> None:
    assert switch.take(event("MESSAGE", "mod_sms.c", {}), event("CUSTOM x::y", CORE, {})) == []


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_without_its_headers_is_refused_or_says_nothing(switch: Switch, name: str) -> None:
    source = {"CUSTOM callcenter::info": CALLCENTER, "CUSTOM fifo::info": FIFO}.get(name, CORE)
    assert switch.take(event(name, source, {})) == []


def test_a_caller_who_transfers_itself_out_is_not_its_own_agent(switch: Switch) -> None:
    switch.talk()
    assert Transferred("c", "c") not in switch.ends("c", "BLIND_TRANSFER", holding_uuid="c")
