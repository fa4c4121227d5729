"""Settings of the keypad menus before a queue: ``[pbx.NAME.menus.MENU]``.

What stands here goes into arguments of FreeSWITCH's applications, which are one line, split at
spaces, with quotes, backslashes and ``${…}`` of their own: values with any of those are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_QUEUE = re.compile(r"[A-Za-z0-9_.@-]{1,100}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_KEYS = frozenset("0123456789*")


def _sound(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError(f"{value!r} must be one line, without spaces around it")
    if odd := sorted(set(value) & set("'\"`\\${}")):
        raise ValueError(
            f"{value!r} holds {' '.join(odd)}, which FreeSWITCH would not take as text"
        )
    return value


def _queue(value: str) -> str:
    if value and not _QUEUE.fullmatch(value):
        raise ValueError(f"{value!r} is not a queue of mod_callcenter, such as support@default")
    return value


def _choice(value: object) -> object:
    """``"1" = "form"`` is short for ``"1" = { type = "form" }``."""
    return {"type": value} if isinstance(value, str) else value


Sound = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_sound)]
Queue = Annotated[str, AfterValidator(_queue)]


class Choice(BaseModel):
    """What one key stands for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["form", "cobrowse", "chat", "whiteboard", "files", "screen", "video"]
    queue: Queue = ""
    """Empty: the menu's."""


def _choices(value: dict[str, Choice]) -> dict[str, Choice]:
    for key in value:
        if key not in _KEYS:
            raise ValueError(f"{key!r} is not one key of 0 to 9 and * (# ends what is typed)")
    return value


class Menu(BaseModel):
    """One ``[pbx.NAME.menus.MENU]`` table, checked. Immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: Sound
    """What play_and_get_digits plays: a file, ``phrase:…``, ``say:…``, ``tone_stream://…``."""
    invalid: Sound = "silence_stream://250"
    """Played after a key that stands for nothing, and after none."""
    choices: Annotated[
        dict[str, Annotated[Choice, BeforeValidator(_choice)]],
        Field(min_length=1),
        AfterValidator(_choices),
    ]
    tries: int = Field(default=3, ge=1, le=9)
    """How often the prompt is played at most."""
    timeout: int = Field(default=5, ge=1, le=60)
    """Seconds after the prompt within which a key is waited for."""
    queue: Queue = ""
    """Where a choice without a queue of its own leads; empty: the dialplan's ``collab_queue``."""


def address(value: str, kind: object) -> str:
    """Where the outbound socket is served. Raises ValueError."""
    if not value:
        return value
    if kind != "freeswitch":
        raise ValueError('only for kind = "freeswitch"; Asterisk has no outbound socket')
    host, _, port = value.rpartition(":")
    numbers = host.split(".")
    loopback = (
        len(numbers) == 4
        and numbers[0] == "127"
        and all(n.isascii() and n.isdigit() and len(n) < 4 and int(n) < 256 for n in numbers)
    )
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
    if not loopback or not 0 < number < 65536:
        raise ValueError(
            f"{value!r} is not an address and a port of this machine, such as 127.0.0.1:8084"
            " (nobody logs in there, and a call waits for an address that is not reached)"
        )
    return value


def menus(value: dict[str, Menu], others: Mapping[str, Any]) -> dict[str, Menu]:
    """Menus and the other settings fit. Raises ValueError."""
    if "outbound" not in others:  # wrong itself, which is said in its own line
        return value
    if value and not others["outbound"]:
        raise ValueError("menus need the outbound socket: set outbound as well")
    if not value and others["outbound"]:
        raise ValueError("missing; without one nothing is served at outbound")
    for name in value:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a menu's name: letters, digits, - and _, 32 at most")
    return value
