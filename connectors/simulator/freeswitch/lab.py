"""The switch the simulator plays when nobody gives it another: agents, callers, queues, dialplan.

The numbers are those of `connectors.simulator.asterisk.lab`, so that one script runs on both:

======================  ===================================================================
``600``                 marked ``form``, then queue ``support``
``601``                 marked ``chat``, then queue ``nobody``, which gives up after 15 s
``602``                 an ordinary call to ``support``
``603``                 marked ``form``, then ``local``, whose agents are ``loopback/…`` contacts
``650``                 the keypad menu ``support`` of an outbound socket, then that queue
``<type>-<queue>``      marked with that type, then that queue (``q-<queue>``: not marked)
``<type>-line``         the same, then ``line`` of mod_fifo; ``next-line`` takes its next caller
``pair-<queue>``        has a pairing code keyed in, then that queue
``code-<queue>``        says a pairing code, then that queue
``<phone>``             rings it, feature codes armed
``<type>-<phone>``      rings it, marked
======================  ===================================================================

Agents are the directory users ``1001`` to ``1010``; ``caller``, ``caller2`` and ``caller3`` call
from outside. Not here: ``login``, ``logout``.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from ..world import MemberSpec, PhoneSpec, QueueSpec, Rings, WorldSpec
from .dialplan import Dialplan

COLLAB = r"""
<include>
  <context name="collab">

    <extension name="collab_request">
      <condition field="destination_number" expression="(?s)^collab_request(_.*)?$">
        <action application="set" data="collab_type=" inline="true"/>
      </condition>
      <condition field="destination_number" expression="^collab_request_" break="never">
        <action application="set" data="collab_type=unreadable" inline="true"/>
      </condition>
      <condition field="destination_number" expression="^collab_request_([A-Za-z0-9_-]{1,32})$" break="never">
        <action application="set" data="collab_type=$1" inline="true"/>
      </condition>
      <condition field="${url_encode(${collab_user_uri})}" expression="^((?:[A-Za-z0-9._~!*()/-]|%[2-689A-F][0-9A-F]|%7[0-9A-E]){0,300})$" break="never">
        <action application="set" data="collab_user_uri=$1" inline="true"/>
        <anti-action application="set" data="collab_user_uri=unreadable" inline="true"/>
      </condition>
      <condition field="${sip_h_X-Collab-Type}" expression="^([A-Za-z0-9_-]{0,32})$" break="never">
        <action application="set" data="collab_header_type=$1" inline="true"/>
        <anti-action application="set" data="collab_header_type=unreadable" inline="true"/>
      </condition>
      <condition field="${url_encode(${sip_h_X-Collab-User})}" expression="^((?:[A-Za-z0-9._~!*()/-]|%[2-689A-F][0-9A-F]|%7[0-9A-E]){0,300})$" break="never">
        <action application="set" data="collab_header_user_uri=$1" inline="true"/>
        <anti-action application="set" data="collab_header_user_uri=unreadable" inline="true"/>
      </condition>
      <condition>
        <action application="event" data="Event-Name=CUSTOM,Event-Subclass=collab::request,Collab-Feature=0,Collab-Header-Type=${collab_header_type},Collab-Header-User-URI=${collab_header_user_uri},Collab-Type=${collab_type},Collab-User-URI=${collab_user_uri}"/>
        <action application="execute_extension" data="collab_features XML collab"/>
      </condition>
    </extension>
    <extension name="collab_features">
      <condition field="destination_number" expression="^collab_features$">
        <action application="bind_digit_action" data="collab,*22,exec[H]:execute_extension,collab_feature_form XML collab,self,self"/>
        <action application="bind_digit_action" data="collab,*22,exec[H]:execute_extension,collab_feature_form XML collab,peer,peer"/>
        <action application="bind_digit_action" data="collab,*23,exec[H]:execute_extension,collab_feature_cobrowse XML collab,self,self"/>
        <action application="bind_digit_action" data="collab,*23,exec[H]:execute_extension,collab_feature_cobrowse XML collab,peer,peer"/>
        <action application="bind_digit_action" data="collab,*24,exec[H]:execute_extension,collab_feature_chat XML collab,self,self"/>
        <action application="bind_digit_action" data="collab,*24,exec[H]:execute_extension,collab_feature_chat XML collab,peer,peer"/>
        <action application="bind_digit_action" data="collab,*29,exec[H]:execute_extension,collab_feature_pair XML collab,self,self"/>
        <action application="bind_digit_action" data="collab,*29,exec[H]:execute_extension,collab_feature_pair XML collab,peer,peer"/>
      </condition>
    </extension>
    <extension name="collab_feature">
      <condition field="destination_number" expression="^collab_feature_(form|cobrowse|chat)$">
        <action application="set" data="collab_type=$1"/>
        <action application="event" data="Event-Name=CUSTOM,Event-Subclass=collab::request,Collab-Feature=1,Collab-Type=$1,Collab-User-URI="/>
      </condition>
    </extension>
    <extension name="collab_pair">
      <condition field="destination_number" expression="^collab_pair$"/>
      <condition field="${collab_pair_prompt}|${file_exists(${sound_prefix}/ivr/8000/ivr-please_enter_pin_followed_by_pound.wav)}" expression="^\|true" break="never">
        <action application="set" data="collab_pair_prompt=ivr/ivr-please_enter_pin_followed_by_pound.wav" inline="true"/>
      </condition>
      <condition field="${collab_pair_prompt}" expression="^$" break="never">
        <action application="set" data="collab_pair_prompt=tone_stream://%(200,100,700);%(400,0,900)" inline="true"/>
      </condition>
      <condition>
        <action application="answer"/>
        <action application="set" data="collab_answer=wrong"/>
        <action application="set" data="collab_pair_sound=${collab_pair_prompt}"/>
        <action application="set" data="collab_pair_time=8000"/>
        <action application="execute_extension" data="collab_pair_try XML collab" loop="3"/>
      </condition>
    </extension>
    <extension name="collab_feature_pair">
      <condition field="destination_number" expression="^collab_feature_pair$">
        <action application="set" data="collab_answer=wrong"/>
        <action application="set" data="collab_pair_sound=tone_stream://%(200,0,900)"/>
        <action application="set" data="collab_pair_time=5000"/>
        <action application="execute_extension" data="collab_pair_try XML collab"/>
      </condition>
    </extension>
    <extension name="collab_pair_try">
      <condition field="destination_number" expression="^collab_pair_try$"/>
      <condition field="${collab_answer}" expression="^wrong$">
        <action application="unset" data="collab_answer"/>
        <action application="play_and_get_digits" data="6 6 1 ${collab_pair_time} # ${collab_pair_sound} silence_stream://20 collab_code [0-9]{6} 4000"/>
        <action application="execute_extension" data="collab_pair_code XML collab"/>
      </condition>
    </extension>
    <extension name="collab_pair_code">
      <condition field="destination_number" expression="^collab_pair_code$"/>
      <condition field="${collab_code}" expression="^([0-9]{6})$">
        <action application="unset" data="collab_code"/>
        <action application="event" data="Event-Name=CUSTOM,Event-Subclass=collab::pair,Collab-Ask=0,Collab-Code=$1"/>
        <action application="execute_extension" data="collab_wait XML collab" loop="16"/>
        <action application="execute_extension" data="collab_pair_said XML collab"/>
      </condition>
    </extension>
    <extension name="collab_pair_said">
      <condition field="destination_number" expression="^collab_pair_said$"/>
      <condition field="${collab_answer}|${collab_pair_right}" expression="^right\|$" break="never">
        <action application="playback" data="tone_stream://%(150,50,700);%(300,0,1050)"/>
      </condition>
      <condition field="${collab_answer}|${collab_pair_right}" expression="^right\|." break="never">
        <action application="playback" data="${collab_pair_right}"/>
      </condition>
      <condition field="${collab_answer}|${collab_pair_wrong}" expression="^wrong\|$" break="never">
        <action application="playback" data="tone_stream://%(500,0,300)"/>
      </condition>
      <condition field="${collab_answer}|${collab_pair_wrong}" expression="^wrong\|.">
        <action application="playback" data="${collab_pair_wrong}"/>
      </condition>
    </extension>
    <extension name="collab_give_code">
      <condition field="destination_number" expression="^collab_give_code$"/>
      <condition field="${collab_say}" expression="^$" break="never">
        <action application="set" data="collab_say=en number iterated" inline="true"/>
      </condition>
      <condition>
        <action application="answer"/>
        <action application="unset" data="collab_answer"/>
        <action application="event" data="Event-Name=CUSTOM,Event-Subclass=collab::pair,Collab-Ask=1"/>
        <action application="execute_extension" data="collab_wait XML collab" loop="16"/>
        <action application="execute_extension" data="collab_say_code XML collab"/>
        <action application="unset" data="collab_answer"/>
      </condition>
    </extension>
    <extension name="collab_say_code">
      <condition field="destination_number" expression="^collab_say_code$"/>
      <condition field="${collab_answer}" expression="^([0-9]{6})$">
        <action application="say" data="${collab_say} $1"/>
        <action application="sleep" data="1000"/>
        <action application="say" data="${collab_say} $1"/>
      </condition>
    </extension>
    <extension name="collab_wait">
      <condition field="destination_number" expression="^collab_wait$"/>
      <condition field="${collab_answer}" expression="^$">
        <action application="sleep" data="250"/>
      </condition>
    </extension>
    <extension name="collab_menu">
      <condition field="destination_number" expression="^collab_menu_([A-Za-z0-9_-]{1,32})$">
        <action application="set" data="collab_menu=$1" inline="true"/>
        <action application="set" data="collab_menu_guard=" inline="true"/>
      </condition>
      <condition field="${collab_menu_over}" expression="^true$" break="on-true">
        <action application="set" data="collab_menu_over=" inline="true"/>
      </condition>
      <condition field="${collab_then}|${collab_queue}" expression="^(?=..)([A-Za-z0-9_.*+@-]+ XML [A-Za-z0-9_.@-]+)?\|[A-Za-z0-9_.@-]{0,100}$">
        <action application="set" data="collab_menu_guard=${sched_api(+2 collab_menu-${uuid} uuid_setvar ${uuid} socket_resume)}" inline="true"/>
        <action application="set" data="collab_menu_guard=${sched_api(+4 collab_menu-${uuid} uuid_transfer ${uuid} collab_onward XML collab)}" inline="true"/>
        <anti-action application="log" data="ERR collab_menu_${collab_menu}: set collab_queue (or collab_then) before it; no menu for this call"/>
      </condition>
      <condition field="${collab_menu_guard}" expression="^\+OK">
        <action application="set" data="socket_resume=true"/>
        <action application="socket" data="127.0.0.1:8084 async full"/>
        <action application="unset" data="socket_resume"/>
        <action application="set" data="collab_menu_guard=${sched_del(collab_menu-${uuid})}"/>
        <action application="unset" data="collab_menu_guard"/>
      </condition>
    </extension>
    <extension name="collab_onward">
      <condition field="destination_number" expression="^collab_onward$"/>
      <condition field="${collab_then}" expression="^[A-Za-z0-9_.*+@-]+ XML [A-Za-z0-9_.@-]+$">
        <action application="set" data="collab_menu_over=true"/>
        <action application="transfer" data="${collab_then}"/>
        <anti-action application="callcenter" data="${collab_queue}"/>
      </condition>
    </extension>

  </context>
</include>
"""  # noqa: E501  # dialplan/freeswitch/collab.xml without its comments; a test compares them
OUTBOUND = "127.0.0.1:8084"
"""Where collab.xml hands calls over."""
TYPES = ("form", "cobrowse", "chat")
CALLERS = ("caller", "caller2", "caller3")
RING = "[leg_timeout=30]user/{}@default"


def world(agents: int = 10, *, rings: Rings = Rings()) -> WorldSpec:  # noqa: B008  # frozen
    """Telephones and queues; the first half of the agents serve ``support``."""
    names = [str(1001 + n) for n in range(agents)]
    half = names[: (agents + 1) // 2]
    rest = names[len(half) :] or half
    phones = [PhoneSpec(name) for name in CALLERS]
    phones += [
        PhoneSpec(name, display=f"Agent {name}", one_line=True, rings=rings) for name in names
    ]
    some = tuple(MemberSpec(f"user/{name}", name) for name in half)
    local = tuple(MemberSpec(f"loopback/{name}/from-queue", name) for name in rest)
    queues = (
        QueueSpec("support", some, strategy="rrmemory"),
        QueueSpec("local", local, strategy="rrmemory"),
        QueueSpec("team", some + local, strategy="rrmemory"),
        QueueSpec("all", some, strategy="ringall"),
        QueueSpec("nobody", max_wait=15.0),
        QueueSpec("dynamic"),
    )
    return WorldSpec(tuple(phones), queues, (QueueSpec("line", some),))


def dialplan(spec: WorldSpec, outbound: str = OUTBOUND) -> Dialplan:
    """The table above, for these telephones and queues; menus are served at `outbound`."""
    extensions = []
    for queue in spec.queues:
        wait = ("callcenter", f"{queue.name}@default")
        extensions.append(_extension(f"q-{queue.name}", wait))
        extensions += [_extension(f"{mark}-{queue.name}", _mark(mark), wait) for mark in TYPES]
        for name, routine in (("pair", "collab_pair"), ("code", "collab_give_code")):
            code = ("execute_extension", f"{routine} XML collab")
            extensions.append(_extension(f"{name}-{queue.name}", code, wait))
    for fifo in spec.fifos:
        wait = ("fifo", f"{fifo.name}@default in")
        extensions.append(_extension(f"q-{fifo.name}", wait))
        extensions += [_extension(f"{mark}-{fifo.name}", _mark(mark), wait) for mark in TYPES]
        extensions.append(
            _extension(f"next-{fifo.name}", ("fifo", f"{fifo.name}@default out nowait"))
        )
    for number, mark, name in (
        ("600", "form", "support"), ("601", "chat", "nobody"), ("602", "", "support"),
        ("603", "form", "local"),
    ):  # fmt: skip
        wait = ("callcenter", f"{name}@default")
        extensions.append(_extension(number, *([_mark(mark)] if mark else []), wait))
    menu = (
        ("set", "collab_queue=support@default"),
        ("execute_extension", "collab_menu_support XML collab"),
        ("callcenter", "${collab_queue}"),
    )
    extensions.append(_extension("650", *menu))
    hang = ("set", "hangup_after_bridge=true")
    for phone in spec.phones:
        ring = ("bridge", RING.format(phone.name))
        armed = ("execute_extension", "collab_features XML collab")
        extensions.append(_extension(phone.name, armed, hang, ring))
        extensions += [
            _extension(f"{mark}-{phone.name}", _mark(mark), hang, ring) for mark in TYPES
        ]
    behind = [
        _extension(phone.name, hang, ("bridge", RING.format(phone.name))) for phone in spec.phones
    ]
    text = (
        f'<include><context name="default">{"".join(extensions)}</context>'
        f'<context name="from-queue">{"".join(behind)}</context></include>'
    )
    return Dialplan().read(COLLAB.replace(OUTBOUND, outbound)).read(text)


def _mark(kind: str) -> tuple[str, str]:
    return ("execute_extension", f"collab_request_{kind} XML collab")


def _extension(number: str, *actions: tuple[str, str]) -> str:
    expression = "^(" + number.replace("+", r"\+") + ")$"
    lines = "".join(
        f"<action application={quoteattr(app)} data={quoteattr(data)}/>" for app, data in actions
    )
    return (
        f'<extension name={quoteattr(number)}><condition field="destination_number" '
        f"expression={quoteattr(expression)}>{lines}</condition></extension>"
    )
