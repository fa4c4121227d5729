"""Who can be dialled: telephones, loopback pairs, and nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .loopback import LoopbackLeg
from .nothing import NullLeg
from .originate import Attempt, Leg, Target

if TYPE_CHECKING:
    from .calls import PlacedCall
    from .channel import Channel
    from .pbx import FreeSwitch


def dial(
    pbx: FreeSwitch,
    wanted: Target,
    *,
    caller: tuple[str, str],
    originator: Channel | None = None,
    extra: dict[str, str] | None = None,
    call: PlacedCall | None = None,
    identity: str = "",
) -> Attempt:
    """Begin to reach whom a dial string names; the arguments are those of `Leg`."""
    kinds: dict[str, type[LoopbackLeg | NullLeg]] = {"loopback": LoopbackLeg, "null": NullLeg}
    kind = kinds.get(wanted.kind, Leg)
    return kind(
        pbx, wanted, caller=caller, originator=originator, extra=extra, call=call,
        identity=identity,
    )  # fmt: skip
