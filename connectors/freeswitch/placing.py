"""Calls the connector places, as API commands.

A placeholder is one channel of mod_loopback's ``null`` endpoint. Against a loopback pair it has
half the channels and threads; it is answered by itself (callcenter answers whom it takes in), plays
nothing to anybody, and gives the telephone of the agent who answers silence as RTP. It waits in a
queue of mod_callcenter, or in a line of mod_fifo, like any caller. When the agent hangs up it parks
itself (``park_after_bridge``).

Whatever goes into an originate string is checked here against a narrow pattern, though the core
has checked it before: braces, brackets, quotes, commas, bars, carets and ``${`` mean something to
FreeSWITCH at one point or another on the way.
"""

from __future__ import annotations

import re
from urllib.parse import quote

from connectors.freeswitch.channels import PLACED, PLACEHOLDER
from connectors.freeswitch.queues import NO_LONGER
from connectors.marks import MarkError, check_type, check_user_uri
from connectors.model import NUMBER, DialBoth, LegId, Onward, PlaceCall
from connectors.runtime.driver import ActionError

LONGEST = 12 * 3600
"""Seconds after which FreeSWITCH ends a parked placeholder that everybody has forgotten."""
_PARKS = ("park_after_bridge=true", f"park_timeout={LONGEST}")
AGENT_RINGS = 45
"""Seconds an agent's telephone rings that is to dial a user."""
_SILENCE = "silence_stream://-1"
RINGBACK = "%(1000,4000,425)"
"""What an agent hears while the user's telephone rings: one that gets no RTP hangs up."""

_LEG = re.compile(r"(?a:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_QUEUE = re.compile(r"(?a:[\w.@+-]{1,80})")
"""`transfer` takes ``-bleg`` for an option."""
_CONTEXT = re.compile(r"(?a:[\w.-]{1,80})")
_PHONE = re.compile(r"user/(?a:[\w.+-]{1,64})@(?a:[\w.-]{1,253})")
_NAME = re.compile(r"[\w .-]{0,60}")


def place(effect: PlaceCall, *, fifo: bool = False, context: str = "") -> str:
    """Make a placeholder wait in a mod_callcenter queue, or in a mod_fifo line. Raises
    `ActionError` for a value that cannot be carried. `context`: where an agent who transfers it
    blindly sends it; FreeSWITCH's ``default`` where it is empty.

    ``cc_base_score`` counts the time it has waited elsewhere; mod_callcenter adds it to the time
    in the queue. The limit of its own wait is a scheduled hang-up, which the agent's telephone
    cancels when it answers. A line of mod_fifo knows no time: whoever comes stands behind all
    others; its limit (``fifo_orbit_exten``) is over when somebody is served. ``cc_moh_override``:
    silence costs least, and a queue's music is for nobody.
    """
    leg = _fits(_LEG, effect.leg, "leg")
    queue = named(effect.queue)
    mark = _type(effect.type)
    waited, wait = round(_seconds(effect.waited)), max(1, round(_seconds(effect.wait)))
    variables = [
        *_marks(leg, leg, mark, effect.user_uri),
        *_PARKS,
        # The agent may hang up in the moment before the bridge; it is offered to the next then.
        "uuid_bridge_park_on_cancel=true",
    ]
    if fifo:
        variables.append(f"fifo_orbit_exten=_continue_:{wait}")
    else:
        variables += [f"cc_moh_override={_SILENCE}", "cc_export_vars=api_on_answer"]
        variables += [f"cc_base_score={waited}"] if waited else []
    if name := _fits(_NAME, effect.name, "name").strip():
        variables.append(f"origination_callee_id_name='{name}'")
    marks = f"execute_extension:collab_request_{mark} XML collab"
    waits = (f"fifo:{queue} in undef {_SILENCE}", f"hangup:{NO_LONGER}") if fifo else (
        f"callcenter:{queue}", "hangup")  # fmt: skip
    limit = () if fifo else (
        f"set:api_on_answer=sched_del {leg}", f"sched_hangup:+{wait} {NO_LONGER}")  # fmt: skip
    made = _originate(variables, f"{PLACEHOLDER}{leg[:8]}", *limit, marks, *waits)
    return f"{made} {_fits(_CONTEXT, context, 'context')}" if context else made


def named(queue: str) -> str:
    """A queue's name, as one that can be carried. Raises `ActionError` likewise."""
    return _fits(_QUEUE, queue, "queue")


def dial(effect: DialBoth, domain: str) -> str:
    """Ring an agent's telephone; it dials on when it answers. Raises `ActionError` likewise.

    `domain`: where users of the directory are looked for of whom no domain is said.
    The agent is shown the user's number, the user's side whatever the context makes of the
    agent's.
    """
    leg, call = _fits(_LEG, effect.leg, "leg"), _fits(_LEG, effect.call, "call")
    named = effect.endpoint if "@" in effect.endpoint else f"{effect.endpoint}@{domain}"
    phone = _fits(_PHONE, named, "endpoint")
    number, context = _target(effect.number, effect.context)
    mark = _type(effect.type)
    variables = [
        *_marks(leg, call, mark, effect.user_uri),
        f"originate_timeout={AGENT_RINGS}",
        "ignore_early_media=true",  # a ringing tone is no answer
        f"origination_caller_id_name={number}",
        f"origination_caller_id_number={number}",
    ]
    return _originate(
        variables,
        phone,
        "execute_extension:collab_features XML collab",
        "set:hangup_after_bridge=true",
        f"set:transfer_ringback={RINGBACK}",
        f"transfer:{number} XML {context}",
    )


def onward(effect: Onward, agent: LegId) -> str:
    """Have the agent's leg of a placeholder's call dial the user. Raises `ActionError` likewise.

    mod_callcenter counts the agent as in the queue's call as long as that leg stands, whomever it
    talks to. The placeholder parks meanwhile; where the user does not answer, the agent is put
    back into it.
    """
    leg = _fits(_LEG, effect.leg, "leg")
    number, context = _target(effect.number, effect.context)
    steps = _steps(
        f"set:{PLACED}={leg}",
        "set:hangup_after_bridge=true",
        "set:continue_on_fail=true",
        f"set:transfer_ringback={RINGBACK}",
        f"execute_extension:{number} XML {context}",
        # Parking has used both up.
        f"set:collab_parks=${{uuid_setvar_multi({leg} {';'.join(_PARKS)})}}",
        f"intercept:{leg}",
        "hangup",
    )
    return f"uuid_transfer {_fits(_LEG, agent, 'the agent’s leg')} {steps}"


def hang_up(leg: LegId) -> str:
    """End a leg. Raises `ActionError` likewise."""
    return f"uuid_kill {_fits(_LEG, leg, 'leg')}"


def served(leg: LegId) -> str:
    """A placeholder is served: its wait ends no more at its time."""
    return f"sched_del {_fits(_LEG, leg, 'leg')}"


def exists(leg: LegId) -> str:
    """Whether a leg stands. Raises `ActionError` likewise."""
    return f"uuid_exists {_fits(_LEG, leg, 'leg')}"


def made(answer: str) -> LegId:
    """The leg that an originate has made, from its answer; '' where that says none."""
    verdict, _, leg = answer.strip().partition(" ")
    return leg if verdict == "+OK" and _LEG.fullmatch(leg) else ""


def _marks(leg: str, call: str, mark: str, user_uri: str) -> list[str]:
    try:
        encoded = quote(check_user_uri(user_uri), safe="")
    except MarkError as error:
        raise ActionError(f"user_uri: {error}; nothing was done") from None
    return [
        f"origination_uuid={leg}",
        f"{PLACED}={call}",
        f"collab_type={mark}",
        f"collab_user_uri={encoded}",
    ]


def _originate(variables: list[str], endpoint: str, *steps: str) -> str:
    return f"originate {{{','.join(variables)}}}{endpoint} {_steps(*steps)}"


def _steps(*steps: str) -> str:
    """Applications one after the other, as the dialplan ``inline`` has them, with carets between
    since a tone has commas."""
    return f"'m:^:{'^'.join(steps)}' inline"


def _target(number: str, context: str) -> tuple[str, str]:
    return _fits(NUMBER, number, "number"), _fits(_CONTEXT, context, "context")


def _type(mark: str) -> str:
    try:
        return check_type(mark)
    except MarkError as error:
        raise ActionError(f"type: {error}; nothing was done") from None


def _seconds(value: float) -> float:
    if not 0 <= value <= LONGEST:
        raise ActionError(f"a wait of {value} seconds is not possible; nothing was done")
    return value


def _fits(form: re.Pattern[str], value: str, what: str) -> str:
    if form.fullmatch(value) is None:
        raise ActionError(f"{what}: {value[:80]!r} cannot be carried; nothing was done")
    return value
