"""Actions that list what stands: channels, bridges, devices, dialplan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..channel import Channel
from ..devices import HINTS

if TYPE_CHECKING:
    from ..session import Request, Session

Action = Callable[["Session", "Request"], None]


def _bridge_id(channel: Channel) -> str:
    return channel.bridge.uniqueid if channel.bridge is not None else ""


def status(session: Session, request: Request) -> None:
    """Status, of all channels or one, with ``Variables:`` if asked; unset ones read ``(null)``."""
    pbx = session.server.pbx
    channels = list(pbx.channels.values())
    if request.get("Channel"):
        channel = pbx.find(request.get("Channel"))
        if channel is None:
            session.error(request, "No such channel")
            return
        channels = [channel]
    names = [name for name in request.get("Variables").split(",") if name]
    session.list_start(request, "Channel status will follow")
    for channel in channels:
        seconds = int(pbx.clock() - channel.created)
        variables = "".join(
            f"Variable: {name}={channel.value(name) if name in channel.variables else '(null)'}\r\n"
            for name in names
        )
        session.list_item(
            request,
            "Status",
            f"Privilege: Call\r\n{channel.render()}Type: {channel.name.split('/')[0]}\r\n"
            f"DNID: {channel.dnid}\r\nEffectiveConnectedLineNum: {channel.conn_num}\r\n"
            f"EffectiveConnectedLineName: {channel.conn_name}\r\nTimeToHangup: 0\r\n"
            f"BridgeID: {_bridge_id(channel)}\r\nApplication: {channel.app}\r\n"
            f"Data: {channel.data}\r\nNativeformats: (ulaw)\r\nReadformat: ulaw\r\n"
            "Readtrans: \r\nWriteformat: ulaw\r\nWritetrans: \r\nCallgroup: 0\r\n"
            f"Pickupgroup: 0\r\nSeconds: {seconds}\r\n{variables}",
            id_last=True,
        )
    count = len(channels)
    session.list_end(request, "StatusComplete", count, f"Items: {count}\r\n")


def core_show_channels(session: Session, request: Request) -> None:
    """CoreShowChannels."""
    pbx = session.server.pbx
    session.list_start(request, "Channels will follow")
    for channel in pbx.channels.values():
        seconds = int(pbx.clock() - channel.created)
        duration = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        session.list_item(
            request,
            "CoreShowChannel",
            f"{channel.render()}Application: {channel.app}\r\n"
            f"ApplicationData: {channel.data}\r\nDuration: {duration}\r\n"
            f"BridgeId: {_bridge_id(channel)}\r\n",
        )
    session.list_end(request, "CoreShowChannelsComplete", len(pbx.channels))


def bridge_list(session: Session, request: Request) -> None:
    """BridgeList."""
    pbx = session.server.pbx
    session.list_start(request, "Bridge listing will follow")
    for bridge in pbx.bridges.values():
        session.list_item(request, "BridgeListItem", bridge.render())
    session.list_end(request, "BridgeListComplete", len(pbx.bridges))


def bridge_info(session: Session, request: Request) -> None:
    """BridgeInfo."""
    if not request.get("BridgeUniqueid"):
        session.error(request, "BridgeUniqueid must be provided")
        return
    bridge = session.server.pbx.bridges.get(request.get("BridgeUniqueid"))
    if bridge is None:
        session.error(request, "Specified BridgeUniqueid not found")
        return
    session.list_start(request, "Bridge channel listing will follow")
    for channel in reversed(bridge.channels):
        session.list_item(request, "BridgeInfoChannel", channel.render())
    session.list_end(request, "BridgeInfoComplete", len(bridge.channels), bridge.render())


def device_state_list(session: Session, request: Request) -> None:
    """DeviceStateList."""
    devices = session.server.pbx.devices.states
    session.list_start(request, "Device State Changes will follow")
    for device, state in devices.items():
        session.list_item(request, "DeviceStateChange", f"Device: {device}\r\nState: {state}\r\n")
    session.list_end(request, "DeviceStateListComplete", len(devices))


def extension_state(session: Session, request: Request) -> None:
    """ExtensionState."""
    pbx, exten = session.server.pbx, request.get("Exten")
    phone = pbx.phones.get(exten)
    code, text, hint = -1, "Unknown", ""
    if phone is not None and phone.spec.hint:
        code, text = HINTS[pbx.devices.of_phone(phone)]
        hint = f"PJSIP/{exten}"
    session.reply(
        request,
        f"Message: Extension Status\r\nExten: {exten}\r\nContext: {request.get('Context')}\r\n"
        f"Hint: {hint}\r\nStatus: {code}\r\nStatusText: {text}\r\n",
    )


def show_dialplan(session: Session, request: Request) -> None:
    """ShowDialPlan, of all contexts or one, one extension or all."""
    contexts = session.server.pbx.dialplan.contexts
    wanted, exten = request.get("Context"), request.get("Extension")
    if wanted and wanted not in contexts:
        session.error(request, f"Did not find context {wanted}")
        return
    if exten and not any(
        exten in extens for name, extens in contexts.items() if wanted in ("", name)
    ):
        session.error(request, f"Did not find extension {exten}@{wanted or 'any context'}")
        return
    session.list_start(request, "DialPlan list will follow")
    items = extens_shown = contexts_shown = 0
    for name, extens in contexts.items():
        if wanted not in ("", name):
            continue
        contexts_shown += 1
        for known, steps in extens.items():
            if exten not in ("", known):
                continue
            extens_shown += 1
            for priority, step in enumerate(steps, 1):
                label = f"ExtensionLabel: {step.label}\r\n" if step.label else ""
                items += 1
                session.list_item(
                    request,
                    "ListDialplan",
                    f"Context: {name}\r\nExtension: {known}\r\n{label}Priority: {priority}\r\n"
                    f"Application: {step.app}\r\nAppData: {step.data}\r\n"
                    "Registrar: pbx_config\r\n",
                )
    session.list_end(
        request,
        "ShowDialPlanComplete",
        items,
        f"ListExtensions: {extens_shown}\r\nListPriorities: {items}\r\n"
        f"ListContexts: {contexts_shown}\r\n",
    )


ACTIONS: dict[str, Action] = {
    "bridgeinfo": bridge_info,
    "bridgelist": bridge_list,
    "coreshowchannels": core_show_channels,
    "devicestatelist": device_state_list,
    "extensionstate": extension_state,
    "showdialplan": show_dialplan,
    "status": status,
}
