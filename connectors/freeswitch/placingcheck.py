"""What `tandem-connector check` says of placed calls: whether they may be, and what is missing."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.freeswitch.connection import Esl
from connectors.freeswitch.dialplan import DENIED, located, refusal
from connectors.runtime.driver import ActionError, Finding
from connectors.settings import PbxSettings

COMMANDS = ("originate", "uuid_kill", "uuid_transfer", "sched_del")
"""What they take besides what a connector asks anyway; without a word behind them they say how
they are used."""
_NOTES = "hash"

_MODULES = {
    "mod_loopback": "there is no endpoint null, which placeholders are made of",
    "mod_tone_stream": "a placeholder would have FreeSWITCH look for silence without end",
}
_LOAD = 'autoload_configs/modules.conf.xml: <load module="{}"/>; then: fs_cli -x "load {}"'
_LOG_IN = (
    "directory/tandem.xml: a password for the user placing, and"
    ' username = "placing@tandem.invalid" in tandem.toml'
)


async def placing(esl: Esl, settings: PbxSettings) -> Iterable[Finding]:
    """Placed calls are the administrator's choice; half of it is a mistake."""
    lost = [command for command in COMMANDS if DENIED in await refusal(esl, command)]
    here = f"pbx.{settings.name}.dial_context"
    if lost == list(COMMANDS):
        if settings.dial_context:
            text = f"placed calls: {here} is set, but this log-in may place none"
            return [Finding(False, text, f'{_LOG_IN}; or {here} = ""')]
        text = (
            "placed calls: none, since this log-in may not; callers without a telephone and"
            " dialling for agents need them"
        )
        return [Finding(True, text, _LOG_IN)]
    if lost:
        text = f"placed calls: {', '.join(lost)} is not allowed"
        return [Finding(False, text, f"directory/tandem.xml: esl-allowed-api … {' '.join(lost)}")]
    found = [
        Finding(False, f"placed calls: {name} is not loaded: {without}", _LOAD.format(name, name))
        for name, without in _MODULES.items()
        if await _said(esl, f"module_exists {name}") == "false"
    ]
    hashed = await _said(esl, "module_exists mod_hash") != "false"
    if not hashed or DENIED in await refusal(esl, _NOTES):
        text = (
            "placed calls: without hash a connector that was restarted takes a break that it gave"
            " an agent at their wish for somebody else's"
        )
        found.append(Finding(True, text, f"{_LOAD.format('mod_hash', 'mod_hash')}; {_LOG_IN}"))
    queues = [await _said(esl, f"module_exists {name}") for name in ("mod_callcenter", "mod_fifo")]
    if queues == ["false", "false"]:
        text = "placed calls: no queue takes a placeholder (mod_callcenter's and mod_fifo's would)"
        found.append(Finding(True, text, _LOAD.format("mod_callcenter", "mod_callcenter")))
    if queues[1] == "true" and DENIED in await refusal(esl, "fifo"):
        text = "placed calls: without fifo no line of mod_fifo takes a placeholder"
        found.append(Finding(True, text, _LOG_IN))
    if settings.dial_context:
        found += await _context(esl, settings.dial_context, here)
    if not found:
        found.append(Finding(True, "placed calls: this log-in may place, move and end them"))
    return found


async def _context(esl: Esl, context: str, here: str) -> list[Finding]:
    asked = f"xml_locate dialplan context name {context}"
    elsewhere = [await _said(esl, f"module_exists {name}") for name in ("mod_lua", "mod_xml_curl")]
    if DENIED in await refusal(esl, asked) or elsewhere != ["false", "false"]:
        return []  # not to be seen, or it comes from a database
    if await located(esl, asked.removeprefix("xml_locate ")) is None:
        text = f"placed calls: the dialplan has no context {context} ({here}): nobody is reached"
        return [Finding(False, text, f"dialplan/{context}.xml, or another name in {here}")]
    return []


async def _said(esl: Esl, command: str) -> str:
    """An answer; '' for an error."""
    try:
        return (await esl.api(command)).strip()
    except ActionError:
        return ""
