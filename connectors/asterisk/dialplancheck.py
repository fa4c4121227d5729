"""What an Asterisk's dialplan lacks for Tandem: the contexts of collab.conf, and dial_context."""

from __future__ import annotations

from collections.abc import Iterable

from connectors.asterisk.connection import Ami
from connectors.asterisk.placing import DIAL, FAR, PASSED, VOICE, WAITING
from connectors.runtime.driver import ActionError, Finding
from connectors.settings import PbxSettings

PLACING = ("Originate", "Hangup", "Redirect", "Setvar", "QueuePause")
"""Actions that place calls, end them and pause agents; only with the sample's second template."""

_CONTEXTS = ("collab", "collab-feature")


async def check_dialplan(ami: Ami, settings: PbxSettings, allowed: set[str]) -> Iterable[Finding]:
    """Look at what is loaded; `allowed`: the actions the connector's user may send."""
    user = settings.username
    include = 'extensions.conf (FreePBX: extensions_custom.conf): #include "tandem/collab.conf"'
    if "ShowDialPlan" not in allowed:
        return [
            Finding(
                False,
                "dialplan: it cannot be read (ShowDialPlan is not allowed)",
                f"manager.conf [{user}]: write = …,reporting",
            )
        ]
    findings = []
    request = False
    absent = []
    placed = (WAITING, FAR, PASSED, VOICE, DIAL) if allowed.issuperset(PLACING) else ()
    for context in (*_CONTEXTS, *placed):
        names = await _extensions(ami, context)
        if context == "collab":
            request = "request" in names
        if not names:
            absent.append(context)
        elif context == "collab-feature":
            lost = sorted({"form", "cobrowse", "chat"} - names)
            if lost:
                findings.append(
                    Finding(False, f"dialplan: {context} has no {', '.join(lost)}", include)
                )
    if absent:
        findings.append(
            Finding(
                False,
                f"dialplan: there is no context {' and no '.join(absent)}",
                f"{include}; then: asterisk -rx 'dialplan reload'",
            )
        )
    if settings.dial_context and not await _extensions(ami, settings.dial_context):
        findings.append(
            Finding(
                False,
                f"dialplan: there is no context {settings.dial_context!r}, into which calls are to"
                " be placed",
                f"pbx.{settings.name}.dial_context in tandem.toml: a context of extensions.conf"
                " (FreePBX: from-internal)",
            )
        )
    if request and not findings:
        findings.append(
            Finding(
                True,
                "dialplan: collab.conf is loaded; mark a call with Gosub(collab,request,1(form))",
            )
        )
    elif not request and not findings:
        findings.append(
            Finding(False, "dialplan: context collab has no extension request", include)
        )
    return findings


async def _extensions(ami: Ami, context: str) -> set[str]:
    """The extensions of a context; none where it is not there."""
    try:
        listed = await ami.ask_list({"Action": "ShowDialPlan", "Context": context})
    except ActionError:
        return set()
    return {item.get("Extension") for item in listed if item.event == "ListDialplan"} - {""}
