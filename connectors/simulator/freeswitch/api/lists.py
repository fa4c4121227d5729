"""``show``: channels and calls, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..bus import stamp
from ..channel import CALLSTATES, STATES, Channel
from .command import Command, Request
from .core import MODULES

if TYPE_CHECKING:
    from ..pbx import FreeSwitch

USAGE = (
    "-USAGE: codec|endpoint|application|api|dialplan|file|timer|calls [count]|channels "
    "[count|like <match string>]|calls|detailed_calls|bridged_calls|detailed_bridged_calls|"
    "aliases|complete|chat|management|modules|nat_map|say|interfaces|interface_types|tasks|"
    "limits|status\n"
)
_SIDE = (
    "uuid", "direction", "created", "created_epoch", "name", "state", "cid_name", "cid_num",
    "ip_addr", "dest", "presence_id", "presence_data", "accountcode", "callstate", "callee_name",
    "callee_num", "callee_direction", "sent_callee_name", "sent_callee_num",
)  # fmt: skip
"""What ``show calls`` says of the second leg; of the first it says two things more."""


def channel_row(pbx: FreeSwitch, channel: Channel) -> dict[str, str]:
    """A row of ``show channels``. The call's UUID and callee stand in it once it was bridged."""
    profile, created = channel.profile, channel.times.created
    name, number = profile.orig
    app, data = channel.shown
    known = bool(channel.callee_direction)
    name_and_rate = channel.media
    codec = (name_and_rate[0], "8000", name_and_rate[1]) if channel.codec else ("", "", "")
    network = profile.network if channel.direction == "inbound" else ""
    return {
        "uuid": channel.uuid,
        "direction": channel.direction,
        "created": stamp(created / 1e6),
        "created_epoch": str(created // 1_000_000),
        "name": channel.name,
        "state": STATES[channel.running],
        "cid_name": profile.name,
        "cid_num": profile.number,
        "ip_addr": network,
        "dest": profile.destination,
        "application": app,
        "application_data": data,
        "dialplan": profile.dialplan,
        "context": profile.context,
        "read_codec": codec[0],
        "read_rate": codec[1],
        "read_bit_rate": codec[2],
        "write_codec": codec[0],
        "write_rate": codec[1],
        "write_bit_rate": codec[2],
        "secure": "",
        "hostname": pbx.bus.hostname,
        "presence_id": channel.presence_id,
        "presence_data": "",
        "accountcode": "",
        "callstate": CALLSTATES[channel.callstate],
        "callee_name": profile.callee_name if known else "",
        "callee_num": profile.callee_number if known else "",
        "callee_direction": channel.callee_direction,
        "call_uuid": channel.call_uuid or channel.uuid if known else "",
        "sent_callee_name": channel.sent_callee[0],
        "sent_callee_num": channel.sent_callee[1],
        "initial_cid_name": name,
        "initial_cid_num": number,
        "initial_ip_addr": network,
        "initial_dest": channel.first_destination,
        "initial_dialplan": profile.dialplan,
        "initial_context": profile.context,
    }


def _detailed(row: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in row.items() if not name.startswith("initial_")}


def _call_rows(pbx: FreeSwitch, *, bridged: bool, detailed: bool) -> list[dict[str, str]]:
    """Rows of ``show calls``: a leg with the one it talks to, or alone; who waits comes first."""
    rows = []
    for channel in pbx.channels.values():
        partner = channel.partner
        if partner is not None and channel.call_uuid not in ("", channel.uuid):
            continue  # it stands beside the leg whose call it is in
        if partner is None and bridged:
            continue
        one = channel_row(pbx, channel)
        two = channel_row(pbx, partner) if partner is not None else {}
        if detailed:
            row = _detailed(one)
            row |= {f"b_{name}": two.get(name, "") for name in _detailed(one)}
        else:
            row = {name: one[name] for name in _SIDE[:17]}
            row |= {"call_uuid": one["call_uuid"], "hostname": one["hostname"]}
            row |= {name: one[name] for name in _SIDE[17:]}
            row |= {f"b_{name}": two.get(name, "") for name in _SIDE}
        bridged_at = channel.times.bridged // 1_000_000
        row["call_created_epoch"] = str(bridged_at) if partner is not None else ""
        rows.append(row)
    if not detailed:
        rows.sort(key=lambda row: row["call_created_epoch"])
    return rows


def _answer(rows: Sequence[dict[str, str]], words: list[str]) -> str:
    if "count" in words:
        count = len(rows)
        return json.dumps({"row_count": count}) if words[-1] == "json" else f"\n{count} total.\n"
    if words[-2:] == ["as", "json"]:
        if not rows:
            return '{"row_count": 0}'
        return json.dumps(
            {"row_count": len(rows), "rows": rows}, ensure_ascii=False, separators=(",", ":")
        )
    if not rows:
        return "\n0 total.\n"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    return "\n".join(lines) + f"\n\n{len(rows)} total.\n"


async def _show(request: Request) -> str:
    pbx, words = request.pbx, request.words
    what = words[0] if words else ""
    if what == "channels":
        rows = [channel_row(pbx, channel) for channel in pbx.channels.values()]
        if words[1:2] == ["like"] and len(words) > 2:
            rows = [row for row in rows if any(words[2] in value for value in row.values())]
        return _answer(rows, words)
    if what in ("calls", "detailed_calls", "bridged_calls", "detailed_bridged_calls"):
        rows = _call_rows(pbx, bridged="bridged" in what, detailed="detailed" in what)
        return _answer(rows, words)
    if what == "modules":
        wanted = words[1] if len(words) > 1 and words[1] != "as" else ""
        rows = [
            {
                "type": "generic",
                "name": name,
                "ikey": name,
                "filename": f"/usr/lib/freeswitch/mod/{name}.so",
            }
            for name in MODULES
            if wanted in name
        ]
        return _answer(rows, words)
    return USAGE


COMMANDS: dict[str, Command] = {"show": _show}
