"""What keeps the core small and right whatever comes: bounds, any order of events, purity."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import connectors
from connectors import calls, cti, model
from connectors.model import CallState
from tests.core.world import World

PURE = (
    "model", "agents", "cti", "application", "book", "calls", "commands", "holds", "lines", "marks",
    "outgoing",
    "pairing", "reaching", "unreached",
    "placed", "recovery", "serving",
)  # fmt: skip
ALLOWED = {
    "__future__", "collections", "dataclasses", "enum", "operator", "re", "typing", "urllib",
    "uuid",
}  # fmt: skip


@pytest.mark.parametrize("name", PURE)
def test_the_core_imports_neither_threads_nor_io(name: str) -> None:
    root = Path(connectors.__file__).parent
    module = root / f"{name}.py"
    files = [module] if module.exists() else list((root / name).glob("*.py"))
    assert files
    for node in (node for path in files for node in ast.walk(ast.parse(path.read_text()))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        for imported in names:
            own = imported == "connectors" or imported.split(".")[:2][-1] in PURE
            assert own or imported.partition(".")[0] in ALLOWED, imported


def test_connectors_and_server_never_import_each_other() -> None:
    root = Path(connectors.__file__).parents[1]
    for package, other in (("connectors", "collab_server"), ("collab_server", "connectors")):
        for path in (root / package).rglob("*.py"):
            tree = ast.parse(path.read_text())
            imported = {
                name
                for node in ast.walk(tree)
                for name in (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
            }
            wrong = [name for name in imported if name.partition(".")[0] == other]
            assert not wrong, f"{path.relative_to(root)} imports {wrong}"


def test_a_trace_stops_growing_and_says_so() -> None:
    world = World().caller().mark()
    for n in range(calls.MAX_TRACE * 2):
        world(model.Noted("c", f"line {n}"))
    lines = world.traces["c"]
    assert len(lines) == calls.MAX_TRACE + 1
    assert "the rest is left out" in lines[-1].text


def test_more_legs_than_a_pbx_carries_are_counted_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cti, "MAX_LEGS", 3)
    world = World()
    for n in range(10):
        world.caller(f"c{n}").mark(f"c{n}")
    assert len(world.app.cti.legs) == 3
    assert len(world.app.calls()) == 3
    assert world.app.cti.dropped >= 7


def test_a_huge_conference_is_looked_at_up_to_a_bound() -> None:
    world = World().caller().mark()
    for n in range(cti.MAX_CONVERSATION + 50):
        world(model.LegUp(f"x{n}", f"SIP/x{n}", f"SIP/x{n}"))
        world.bridge("room", f"x{n}")
    world.bridge("room", "c")
    assert len(world.app.cti.conversation("c")) == cti.MAX_CONVERSATION


def test_a_conference_is_walked_once_however_many_are_in_it() -> None:
    class Counted(dict[str, None]):
        walks = 0

        def __iter__(self) -> Iterator[str]:
            self.walks += 1
            return super().__iter__()

    world = World()
    for n in range(100):
        world(model.LegUp(f"x{n}", f"SIP/x{n}", f"SIP/x{n}")).bridge("room", f"x{n}")
    legs = world.app.cti._bridges["room"].legs = Counted(world.app.cti._bridges["room"].legs)
    assert len(world.app.cti.conversation("x50")) == 100
    assert legs.walks == 1


LEGS = st.sampled_from(["c1", "c2", "a1", "a2", "l1", "l2"])
ENDPOINTS = {
    "c1": ("PJSIP/trunk", model.LegRole.INBOUND),
    "c2": ("PJSIP/trunk", model.LegRole.INBOUND),
    "a1": ("PJSIP/1001", model.LegRole.OUTBOUND),
    "a2": ("PJSIP/1002", model.LegRole.OUTBOUND),
    "l1": ("Local/1001@agents", model.LegRole.INTERNAL),
    "l2": ("Local/1001@agents", model.LegRole.INTERNAL),
}
BRIDGES = st.sampled_from(["b1", "b2", "b3"])
QUEUES = st.sampled_from(["q1", "q2"])


def up(leg: str) -> model.LegUp:
    endpoint, role = ENDPOINTS[leg]
    return model.LegUp(leg, f"{endpoint}-{leg}", endpoint, "1", role)


EVENTS = st.one_of(
    st.builds(up, LEGS),
    st.builds(model.LegDown, LEGS, st.just("16")),
    st.builds(model.LegHeld, LEGS, st.booleans()),
    st.just(model.LegsPaired("l1", "l2")),
    st.builds(model.LegDialled, st.one_of(st.none(), LEGS), LEGS),
    st.builds(model.BridgeEntered, BRIDGES, LEGS, st.sampled_from(model.BridgeKind)),
    st.builds(model.BridgeEntered, BRIDGES, LEGS, st.just(model.BridgeKind.TALK), LEGS),
    st.builds(model.BridgeLeft, BRIDGES, LEGS),
    st.builds(model.BridgeGone, BRIDGES),
    st.builds(model.Transferred, LEGS, LEGS),
    st.builds(model.Queued, LEGS, QUEUES, st.one_of(st.none(), st.integers(1, 4))),
    st.builds(
        model.Unqueued, LEGS, QUEUES, st.sampled_from(["served", "abandoned", "timeout", "left"])
    ),
    st.builds(model.Offered, LEGS, LEGS, QUEUES, st.just("PJSIP/1001"), st.just("One")),
    st.builds(model.Served, LEGS, LEGS, QUEUES, st.just("Local/1001@agents/n"), st.just("One")),
    st.builds(model.Marked, LEGS, st.sampled_from(["form", "x"]), st.just(""), st.booleans()),
    st.builds(model.MemberKnown, QUEUES, st.just("Local/1001@agents/n"), st.just("One")),
    st.builds(model.MemberGone, QUEUES, st.just("Local/1001@agents/n")),
    st.builds(
        lambda legs: model.Snapshot(tuple(model.SnapshotLeg(up(leg)) for leg in legs)),
        st.lists(LEGS, unique=True),
    ),
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(EVENTS, max_size=40))
@example(  # the phone that rang is told of once more after it had gone
    [
        model.Snapshot(tuple(model.SnapshotLeg(up(leg)) for leg in ("c1", "c2", "a1"))),
        model.Marked("a1", "form"),
        model.LegDialled("a1", "c2"),
        model.LegDown("c2"),
        up("c2"),
    ]
)
def test_any_order_of_events_keeps_the_books_straight(events: list[model.PbxEvent]) -> None:
    world = World()
    for event in events:
        world(event)
        standing = {call.id: call for call in world.app.calls()}
        for call_id, report in world.latest.items():
            ended = report.state is CallState.ENDED
            assert ended == (report.cause is not None)
            assert ended or call_id in standing
            if call_id in standing:
                assert (report.state is CallState.ACTIVE) <= (report.agent_uri is not None)
        for call in standing.values():
            # The place in line alone may be reported later.
            latest = replace(world.latest[call.id], position=call.position)
            assert latest == call, "what stands was reported as it stands"
        anchors = world.app._book.anchors
        for call_id, call in world.app._book.calls.items():
            on_hold = call.reached_by is not None and call.user_leg not in world.app.cti.legs
            assert on_hold or anchors[call.user_leg] is call, call_id
        assert {call.id for call in anchors.values()} <= standing.keys()
        ringing = world.app._outgoing._ringing
        for call in [*ringing.values(), *world.app._book.calls.values()]:
            assert call.id in standing
            assert call.reached_by is None or ringing[call.reached_by] is call
    world.wait(5)
    for call in world.app.calls():
        assert world.latest[call.id] == call
        assert (call.agent_uri is not None) == (call.state is CallState.ACTIVE)
        if call.agent_leg is not None:
            agent_leg = world.app.cti.legs[call.agent_leg]
            assert agent_leg.role is not model.LegRole.INTERNAL
    world(model.Snapshot(()))
    assert world.app.calls() == []
    assert world.app._book.names == world.app._book.anchors == {}
    assert world.app._outgoing._ringing == world.app._book.proxies == {}
    assert all(not line for line in world.app._book.lines._lines.values())
