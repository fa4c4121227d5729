"""A keypad menu in the words of FreeSWITCH's outbound socket. No sockets here."""

from __future__ import annotations

import re
from collections.abc import Iterable

from connectors.freeswitch.wire import Event
from connectors.menus import Menu

DIGIT = "collab_menu_digit"
"""The variable that holds the key that was pressed."""

GUARD = 4
"""Seconds, of FreeSWITCH's whole ones, after which a call whose connector hangs goes on by itself;
a second later it is taken away from it. The dialplan sets the first."""

_LEG = re.compile(r"[0-9A-Za-z-]{1,64}")


def is_leg(value: str) -> bool:
    """Whether this is the id of a channel that can stand in a command."""
    return _LEG.fullmatch(value) is not None


def is_there(event: Event) -> bool:
    """Whether a channel is in its dialplan still (CS_EXECUTE), and nobody moved it meanwhile."""
    return event.get("Channel-State-Number") == "4"


def prompt(menu: Menu) -> str:
    """The argument of ``play_and_get_digits``: one key, and what is no choice is asked again."""
    keys = re.escape("".join(sorted(menu.choices)))
    wait = f"1 1 {menu.tries} {menu.timeout * 1000} #"
    return f"{wait} '{menu.prompt}' '{menu.invalid}' {DIGIT} ^[{keys}]$"


def steps(menu: Menu, digit: str) -> Iterable[tuple[str, str]]:
    """What a choice has the call do, as applications with their arguments; none without one.

    The queue first: if only one of the two is done, the call is an ordinary one in its queue,
    rather than a collaboration call in another's.
    """
    choice = menu.choices.get(digit)
    if choice is None:
        return
    if queue := choice.queue or menu.queue:
        yield "set", f"collab_queue={queue}"
    yield "execute_extension", f"collab_request_{choice.type} XML collab"


def let_go(leg: str) -> tuple[str, ...]:
    """Commands before a connection ends for which nothing is to be broken off: what comes behind
    them finds the call elsewhere perhaps, in a bridge or in another extension, and the end of a
    connection with ``socket_resume``, or the guard, would tear it out of there."""
    return (f"api uuid_setvar {leg} socket_resume", f"api sched_del {_group(leg)}")


def guard(leg: str) -> tuple[str, ...]:
    """Commands that put the guard of ``collab_menu`` in collab.xml off; they go in one write, so
    that a connector that is stopped leaves the guard there, old or new."""
    group = _group(leg)
    return (
        f"api sched_del {group}",
        f"api sched_api +{GUARD} {group} uuid_setvar {leg} socket_resume",
        f"api sched_api +{GUARD + 1} {group} uuid_transfer {leg} collab_onward XML collab",
    )


def _group(leg: str) -> str:
    """Under which the guard's tasks stand, apart from what the administrator has scheduled."""
    return f"collab_menu-{leg}"
