from __future__ import annotations

import pytest

from connectors.asterisk.events import EVENTS, Decoder
from connectors.model import (
    BridgeEntered,
    BridgeKind,
    CodeAsked,
    DialledInVain,
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
    PbxEvent,
    Queued,
    Refused,
    Served,
    Transferred,
    Unqueued,
)
from tests.asterisk.captured import FOLDER, channel, decode, event, kinds, stream

CALLER, AGENT = "1795417493.0", "1795417493.1"


def test_an_answered_queue_call_reads_as_it_went() -> None:
    events = decode(stream("queue_answered"))
    assert kinds(events) == [
        "LegUp", "Marked", "Queued", "LegUp", "Offered", "LegDialled", "LegDialEnded",
        "Unqueued", "Served", "BridgeEntered", "BridgeEntered", "BridgeLeft", "LegDown",
        "BridgeLeft", "BridgeGone", "LegDown",
    ]  # fmt: skip
    assert events[0] == LegUp(
        CALLER, "PJSIP/caller-00000000", "PJSIP/caller", "caller", LegRole.INBOUND, "from-sip/600"
    )
    assert events[1] == Marked(CALLER, type="cobrowse", user_uri="sip:alice@example.org")
    assert events[2] == Queued(CALLER, "support", 1)
    assert events[4] == Offered(CALLER, AGENT, "support", "PJSIP/agent1", "Agent One")
    assert events[5] == LegDialled(CALLER, AGENT)
    assert events[7] == Unqueued(CALLER, "support", "left")
    assert events[8] == Served(CALLER, AGENT, "support", "PJSIP/agent1", "Agent One")
    assert [e.leg for e in events if isinstance(e, BridgeEntered)] == [AGENT, CALLER]
    assert next(e for e in events if isinstance(e, LegDown)) == LegDown(
        CALLER, "16 Normal Clearing"
    )


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("queue_abandon", "abandoned"),
        ("queue_abandon_ringing", "abandoned"),
        ("queue_timeout", "timeout"),
    ],
)
def test_giving_up_and_timing_out_are_told_apart(name: str, outcome: str) -> None:
    left = [e for e in decode(stream(name)) if isinstance(e, Unqueued)]
    assert [e.outcome for e in left] == [outcome], "once, and with its reason"


@pytest.mark.parametrize(
    "name",
    ["shutdown_sigterm", "shutdown_cli_restart_now", "shutdown_cli_stop_now"],
)  # fmt: skip
def test_whom_a_shutdown_ends_has_neither_given_up_nor_hung_up(name: str) -> None:
    """Asterisk hangs up on a caller who waits, with QueueCallerAbandon and all."""
    events = decode(stream(name))
    (queued,) = [e for e in events if isinstance(e, Queued)]
    assert [e for e in events if isinstance(e, Unqueued)] == [
        Unqueued(queued.leg, queued.queue, "left")
    ]
    assert [e for e in events if isinstance(e, LegDown)] == [
        LegDown(queued.leg, "Asterisk is shutting down", lost=True)
    ]


def test_a_local_member_is_offered_by_its_local_channel_and_paired_with_its_other_half() -> None:
    events = decode(stream("queue_local_member"))
    one, two, phone = "1795417060.1", "1795417060.2", "1795417060.3"
    assert LegsPaired(one, two) in events
    served = next(e for e in events if isinstance(e, Served))
    assert (served.agent_leg, served.interface) == (one, "Local/agent1@from-sip/n")
    ups = {e.leg: e for e in events if isinstance(e, LegUp)}
    assert ups[one].role is LegRole.INTERNAL
    assert ups[one].endpoint == ups[two].endpoint == "Local/agent1@from-sip"
    assert ups[phone].role is LegRole.OUTBOUND
    assert LegDialled(two, phone) in events


def test_an_agent_who_does_not_answer_is_named() -> None:
    refused = [e for e in decode(stream("queue_ring_no_answer")) if isinstance(e, Refused)]
    assert [(e.interface, e.why) for e in refused] == [("PJSIP/agent1", "no answer after 3000 ms")]


def test_a_swap_names_the_leg_that_was_replaced() -> None:
    events = decode(stream("transfer_attended_refer"))
    swaps = [(e.leg, e.swapped) for e in events if isinstance(e, BridgeEntered) and e.swapped]
    assert swaps == [("1795415913.27", "1795415912.25")]
    assert Noted(
        "1795415911.24",
        "attended transfer by PJSIP/agent1-00000019 to PJSIP/agent2-0000001b",
    ) in events  # fmt: skip


def test_a_blind_transfer_is_noted_on_the_transferred_leg() -> None:
    notes = [e for e in decode(stream("transfer_blind_ami")) if isinstance(e, Noted)]
    assert notes == [
        Noted("1795415787.4", "blind transfer by PJSIP/agent1-00000005 to 'agent2'"),
    ]


@pytest.mark.parametrize(
    ("name", "by", "leg"),
    [
        ("transfer_blind_refer", "1795415870.16", "1795415870.15"),
        ("transfer_blind_ami", "1795415787.5", "1795415787.4"),
        ("transfer_attended_ami", "1795417350.3", "1795417349.2"),
        ("transfer_attended_refer", "1795415912.25", "1795415911.24"),
    ],
)
def test_a_transfer_says_who_handed_whom_on(name: str, by: str, leg: str) -> None:
    moves = [e for e in decode(stream(name)) if isinstance(e, Transferred)]
    assert moves == [Transferred(by, leg)]


def transfer(*more: str, result: str = "Success") -> list[PbxEvent]:
    return decode(event(
        "BlindTransfer", "call", f"Result: {result}",
        "TransfererChannel: PJSIP/caller-1", "TransfererUniqueid: 1.1", "TransfererLinkedid: 1.1",
        "TransfereeChannel: PJSIP/agent1-2", "TransfereeUniqueid: 1.2", "TransfereeLinkedid: 1.1",
        "Extension: 712", *more,
    ))  # fmt: skip


def test_only_a_transfer_that_was_made_hands_a_leg_on() -> None:
    note = Noted("1.2", "blind transfer by PJSIP/caller-1 to '712'")
    assert transfer() == [note, Transferred("1.1", "1.2")]
    assert transfer(result="Not Permitted") == [note]
    assert transfer("TransfererUniqueid: 9.9") == transfer("TransfereeUniqueid: 9.9") == []


def test_hold_and_unhold() -> None:
    held = [e for e in decode(stream("transfer_attended_ami")) if isinstance(e, LegHeld)]
    assert [(e.leg, e.held) for e in held] == [("1795417350.3", True)]


def test_a_dynamic_member_comes_and_goes() -> None:
    events = decode(stream("list_actions"))
    assert MemberKnown("support", "PJSIP/agent3", "Agent Three", "PJSIP/agent3") in events
    assert MemberGone("support", "PJSIP/agent3") in events


def test_every_leg_of_every_recorded_call_is_known_before_anything_is_said_about_it() -> None:
    unfiltered = [path for path in FOLDER.glob("*.ami") if not path.stem.startswith("filter_")]
    for path in [*unfiltered, FOLDER / "filter_0_none.ami"]:
        known: set[str] = set()
        for e in decode(path.read_bytes()):
            if isinstance(e, LegUp):
                known.add(e.leg)
            elif isinstance(e, Served | Offered):
                assert {e.leg, e.agent_leg} <= known, (path.name, e)
            elif isinstance(e, BridgeEntered | LegDown):
                assert e.leg in known, (path.name, e)


def user_event(leg: str, *keys: str, number: str = "caller") -> bytes:
    return event("UserEvent", "user", *channel("PJSIP/caller-1", leg, number=number), *keys)


def test_a_mark_is_uri_decoded_once() -> None:
    (mark,) = decode(
        user_event(
            "1.1",
            "UserEvent: CollabRequest",
            "HeaderType: chat",
            "HeaderUserURI: sip%3Abob%2540x",
            "Feature: 1",
            "Type: form",
            "UserURI: sip%3Aalice%40example.org",
        )
    )
    assert mark == Marked("1.1", "form", "sip:alice@example.org", True, "chat", "sip:bob%40x")


@pytest.mark.parametrize(("set_to", "read"), [("+493055", "+493055"), ("<unknown>", "")])
def test_a_number_the_dialplan_changed_counts_from_the_mark_on(set_to: str, read: str) -> None:
    decoder = Decoder()
    decode(event("Newchannel", "call", *channel("PJSIP/caller-1", "1.1")), decoder)
    up, mark = decode(
        user_event("1.1", "UserEvent: CollabRequest", "Type: form", number=set_to), decoder
    )
    assert isinstance(up, LegUp)
    assert (up.leg, up.number, up.role) == ("1.1", read, LegRole.INBOUND)
    assert mark == Marked("1.1", type="form")
    assert kinds(
        decode(user_event("1.1", "UserEvent: CollabRequest", "Type: form", number=set_to), decoder)
    ) == ["Marked"]


@pytest.mark.parametrize(
    ("keys", "code"),
    [(("Ask: 0", "Code: 123456"), "123456"), (("Ask: 1", "Code: "), None), (("Ask: 0",), "")],
)
def test_a_pairing_code_is_keyed_in_or_asked_for(keys: tuple[str, ...], code: str | None) -> None:
    assert decode(user_event("1.1", "UserEvent: CollabPair", *keys)) == [CodeAsked("1.1", code)]


@pytest.mark.parametrize(
    "keys",
    [
        ("UserEvent: CollabPair", "Ask: 0", "Code: 111111", "Code: 222222"),
        ("UserEvent: CollabPair", "Ask: 0", "Ask: 1", "Code: 111111"),
        ("UserEvent: CollabPair", "Uniqueid: 9.9", "Ask: 0", "Code: 111111"),
        ("UserEvent: Other", "Code: 1", "UserEvent: CollabPair", "Ask: 0", "Code: 111111"),
    ],
)
def test_a_pairing_code_that_is_not_certain_is_none(keys: tuple[str, ...]) -> None:
    decoder = Decoder()
    decode(event("Newchannel", "call", *channel("PJSIP/caller-1", "1.1")), decoder)
    assert "CodeAsked" not in kinds(decode(user_event("1.1", *keys), decoder))
    assert decoder.refused["UserEvent"] == 1


def test_the_dialplan_tells_that_it_has_dialled_in_vain() -> None:
    said = decode(user_event("1.1", "UserEvent: CollabUnreached", "Status: BUSY"))
    assert said == [DialledInVain("1.1", "BUSY")]


def test_other_user_events_are_nothing_to_us() -> None:
    assert decode(user_event("1.1", "UserEvent: Other", "Type: form")) == []


def test_the_number_dialled_is_learnt_from_the_dial() -> None:
    callee = channel("PJSIP/trunk-2", "1.2", number="<unknown>")
    callee[1] = "ChannelState: 0"
    data = event("Newchannel", "call", *callee) + event(
        "DialBegin",
        "call",
        *channel("PJSIP/1001-1", "1.1"),
        *channel("PJSIP/trunk-2", "1.2", number="+31201234567", prefix="Dest"),
    )
    up, again, dialled = decode(data)
    assert isinstance(up, LegUp)
    assert (up.number, up.role) == ("", LegRole.OUTBOUND)
    assert isinstance(again, LegUp)
    assert (again.leg, again.number, again.role) == ("1.2", "+31201234567", LegRole.OUTBOUND)
    assert dialled == LegDialled("1.1", "1.2")


def test_a_dial_by_the_pbx_itself_has_no_caller() -> None:
    lines = channel("PJSIP/1001-2", "1.2", number="x\r\nChannel: PJSIP/a-1\r\nUniqueid: 1.1",
                    prefix="Dest")  # fmt: skip
    (dialled,) = decode(event("DialBegin", "call", *lines))
    assert dialled == LegDialled(None, "1.2")


def test_holding_and_parking_bridges_bring_nobody_together() -> None:
    for kind, technology in (("holding", "holding_bridge"), ("parking", "holding_bridge")):
        data = event(
            "BridgeEnter",
            "call",
            "BridgeUniqueid: b1",
            f"BridgeType: {kind}",
            f"BridgeTechnology: {technology}",
            *channel("PJSIP/a-1", "1.1"),
        )
        assert decode(data) == [BridgeEntered("b1", "1.1", BridgeKind.HOLDING)]


@pytest.mark.parametrize(
    "name", ["CBAnn/room-00000001;1", "Snoop/1-00000002", "Message/ast_msg_queue"]
)
def test_spies_recorders_and_announcers_are_tools(name: str) -> None:
    (up,) = decode(event("Newchannel", "call", *channel(name, "1.1")))
    assert isinstance(up, LegUp)
    assert up.role is LegRole.TOOL


def test_a_renamed_channel_keeps_its_id_and_number() -> None:
    up, again = decode(
        event("Newchannel", "call", *channel("PJSIP/a-1", "1.1"))
        + event("Rename", "call", "Channel: PJSIP/a-1", "Newname: PJSIP/b-2", "Uniqueid: 1.1")
    )
    assert isinstance(up, LegUp)
    assert again == LegUp("1.1", "PJSIP/b-2", "PJSIP/b", "caller", LegRole.INBOUND, up.context)


# --- forging


def test_a_forged_event_without_a_privilege_line_is_refused() -> None:
    """inject_header_percent_crlf_event.ami: one call forged six of them."""
    decoder = Decoder()
    events = decode(stream("inject_header_percent_crlf_event"), decoder)
    assert not any(isinstance(e, Marked) for e in events)
    assert decoder.refused["UserEvent"] == stream("inject_header_percent_crlf_event").count(
        b"\r\n\r\nEvent: UserEvent\r\nUserEvent: CollabRequest"
    )


@pytest.mark.parametrize("path", sorted(FOLDER.glob("inject_*.ami")), ids=lambda path: path.stem)
def test_no_recorded_attack_makes_a_mark_or_touches_another_leg(path) -> None:
    """Its dialplan sends no CollabRequest of its own: any mark would be forged."""
    events = decode(path.read_bytes())
    legs = {e.leg for e in events if isinstance(e, LegUp)}
    for e in events:
        assert not isinstance(e, Marked)
        if isinstance(e, LegUp | LegDown | BridgeEntered | Queued):
            assert e.leg in legs


FORGED_ID = "1\r\nUniqueid: 9.9\r\nLinkedid: 9.9"


def test_a_number_with_line_ends_cannot_give_an_event_another_leg() -> None:
    own = channel("PJSIP/evil-1", "1.1", number=FORGED_ID)
    events = decode(
        event("Newchannel", "call", *channel("PJSIP/good-9", "9.9"))
        + event("Newchannel", "call", *own)
        + event("QueueCallerJoin", "agent", *own, "Queue: support", "Position: 1")
        + event("Hangup", "call", *own, "Cause: 16", "Cause-txt: Normal Clearing")
    )
    assert [getattr(e, "leg", None) for e in events] == ["9.9", "1.1", "1.1", "1.1"]


def test_a_new_channel_cannot_take_the_id_of_a_standing_one() -> None:
    decoder = Decoder()
    decode(event("Newchannel", "call", *channel("PJSIP/good-9", "9.9")), decoder)
    assert decode(event("Newchannel", "call", *channel("PJSIP/evil-1", "9.9")), decoder) == []
    assert decoder.refused["Newchannel"] == 1


def test_a_leg_that_makes_room_for_another_ends_its_call_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its end was missed. Else the core would fill up with such and take no new ones."""
    monkeypatch.setattr("connectors.asterisk.events.LEGS_LIMIT", 2)
    said = decode(
        b"".join(event("Newchannel", "call", *channel(f"PJSIP/a-{n}", f"{n}.1")) for n in range(4))
    )
    assert [(type(e).__name__, getattr(e, "leg", "")) for e in said] == [
        ("LegUp", "0.1"), ("LegUp", "1.1"),
        ("LegDown", "0.1"), ("LegUp", "2.1"), ("LegDown", "1.1"), ("LegUp", "3.1"),
    ]  # fmt: skip
    assert all(e.lost for e in said if isinstance(e, LegDown))


def test_a_mark_on_another_channel_than_its_own_is_refused() -> None:
    decoder = Decoder()
    decode(event("Newchannel", "call", *channel("PJSIP/good-9", "9.9")), decoder)
    assert decode(user_event("9.9", "UserEvent: CollabRequest", "Type: form"), decoder) == []
    assert "Channel" in decoder.last_refusal


@pytest.mark.parametrize(
    "keys",
    [
        ("UserEvent: Other", "X: 1", "UserEvent: CollabRequest", "Type: form"),
        ("UserEvent: CollabRequest", "Type: form", "UserURI: sip%3Aa", "UserURI: sip%3Aevil"),
        ("UserEvent: CollabRequest", "Type: form", "Type: video"),
    ],
)
def test_a_mark_with_repeated_keys_is_refused_and_says_so_in_the_trace(keys: tuple) -> None:
    decoder = Decoder()
    decode(event("Newchannel", "call", *channel("PJSIP/caller-1", "1.1")), decoder)
    (note,) = decode(user_event("1.1", *keys), decoder)
    assert isinstance(note, Noted)
    assert "refused as forged" in note.text


def test_keys_in_front_of_the_events_name_do_not_count() -> None:
    forged = "1\r\nHeaderType: video\r\nFeature: 1"
    (mark,) = decode(user_event("1.1", "UserEvent: CollabRequest", "Type: form", number=forged))
    assert mark == Marked("1.1", "form")


@pytest.mark.parametrize("key", ["Channel: PJSIP/x-9", "Uniqueid: 9.9", "Linkedid: 9.9"])
def test_a_channels_header_among_the_keys_is_refused(key: str) -> None:
    decoder = Decoder()
    lines = ("UserEvent: CollabRequest", key, "Type: form")
    assert decode(user_event("1.1", *lines), decoder) == []
    assert decoder.refused["UserEvent"] == 1


def test_a_mark_by_an_ami_client_with_a_channel_of_its_choice_is_refused() -> None:
    """list_actions.ami: the action UserEvent takes any header, behind the event's name."""
    decoder = Decoder()
    lines = ("UserEvent: CollabRequest", "Type: form", "Channel: PJSIP/a-1", "Uniqueid: 1.1")
    assert decode(event("UserEvent", "user", *lines), decoder) == []
    assert decoder.refused["UserEvent"] == 1


SIP_LIMIT = 79
"""Bytes of a SIP user part that Asterisk puts into an event."""


@pytest.mark.parametrize(
    "forged",
    [
        "1\r\n\r\nEvent: Hangup\r\nPrivilege: call,all\r\nUniqueid: 9.9\r\nCause: 16\r\n\r\n",
        "1\r\n\r\nEvent: QueueMemberAdded\r\nPrivilege: agent,all\r\nInterface: PJSIP/evil",
        "1\r\n\r\nEvent: UserEvent\r\nPrivilege: user,all\r\nUserEvent: CollabRequest\r\n",
        "1\r\n\r\nEvent: UserEvent\r\nPrivilege: user,all\r\nChannel: PJSIP/good-9",
        "1\r\n\r\nEvent: BridgeEnter\r\nPrivilege: call,all\r\nBridgeUniqueid: b1",
        "1\r\n\r\nEvent: AgentConnect\r\nPrivilege: agent,all\r\nInterface: PJSIP/x",
        "1\r\n\r\nEvent: Hold\r\nPrivilege: call,all\r\nChannel: PJSIP/good-9",
    ],
)
def test_events_forged_within_a_sip_number_are_refused(forged: str) -> None:
    """The rest of the genuine event, its Uniqueid and Linkedid, ends up behind the forged one."""
    assert len(forged) <= SIP_LIMIT
    decoder = Decoder()
    decode(event("Newchannel", "call", *channel("PJSIP/good-9", "9.9")), decoder)
    own = channel("PJSIP/evil-1", "1.1", number=forged)
    for name in ("Newchannel", "Hold"):
        for e in decode(event(name, "call", *own), decoder):
            assert isinstance(e, LegUp | LegHeld), e
            assert e.leg == "1.1"
    assert decoder.refused


def test_a_forged_swap_is_not_believed() -> None:
    lines = ["BridgeUniqueid: b1", "BridgeType: basic", "BridgeTechnology: simple_bridge"]
    own = channel("PJSIP/evil-1", "1.1", number="1\r\nSwapUniqueid: 9.9")
    (entered,) = decode(event("BridgeEnter", "call", *lines, *own))
    assert entered == BridgeEntered("b1", "1.1")


def test_an_event_whose_other_channel_is_ambiguous_is_refused() -> None:
    decoder = Decoder()
    decode(event("Newchannel", "call", *channel("PJSIP/evil-1", "1.1")), decoder)
    forged = channel(
        "PJSIP/evil-1", "1.1", number="1\r\nDestChannel: PJSIP/x-9\r\nDestUniqueid: 9.9"
    )
    dest = channel("PJSIP/agent1-2", "1.2", prefix="Dest")
    assert decode(event("AgentConnect", "agent", *forged, *dest, "Queue: q"), decoder) == []
    assert decoder.refused["AgentConnect"] == 1


def test_the_table_says_why_each_event_is_wanted() -> None:
    for name, wanted in EVENTS.items():
        assert wanted.why, name
        assert wanted.privilege in {"call,all", "agent,all", "user,all"}, name
