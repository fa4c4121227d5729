"""The switch the simulator plays when nobody gives it another: agents, callers, queues, dialplan.

======================  ===================================================================
``600``                 marked ``form``, then queue ``support``
``601``                 marked ``chat``, then queue ``nobody``, which gives up after 15 s
``602``                 an ordinary call to ``support``
``603``                 marked ``form``, then ``local``, whose members are ``Local/…`` channels
``<type>-<queue>``      marked with that type, then that queue (``q-<queue>``: not marked)
``<phone>``             rings it, feature codes armed
``<type>-<phone>``      rings it, marked
``pair-<queue>``        has a pairing code keyed in, then that queue
``code-<queue>``        says a pairing code, then that queue
``login``, ``logout``   the caller's telephone joins or leaves queue ``dynamic``
======================  ===================================================================

Agents are ``1001`` to ``1010`` (``PJSIP/1001`` …), callers ``caller``, ``caller2``, ``caller3``.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..world import MemberSpec, PhoneSpec, QueueSpec, Rings, WorldSpec
from .dialplan import Dialplan, Feature

COLLAB = r"""
[collab]
exten => request,1,Set(LOCAL(type)=${FILTER(A-Za-z0-9_\x2d,${ARG1:0:32})})
 same => n,Set(LOCAL(raw)=${URIENCODE(${ARG2:0:300})})
 same => n,Set(LOCAL(user)=${FILTER(A-Za-z0-9%._~\x2d,${raw})})
 same => n,ExecIf($[${LEN(${user})} != ${LEN(${raw})}]?Set(LOCAL(user)=unreadable))
 same => n,Set(LOCAL(header_type)=)
 same => n,Set(LOCAL(header_user)=)
 same => n,GotoIf($["${CHANNEL(channeltype)}" != "PJSIP"]?mark)
 same => n,Set(LOCAL(header_type)=${FILTER(A-Za-z0-9_\x2d,${PJSIP_HEADER(read,X-Collab-Type):0:32})})
 same => n,Set(LOCAL(raw)=${URIENCODE(${PJSIP_HEADER(read,X-Collab-User):0:300})})
 same => n,Set(LOCAL(header_user)=${FILTER(A-Za-z0-9%._~\x2d,${raw})})
 same => n,ExecIf($[${LEN(${header_user})} != ${LEN(${raw})}]?Set(LOCAL(header_user)=unreadable))
 same => n(mark),Set(COLLAB_TYPE=${type})
 same => n,Set(COLLAB_USER_URI=${user})
 same => n,Set(COLLAB_HEADER_TYPE=${header_type})
 same => n,Set(COLLAB_HEADER_USER_URI=${header_user})
 same => n,UserEvent(CollabRequest,HeaderType: ${header_type},HeaderUserURI: ${header_user},Feature: 0,Type: ${type},UserURI: ${user})
 same => n,Gosub(features,1)
 same => n,Return()
exten => pair,1,Answer()
 same => n,Set(LOCAL(tries)=3)
 same => n,Set(LOCAL(sounds)=${IF($[${LEN(${COLLAB_PAIR_PROMPT})}]?${COLLAB_PAIR_PROMPT}:vm-password)})
 same => n,Gosub(pair-once,1(${sounds},8))
 same => n(answered),Set(LOCAL(tries)=$[${tries} - 1])
 same => n,GotoIf($["${GOSUB_RETVAL}" != "wrong" | ${tries} = 0]?over)
 same => n,Gosub(pair-once,1(${IF($[${LEN(${COLLAB_PAIR_WRONG})}]?${COLLAB_PAIR_WRONG}:privacy-incorrect)}&${sounds},8))
 same => n,Goto(answered)
 same => n(over),Gosub(pair-said,1(${GOSUB_RETVAL}))
 same => n,Return()
exten => pair-once,1,Read(COLLAB_CODE,${ARG1},6,,1,${ARG2})
 same => n,Set(LOCAL(code)=${FILTER(0-9,${COLLAB_CODE:0:16})})
 same => n,Set(COLLAB_CODE=)
 same => n,Set(COLLAB_ANSWER=)
 same => n,GotoIf($[${LEN(${code})} = 0]?over)
 same => n,UserEvent(CollabPair,Ask: 0,Code: ${code})
 same => n,Gosub(heard,1)
 same => n(over),Return(${COLLAB_ANSWER})
exten => pair-said,1,GotoIf($["${ARG1}" = "right"]?right)
 same => n,GotoIf($["${ARG1}" != "wrong"]?over)
 same => n,Playback(${IF($[${LEN(${COLLAB_PAIR_WRONG})}]?${COLLAB_PAIR_WRONG}:privacy-incorrect)})
 same => n(over),Return()
 same => n(right),Playback(${IF($[${LEN(${COLLAB_PAIR_RIGHT})}]?${COLLAB_PAIR_RIGHT}:privacy-thankyou)})
 same => n,Return()
exten => give-code,1,Answer()
 same => n,Set(COLLAB_ANSWER=)
 same => n,UserEvent(CollabPair,Ask: 1,Code: )
 same => n,Gosub(heard,1)
 same => n,Set(LOCAL(code)=${FILTER(0-9,${COLLAB_ANSWER:0:16})})
 same => n,GotoIf($[${LEN(${code})} != 6]?over)
 same => n,Playback(${IF($[${LEN(${COLLAB_CODE_PROMPT})}]?${COLLAB_CODE_PROMPT}:your&number&is)})
 same => n,SayDigits(${code})
 same => n,Wait(1)
 same => n,SayDigits(${code})
 same => n(over),Return()
exten => heard,1,Set(LOCAL(left)=16)
 same => n(look),GotoIf($[${LEN(${COLLAB_ANSWER})} | ${left} = 0]?over)
 same => n,Wait(0.25)
 same => n,Set(LOCAL(left)=$[${left} - 1])
 same => n,Goto(look)
 same => n(over),Return()
exten => features,1,GotoIf($[${REGEX("collab-form" ${DYNAMIC_FEATURES})}]?armed)
 same => n,Set(LOCAL(others)=${DYNAMIC_FEATURES})
 same => n,Set(__DYNAMIC_FEATURES=${others}${IF($[${LEN(${others})}]?#:)}collab-form#collab-cobrowse#collab-chat#collab-pair)
 same => n(armed),Return()
[collab-feature]
exten => pair,1,Gosub(collab,pair-once,1(beep,5))
 same => n,Gosub(collab,pair-said,1(${GOSUB_RETVAL}))
 same => n,Return()
exten => form,1,Set(COLLAB_TYPE=form)
 same => n,UserEvent(CollabRequest,Feature: 1,Type: form,UserURI: )
 same => n,Return()
exten => cobrowse,1,Set(COLLAB_TYPE=cobrowse)
 same => n,UserEvent(CollabRequest,Feature: 1,Type: cobrowse,UserURI: )
 same => n,Return()
exten => chat,1,Set(COLLAB_TYPE=chat)
 same => n,UserEvent(CollabRequest,Feature: 1,Type: chat,UserURI: )
 same => n,Return()
[collab-wait]
exten => _to_!,1,Set(TIMEOUT(absolute)=43200)
 same => n,Set(COLLAB_QUEUE=${FILTER(0-9A-Za-z_.+\x2d,${EXTEN:3:80})})
 same => n,Set(__NODEST=${COLLAB_QUEUE})
 same => n,Set(COLLAB_CALL=${FILTER(0-9a-f\x2d,${COLLAB_CALL:0:36})})
 same => n,Set(COLLAB_TYPE=${FILTER(A-Za-z0-9_\x2d,${COLLAB_TYPE:0:32})})
 same => n,Set(COLLAB_USER_URI=${FILTER(A-Za-z0-9%._~\x2d,${COLLAB_USER_URI:0:900})})
 same => n,Set(CALLERID(name)=${FILTER(A-Za-z0-9 ._\x2d\x80-\xff,${CALLERID(name):0:240})})
 same => n,UserEvent(CollabRequest,Feature: 0,Type: ${COLLAB_TYPE},UserURI: ${COLLAB_USER_URI})
 same => n,Gosub(collab,features,1)
 same => n,Set(__COLLAB_DIAL=${FILTER(0-9A-Za-z_.\x2d,${COLLAB_DIAL:0:80})})
 same => n,Set(__COLLAB_PBX=${FILTER(0-9A-Za-z_.\x2d,${TRANSFER_CONTEXT:0:80})})
 same => n,ExecIf($["${COLLAB_PBX}${COLLAB_DIAL}" != ""]?Set(__TRANSFER_CONTEXT=collab-passed))
 same => n,Queue(${COLLAB_QUEUE},cr,,,${FILTER(0-9,${COLLAB_WAIT:0:6})},,,${FILTER(0-9\x2c,${COLLAB_PLACE:0:8})})
 same => n,GotoIf($["${QUEUESTATUS}" != "CONTINUE"]?end)
 same => n(alone),Set(COLLAB_FAR=${CHANNEL(name):0:-1}1)
 same => n,GotoIf($["${IMPORT(${COLLAB_FAR},BRIDGEPEER)}" != ""]?end)
 same => n,TryExec(ChannelRedirect(${COLLAB_FAR},collab-far,silent,1))
 same => n,Wait(43200)
 same => n(end),Hangup()
[collab-far]
exten => s,1,PlayTones(220/60,0/4940)
 same => n,Wait(43200)
 same => n,Hangup()
exten => silent,1,StopPlayTones()
 same => n,Wait(43200)
 same => n,Hangup()
[collab-passed]
exten => _[0-9A-Za-z+*#],1,Set(COLLAB_TO=${EXTEN})
 same => n,Goto(collab-passing,s,1)
exten => _[0-9A-Za-z+*#].,1,Set(COLLAB_TO=${FILTER(0-9A-Za-z_.+*#\x2d,${EXTEN:0:64})})
 same => n,Goto(collab-passing,s,1)
[collab-passing]
exten => s,1,Set(COLLAB_BY=${FILTER(0-9A-Za-z_.\x2d,${BLINDTRANSFER:6:-9})})
 same => n,Set(COLLAB_IN=${COLLAB_PBX})
 same => n,ExecIf($["${COLLAB_IN}" = "" & "${BLINDTRANSFER:0:6}" = "PJSIP/"]?Set(COLLAB_IN=${PJSIP_ENDPOINT(${COLLAB_BY},context)}))
 same => n,ExecIf($["${COLLAB_IN}" = ""]?Set(COLLAB_IN=${COLLAB_DIAL}))
 same => n,Set(COLLAB_IN=${FILTER(0-9A-Za-z_.\x2d,${COLLAB_IN:0:80})})
 same => n,GotoIf($["${COLLAB_CALL}" = ""]?${COLLAB_IN},${COLLAB_TO},1)
 same => n,Dial(Local/${COLLAB_TO}@${COLLAB_IN},,g)
 same => n,Goto(collab-wait,to_${COLLAB_QUEUE},alone)
[collab-voice]
exten => _to_!,1,StopPlayTones()
 same => n,Dial(Local/${FILTER(0-9A-Za-z_.+*#\x2d,${EXTEN:3:64})}@${FILTER(0-9A-Za-z_.\x2d,${COLLAB_DIAL:0:80})},60)
 same => n,UserEvent(CollabUnreached,Status: ${FILTER(A-Z,${DIALSTATUS})})
 same => n,Goto(collab-far,s,1)
[collab-dial]
exten => _to_!,1,Set(COLLAB_TYPE=${FILTER(A-Za-z0-9_\x2d,${COLLAB_TYPE:0:32})})
 same => n,Set(COLLAB_USER_URI=${FILTER(A-Za-z0-9%._~\x2d,${COLLAB_USER_URI:0:900})})
 same => n,Set(CALLERID(name)=)
 same => n,Set(CALLERID(num)=${FILTER(0-9A-Za-z_.+\x2d,${CHANNEL(endpoint)})})
 same => n,Gosub(collab,features,1)
 same => n,Goto(${FILTER(0-9A-Za-z_.\x2d,${COLLAB_DIAL:0:80})},${FILTER(0-9A-Za-z_.+*#\x2d,${EXTEN:3:64})},1)
"""  # noqa: E501  # the lines of dialplan/asterisk/collab.conf as they are; a test compares them
FEATURE_NAMES = "collab-form#collab-cobrowse#collab-chat#collab-pair"
FEATURES = (
    Feature("collab-form", "*22", "collab-feature", "form"),
    Feature("collab-cobrowse", "*23", "collab-feature", "cobrowse"),
    Feature("collab-chat", "*24", "collab-feature", "chat"),
    Feature("collab-pair", "*29", "collab-feature", "pair"),
)
"""dialplan/asterisk/features.conf."""

TYPES = ("form", "cobrowse", "chat")
CALLERS = ("caller", "caller2", "caller3")


def world(agents: int = 10, *, rings: Rings = Rings()) -> WorldSpec:  # noqa: B008  # frozen
    """Telephones and queues; the first half of the agents serve ``support``."""
    names = [str(1001 + n) for n in range(agents)]
    half = names[: (agents + 1) // 2]
    rest = names[len(half) :] or half
    phones = [PhoneSpec(name) for name in CALLERS]
    phones += [
        PhoneSpec(
            name,
            display=f"Agent {name}",
            one_line=True,
            hint=True,
            rings=rings,
            variables={"__DYNAMIC_FEATURES": FEATURE_NAMES},
        )
        for name in names
    ]
    direct = tuple(MemberSpec(f"PJSIP/{name}", f"Agent {name}") for name in half)
    local = tuple(
        MemberSpec(f"Local/{name}@from-queue/n", f"Agent {name}", f"PJSIP/{name}") for name in rest
    )
    queues = (
        QueueSpec("support", direct, strategy="rrmemory"),
        QueueSpec("local", local, strategy="rrmemory"),
        QueueSpec("team", direct + local, strategy="rrmemory"),
        QueueSpec("all", direct, strategy="ringall"),
        QueueSpec("nobody"),
        QueueSpec("dynamic"),
    )
    return WorldSpec(tuple(phones), queues)


def dialplan(spec: WorldSpec) -> Dialplan:
    """The table above, for these telephones and queues."""
    lines = [COLLAB, "[from-sip]"]
    waits = {"nobody": ",,,15"}
    for queue in spec.queues:
        call = f"Queue({queue.name},c{waits.get(queue.name, '')})"
        lines += _exten(f"q-{queue.name}", call)
        lines += _exten(f"pair-{queue.name}", "Gosub(collab,pair,1)", call)
        lines += _exten(f"code-{queue.name}", "Gosub(collab,give-code,1)", call)
        for mark in TYPES:
            lines += _exten(f"{mark}-{queue.name}", _mark(mark), call)
    for number, mark, queue_name in (
        ("600", "form", "support"), ("601", "chat", "nobody"), ("602", "", "support"),
        ("603", "form", "local"),
    ):  # fmt: skip
        call = f"Queue({queue_name},c{waits.get(queue_name, '')})"
        lines += _exten(number, *([_mark(mark)] if mark else []), call)
    for phone in spec.phones:
        ring = f"Dial(PJSIP/{phone.name},30)"
        lines += _exten(phone.name, "Gosub(collab,features,1)", ring)
        for mark in TYPES:
            lines += _exten(f"{mark}-{phone.name}", _mark(mark), ring)
    lines += _exten("login", "AddQueueMember(dynamic,PJSIP/${CALLERID(num)})")
    lines += _exten("logout", "RemoveQueueMember(dynamic,PJSIP/${CALLERID(num)})")
    lines.append("[from-queue]")
    for phone in spec.phones:
        lines += _exten(phone.name, f"Dial(PJSIP/{phone.name},30)")
    return Dialplan().read("\n".join(lines))


def _mark(kind: str) -> str:
    return f"Gosub(collab,request,1({kind}))"


def _exten(name: str, *steps: str) -> Iterable[str]:
    first, *rest = [*steps, "Hangup()"]
    return [f"exten => {name},1,{first}", *(f" same => n,{step}" for step in rest)]
