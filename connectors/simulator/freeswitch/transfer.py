"""Legs that go elsewhere: ``uuid_transfer``, ``uuid_bridge``, and a telephone's SIP REFER."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import hold, inline, variables
from .channel import EXCHANGE_MEDIA, HIBERNATE, RESET, ROUTING, Channel
from .log import INFO
from .parking import parks

if TYPE_CHECKING:
    from .pbx import FreeSwitch
    from .wire import Headers


def transfer(
    pbx: FreeSwitch,
    channel: Channel,
    exten: str,
    context: str = "default",
    dialplan: str = "XML",
    *,
    both: bool = False,
) -> None:
    """Send a channel to an extension (``uuid_transfer``); who it talked to is hung up, or sent
    there as well (`both`).

    Where that one runs the bridge, its own dialplan says what becomes of it.
    """
    partner = channel.partner
    now, profile = pbx.now(), channel.profile
    forwards = channel.get("max_forwards")
    source = f"{now // 1_000_000}:{pbx.new_uuid()}:bl_xfer:{exten}/{context}/{dialplan}"
    hold.stop_music(pbx, channel, whole=True)
    channel.unset("bridge_to", "signal_bond")
    _clone_profile(pbx, channel, source)
    profile.dialplan, profile.context = dialplan, context
    if dialplan == inline.DIALPLAN:
        channel.inline = exten  # what was dialled stays
    else:
        profile.rdnis, profile.destination = profile.destination, exten
    channel.set("max_forwards", str((int(forwards) if forwards else 71) - 1))
    channel.times.bridged = 0
    channel.other = None
    channel.actions.clear()
    if partner is not None:
        partner.unset("bridge_to", "signal_bond")
    pbx.move(channel, ROUTING)
    if partner is not None and both:
        transfer(pbx, partner, exten, context, dialplan)
    elif partner is not None and partner.state == EXCHANGE_MEDIA and not parks(pbx, partner):
        pbx.hangup(partner, "NORMAL_CLEARING")


def flip(pbx: FreeSwitch, channel: Channel, partner: Channel | None = None) -> None:
    """A leg that was called becomes the caller of what follows; once. `partner`: whom it is taken
    away from just now."""
    if channel.hit_dialplan or channel.direction != "outbound":
        return
    profile = channel.profile
    text = (
        f'{channel.name} Flipping CID from "{profile.name}" <{profile.number}> to '
        f'"{profile.callee_name}" <{profile.callee_number}>'
    )
    pbx.log.say(INFO, text, ("switch_channel.c", "switch_channel_flip_cid", 3291), channel)
    channel.set("pre_transfer_caller_id_name", profile.name)
    channel.set("pre_transfer_caller_id_number", profile.number)
    channel.set("channel_cid_flipped", "yes")
    profile.name, profile.callee_name = profile.callee_name, profile.name
    profile.number, profile.callee_number = profile.callee_number, profile.number
    before: Headers = [("Direction", "RECV")]
    if partner is not None:
        before.append(("Bridged-To", partner.uuid))
    channel.hit_dialplan = partner is None
    pbx.say("CALL_UPDATE", channel, before=before, at="flip-cid")
    channel.hit_dialplan = True


def join(pbx: FreeSwitch, one: Channel, two: Channel) -> None:
    """Join two channels (``uuid_bridge``); the thread of `one` runs the bridge."""
    now = pbx.now() // 1_000_000
    flip(pbx, one, one.partner)
    for leg, other in ((one, two), (two, one)):
        profile = leg.profile
        if leg is one:
            leg.set("uuid_bridge", two.uuid)
        leg.set("bridge_channel", other.name)
        leg.set("bridge_uuid", other.uuid)
        leg.set("signal_bond", other.uuid)
        leg.set("original_destination_number", profile.destination)
        leg.set("original_caller_id_name", profile.name)
        leg.set("original_caller_id_number", profile.number)
        _clone_profile(pbx, leg, f"{now}:{pbx.new_uuid()}:uuid_br:{other.uuid}")
        leg.bridge_to = other
        leg.times.bridged = 0
        leg.actions.clear()
        if leg.partner is not None:
            leg.unset("bridge_to")
    if two.direction == "inbound":  # who called is called by the other now
        profile = two.profile
        profile.callee_name, profile.callee_number = profile.name, profile.number
    one.profile.callee_name = two.profile.callee_name
    one.profile.callee_number = two.profile.callee_number
    two.profile.name, two.profile.number = one.profile.name, one.profile.number
    two.hit_dialplan = two.hit_dialplan and two.direction == "inbound"
    one.originates, two.originates = True, False
    one.other, two.other = ("originatee", two), ("originator", one)
    for leg in (one, two):
        hold.stop_music(pbx, leg, whole=True)
        # Who runs a bridge has to come back from it, and is past its hibernation then.
        runs = leg.partner is not None and leg.running != EXCHANGE_MEDIA
        pbx.move(leg, RESET if runs else HIBERNATE)


def step_profile(pbx: FreeSwitch, channel: Channel) -> None:
    """A new caller profile begins, as the one before."""
    channel.profile.index += 1
    channel.profile.created = pbx.now()


def _clone_profile(pbx: FreeSwitch, channel: Channel, source: str) -> None:
    """A transfer or ``uuid_bridge`` begins a new caller profile."""
    profile = channel.profile
    step_profile(pbx, channel)
    profile.transfer_source = source
    channel.push("transfer_history", source)
    channel.set("transfer_source", source)


def intercept(pbx: FreeSwitch, channel: Channel, uuid: str) -> None:
    """The application ``intercept``: pick a channel off whomever it talks to, or is rung for."""
    target = pbx.channels.get(uuid)
    if target is None or not target.up or target is channel:
        return
    pbx.answer(channel)
    partner = target.partner
    bound = target.get("signal_bond")  # a transfer takes it away before the bridge has ended
    join(pbx, channel, target)
    if partner is not None and partner.uuid == bound:
        pbx.hangup(partner, "PICKED_OFF")


# --- SIP REFER ---------------------------------------------------------------------------


def blind(pbx: FreeSwitch, by: Channel, exten: str) -> None:
    """A telephone sends REFER: whom it talks to goes to an extension of its own context.

    Raises LookupError when it talks to nobody.
    """
    party = _party(by)
    own = f"{by.profile.callee_number if by.direction == 'outbound' else by.profile.number}"
    by.set("transfer_disposition", "recv_replace")
    by.set("transfer_to", f"blind:{party.uuid}")
    by.set("transfer_destination", f"blind:{exten}")
    by.set("transfer_fallback_extension", own)
    by.set("endpoint_disposition", "BLIND_TRANSFER")
    party.set("sip_h_Referred-By", f"<sip:{own}@{variables.HOST}>")
    party.set("sip_refer_to", f"<sip:{exten}@{variables.HOST}:{variables.PORT}>")
    transfer(pbx, party, exten, party.profile.context)


def attended(pbx: FreeSwitch, first: Channel, second: Channel) -> None:
    """A telephone sends REFER with Replaces: whom its two calls are with are joined.

    Raises LookupError when either talks to nobody.
    """
    party, target = _party(first), _party(second)
    now = pbx.now() // 1_000_000
    numbers = [leg.profile.destination if leg.direction == "outbound" else leg.profile.number
               for leg in (first, party, target)]  # fmt: skip
    for leg, number in ((party, numbers[1]), (target, numbers[2])):
        source = f"{now}:{pbx.new_uuid()}:att_xfer:{numbers[0]}@{variables.HOST}/{number}"
        leg.push("transfer_history", f"{source}@{variables.HOST}")
    first.set("transfer_disposition", "recv_replace")
    first.set("_sofia_replaces_", second.get("sip_call_id"))
    first.set("refer_uuid", second.uuid)
    first.set("transfer_to", f"att:{target.uuid}")
    first.unset("bridge_to")
    target.set("transfer_disposition", "bridge")
    second.set("transfer_disposition", "replaced")
    second.set("endpoint_disposition", "ATTENDED_TRANSFER")
    second.set("park_timeout", "2:attended_transfer")
    join(pbx, party, target)
    for leg in (first, second):
        hold.release(pbx, leg)
        if leg.running == EXCHANGE_MEDIA:
            pbx.hangup(leg, "NORMAL_CLEARING")


def _party(leg: Channel) -> Channel:
    if leg.partner is None:
        raise LookupError(f"{leg.name} talks to nobody")
    return leg.partner
