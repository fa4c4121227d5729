"""The switch the recordings were made on, and the scripts of what was recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from connectors.simulator import Call, MemberSpec, PhoneSpec, QueueSpec, Rings, WorldSpec
from connectors.simulator.asterisk.dialplan import Dialplan, Feature
from connectors.simulator.script import (
    BlindTransfer,
    CompleteTransfer,
    Consult,
    HangUp,
    MoveCaller,
    Press,
    Until,
    Wait,
)

CAPTURES = Path(__file__).parent.parent / "captures" / "asterisk-22"

AGENT1 = MemberSpec("PJSIP/agent1", "Agent One")
AGENT2 = MemberSpec("PJSIP/agent2", "Agent Two")
LOCAL1 = MemberSpec("Local/agent1@from-sip/n", "Agent One", "PJSIP/agent1")
WORLD = WorldSpec(
    phones=(
        PhoneSpec("caller", registered=False),
        *(PhoneSpec(f"agent{n}", one_line=True, hint=n < 3) for n in (1, 2, 3)),
        PhoneSpec("load"),
    ),
    queues=(
        QueueSpec("load0", (MemberSpec("PJSIP/load", "Load Agent"),), ring_in_use=True),
        QueueSpec("support", (AGENT1, AGENT2), ring_timeout=3.0),
        QueueSpec("solo", (AGENT1,)),
        QueueSpec("localq", (LOCAL1,)),
        QueueSpec("nobody"),
    ),
)


def world(recording: bytes) -> WorldSpec:
    """The telephones and queues at the time of a recording; ``localq`` came later than most."""
    if b"Queue: localq" in recording:
        return WORLD
    return replace(WORLD, queues=tuple(q for q in WORLD.queues if q.name != "localq"))


FEATURES = (
    Feature("collab", "*22", "collab-feature", args=("cobrowse",)),
    Feature("collabpeer", "*23", "collab-feature", args=("chat",), on_peer=True),
)
DIALPLAN = """
[from-sip]
exten => 600,1,NoOp(queue support)
 same => n,Answer()
 same => n,Set(__COLLAB_ID=${UNIQUEID})
 same => n,UserEvent(CollabRequest,Type: cobrowse,UserURI: sip:alice@example.org)
 same => n,Queue(support,ctTkK,,,20)
 same => n,UserEvent(CollabEnd,Status: ${QUEUESTATUS})
 same => n,Hangup()
exten => 601,1,Answer()
 same => n,UserEvent(CollabRequest,Type: chat,UserURI: sip:alice@example.org)
 same => n,Queue(nobody,,,,15)
 same => n,Hangup()
exten => 602,1,Queue(solo,tTr,,,30)
exten => 603,1,Answer()
 same => n,UserEvent(CollabRequest,Type: cobrowse)
 same => n,Queue(localq,tT,,,30)
exten => 700,1,Set(__DYNAMIC_FEATURES=collab#collabpeer)
 same => n,Dial(PJSIP/agent1,15,tTkK)
exten => 712,1,Dial(PJSIP/agent2,15,tT)
exten => 800,1,UserEvent(CollabRequest,Type: cobrowse,UserURI: sip:alice@example.org)
 same => n,Queue(load0,,,,20)
exten => agent1,1,Dial(PJSIP/agent1,15,tT)
exten => agent2,1,Dial(PJSIP/agent2,15,tT)
[collab-feature]
exten => s,1,NoOp(feature ${ARG1} on ${CHANNEL})
 same => n,UserEvent(CollabFeature,Type: ${ARG1},ByChannel: ${CHANNEL},Peer: ${BRIDGEPEER},\
DynPeer: ${DYNAMIC_PEERNAME},DynWho: ${DYNAMIC_WHO_ACTIVATED},FeatName: ${DYNAMIC_FEATURENAME},\
CollabID: ${COLLAB_ID})
 same => n,Return()
""".replace("\\\n", "")


def dialplan(name: str) -> Dialplan:
    """The dialplan at the time of a recording; option c of Queue came later than one of them."""
    text = DIALPLAN
    if name == "queue_ring_no_answer":
        text = text.replace("Queue(support,ctTkK", "Queue(support,tTkK")
    return Dialplan().read(text)


SOON = Rings(0.3)
TALK = Until("talking")
SCRIPTS = {
    "queue_answered": Call("600", (TALK, Wait(2.2), HangUp()), phones={"agent1": Rings(0.8)}),
    "queue_answered_agent_hangup": Call("600", (TALK, Wait(2.0), HangUp("agent1"))),
    "queue_abandon": Call("601", (Until("queued"), Wait(3.0), HangUp())),
    "queue_abandon_ringing": Call(
        "602",
        (Until("ringing", "agent1"), Wait(2.0), HangUp()),
        phones={"agent1": Rings(None)},
    ),
    "queue_timeout": Call("601", (Until("queued"), Until("gone"))),
    "queue_ring_no_answer": Call(
        "600",
        (Until("talking", "agent2"), Wait(2.2), HangUp()),
        phones={"agent1": Rings(None)},
    ),
    "queue_local_member": Call("603", (TALK, Wait(2.2), HangUp())),
    "transfer_blind_refer": Call(
        "600",
        (TALK, Wait(2.0), BlindTransfer("agent1", "agent2"), Until("talking", "agent2"),
         Wait(3.9), HangUp()),
    ),
    "transfer_blind_ami": Call(
        "600",
        (TALK, Wait(1.0), BlindTransfer("agent1", "agent2", "control"),
         Until("talking", "agent2"), Wait(3.9), HangUp()),
    ),
    "transfer_attended_refer": Call(
        "600",
        (TALK, Wait(1.0), Consult("agent1", "agent2"), Until("talking", "agent2"), Wait(1.0),
         CompleteTransfer("agent1"), Wait(4.0), HangUp()),
    ),
    "transfer_attended_ami": Call(
        "600",
        (TALK, Wait(1.0), Consult("agent1", "712", "control"), Until("talking", "agent2"),
         Wait(4.2), CompleteTransfer("agent1"), Wait(3.2), HangUp()),
    ),
    "transfer_redirect_ami": Call(
        "600",
        (TALK, Wait(1.0), MoveCaller("agent2"), Until("talking", "agent2"), Wait(3.9), HangUp()),
    ),
    "feature_star22_caller_sipinfo": Call(
        "700", (TALK, Wait(1.0), Press("caller", "*22"), Wait(2.9), HangUp())
    ),
    "feature_star22_caller_rfc4733": Call(
        "700", (TALK, Wait(1.0), Press("caller", "*22", "rtp"), Wait(2.9), HangUp())
    ),
    "feature_star22_agent_sipinfo": Call(
        "700", (TALK, Wait(1.0), Press("agent1", "*22"), Wait(5.0), HangUp())
    ),
    # SIPp cannot send RFC 4733 when it answers: nothing was pressed.
    "feature_star22_agent_rfc4733": Call("700", (TALK, Wait(6.0), HangUp())),
    "feature_star23_caller_runs_on_peer": Call(
        "700", (TALK, Wait(1.0), Press("caller", "*23"), Wait(2.9), HangUp())
    ),
}  # fmt: skip
"""Recording to the script that was recorded."""
