"""Commands of the server: what each asks of the PBX, and what is refused before it gets there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.commands import MAX_RINGING
from connectors.model import (
    Command,
    DialBoth,
    LegRole,
    LegUp,
    MemberKnown,
    PauseMember,
    PlaceCall,
    Result,
)
from tests.core.world import SETTINGS, World

ID = "0b0f5b8e-6f6e-4d3a-9f0b-2f1f7a1c9d11"
OTHER = "4d9a3a52-2d4f-4a6c-8d0e-7b1f0c2e5a22"
DIALS = replace(SETTINGS, dial_context="from-internal", max_placeholders=2, phone="PJSIP/{name}")


def queue(id_: str = ID, **args: Any) -> Command:
    given = {
        "queue": "support",
        "type": "form",
        "user_uri": "web:7f3a",
        "name": "Ann Lee",
        "waited": 0,
        "wait": 600,
    }
    return Command(id_, "queue", id_, {**given, **args})


def dial(id_: str = ID, **args: Any) -> Command:
    given = {"agent_uri": "sip:1001@pbx.example.org", "user_uri": "tel:+493012345", "type": "form"}
    return Command(id_, "dial", id_, {**given, **args})


def decide(command: Command, world: World | None = None) -> Any:
    world = world or World(DIALS)
    return world.app.command(command, world.now)


def why(decided: Any) -> str:
    assert isinstance(decided, Result)
    assert decided.status == "failed"
    return decided.detail


def test_a_placeholder_is_placed_under_the_commands_id() -> None:
    assert decide(queue()) == PlaceCall(
        ID, "support", "form", "web:7f3a", "Ann Lee", waited=0.0, wait=600.0
    )


def test_only_letters_and_digits_of_a_name_reach_a_telephone() -> None:
    placed = decide(queue(name='Ann "${EXTEN}" <7>, Lee|李'))
    assert placed.name == "Ann EXTEN 7 Lee 李"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (queue("ID"), "UUID"),
        (queue(ID.upper()), "UUID"),
        (queue("0b0f5b8e-6f6e-1d3a-9f0b-2f1f7a1c9d11"), "version 4"),
        (replace(queue(), call=OTHER), "own id"),
        (queue(queue="a/b"), "args.queue"),
        (queue(queue="support\n"), "args.queue"),
        (queue(queue="-x"), "args.queue"),
        (queue(queue="${X}"), "args.queue"),
        (queue(queue=7), "args.queue"),
        (queue(type="phone"), "args.type"),
        (queue(user_uri="7f3a"), "args.user_uri"),
        (queue(user_uri="sip:a\r\nb@x"), "args.user_uri"),
        (queue(name="a\r\nVariable: X=1"), "args.name"),
        (queue(name="x" * 61), "args.name"),
        (queue(wait="soon"), "args.wait"),
        (queue(wait=True), "args.wait"),
        (queue(wait=1e9), "args.wait"),
        (queue(wait=float("nan")), "args.wait"),
        (queue(waited=-1), "args.waited"),
        (dial("x"), "UUID"),
        (dial(agent_uri="sip:nobody@elsewhere.example"), "no telephone of"),
        (dial(agent_uri="sip:2001@pbx.example.org"), "no telephone of"),
        (dial(user_uri="sip:bob@elsewhere.example"), "not in pbx.example.org"),
        (dial(user_uri="sip:bob"), "not in pbx.example.org"),
        (dial(user_uri="mailto:bob@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="tel:+49/30"), "cannot be dialled"),
        (dial(user_uri="sip:1%0d%0a2@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="sip:1%402@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="sip:a,b@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="tel:"), "args.user_uri"),
        # what a server that was broken into could hope to be dialled as a number it is not seen as
        (dial(user_uri="tel:0900x1234567"), "cannot be dialled"),
        (dial(user_uri="tel:0900_1234567"), "cannot be dialled"),
        (dial(user_uri="tel:robin"), "cannot be dialled"),
        (dial(user_uri="sip:%30900%31234567@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="sip:0900x1234567@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="sip:0900_1234567@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="sip:++499001234567@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="sip:09001234567%23@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri=f"sip:09001234567{'0' * 10}@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="sip:*7209001234567@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="sip:-bleg@pbx.example.org"), "cannot be dialled"),
        (dial(user_uri="sip:h@pbx.example.org"), "cannot be dialled"),
        (Command("v", "voice", ID, {"user_uri": "tel:1"}), "does not stand"),
        (Command("p", "pause", None, {"agent_uri": "sip:1001@x", "paused": True}), "no queue has"),
        (Command("p", "pause", None, {"agent_uri": "sip:1001@x", "paused": 1}), "args.paused"),
    ],
)
def test_a_value_of_another_form_is_refused_by_name(command: Command, reason: str) -> None:
    assert reason in why(decide(command))


@pytest.mark.parametrize(
    ("uri", "number"),
    [
        ("tel:+49-30-123.45", "+493012345"),
        ("tel:7042;phone-context=pbx.example.org", "7042"),
        ("sip:1002@PBX.example.org", "1002"),
        ("sips:+49.30-12345@pbx.example.org;user=phone", "+493012345"),
        ("sip:robin_m@pbx.example.org", "robin_m"),
        ("sip:alice-1.2@pbx.example.org", "alice-1.2"),
    ],
)
def test_what_is_dialled_for_a_users_uri(uri: str, number: str) -> None:
    assert decide(dial(user_uri=uri)) == DialBoth(
        ID, "PJSIP/1001", number, "from-internal", "form", uri, call=ID
    )


def test_nobody_is_dialled_without_a_context() -> None:
    assert why(decide(dial(), World())) == "no_dialling: dial_context is not set"


def test_an_agents_phone_is_named_by_the_settings_or_a_queue() -> None:
    assert decide(dial(agent_uri="sip:wang@example.org")).endpoint == "PJSIP/1009"
    world = World(replace(DIALS, agent_endpoints=()))
    world(MemberKnown("support", "Local/7@agents/n", "Li", "PJSIP/7"))
    assert decide(dial(agent_uri="sip:7@pbx.example.org"), world).endpoint == "PJSIP/7"


def test_placeholders_are_capped_and_one_that_failed_counts_no_more() -> None:
    world = World(DIALS)
    assert isinstance(decide(queue(ID), world), PlaceCall)
    assert isinstance(decide(queue(OTHER), world), PlaceCall)
    third = ID.replace("0b0f", "0b0e")
    assert why(decide(queue(third), world)).startswith("full")
    world.app.settled(Result(OTHER, "failed", "no such queue"))
    assert isinstance(decide(queue(third), world), PlaceCall)


def test_no_placeholders_where_none_are_allowed() -> None:
    assert why(decide(queue(), World(replace(DIALS, max_placeholders=0)))).startswith("full")


def test_telephones_are_rung_so_many_at_a_time() -> None:
    world = World(DIALS)
    ids = [f"{n:08x}{ID[8:]}" for n in range(MAX_RINGING + 1)]
    for leg in ids[:-1]:
        assert isinstance(decide(dial(leg), world), DialBoth)
        world(LegUp(leg, f"PJSIP/1001-{leg}", "PJSIP/1001", "", LegRole.OUTBOUND, placed=leg))
    assert why(decide(dial(ids[-1]), world)).startswith("full: 50 calls are being dialled")
    world.down(ids[0])
    assert isinstance(decide(dial(ids[-1]), world), DialBoth)


def test_the_members_of_an_agent_are_paused_as_the_queues_name_them() -> None:
    world = World(DIALS)
    world(
        MemberKnown("support", "Local/1001@from-queue/n", "Wang", "hint:1001@ext-local"),
        MemberKnown("sales", "PJSIP/1001", "Wang"),
        MemberKnown("sales", "PJSIP/1002", "Li"),
        MemberKnown("vip", "PJSIP/1001", "Wang"),
    )
    args = {"agent_uri": "sip:1001@pbx.example.org", "paused": True, "reason": "collaboration"}
    assert decide(Command("p", "pause", None, args), world) == PauseMember(
        ("Local/1001@from-queue/n", "PJSIP/1001"), True, "collaboration"
    )


def test_a_member_the_settings_name_is_nobody_elses() -> None:
    world = World(DIALS)
    world(MemberKnown("support", "PJSIP/1009"))
    args = {"agent_uri": "sip:1009@pbx.example.org", "paused": True}
    assert "no queue has" in why(decide(Command("p", "pause", None, args), world))


def test_only_what_the_connector_placed_is_hung_up() -> None:
    world = World(DIALS).caller().mark()
    assert "not placed" in why(decide(Command("h", "hangup", "c"), world))
    gone = decide(Command("h", "hangup", OTHER), world)
    assert isinstance(gone, Result)
    assert gone.status == "done"


def test_an_ordinary_call_becomes_no_voice_call() -> None:
    world = World(DIALS).queue_call()
    command = Command("v", "voice", "c", {"user_uri": "tel:1"})
    assert why(decide(command, world)) == "call_over: the call is not a placeholder"
