"""What `tandem-connector check` sees of FreeSWITCH's dialplan, and of its configuration at all."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from connectors.freeswitch.connection import Esl
from connectors.runtime.driver import ActionError, Finding

LIST_TIMEOUT = 15.0
DENIED = "permission denied"
"""What a log-in is told that may not ask something."""

COLLAB_XML = "ca8f2ee6"
"""What this version's collab.xml sets the global variable `collab_xml` to. A test counts it from
the file's elements, so that any change of them is another version."""

_EXTENSIONS = ("collab_request", "collab_features", "collab_feature", "collab_pair")
_OLD = "dialplan: the collab.xml that is loaded is not this version's"
_MARK = '<action application="execute_extension" data="collab_request_form XML collab"/>'


async def refusal(esl: Esl, command: str) -> str:
    """Why a command is not answered well; '' where it is."""
    try:
        await esl.api(command)
    except ActionError as error:
        return str(error)
    return ""


async def located(esl: Esl, what: str) -> ElementTree.Element | None:
    """A part of FreeSWITCH's configuration; None where it is not there or cannot be read."""
    try:
        text = await esl.api(f"xml_locate {what}", LIST_TIMEOUT)
        return ElementTree.fromstring(text)  # noqa: S314 - the administrator's, and expat's limits
    except (ActionError, ElementTree.ParseError):
        return None


async def dialplan(esl: Esl) -> Iterable[Finding]:
    loaded = (await _said(esl, "global_getvar collab_xml")).strip()
    if DENIED in await refusal(esl, "xml_locate dialplan context name collab"):
        return [await _unseen(esl, loaded)]
    whole = await located(esl, "dialplan")
    contexts = {} if whole is None else {each.get("name"): each for each in whole.iter("context")}
    ours = contexts.get("collab")
    if ours is None:
        return [await _no_context(esl)]
    there = {extension.get("name") for extension in ours.iter("extension")}
    lost = [name for name in _EXTENSIONS if name not in there]
    if lost:
        text = f"dialplan: context collab has no {', '.join(lost)}"
        return [Finding(False, text, await copying(esl))]
    if loaded != COLLAB_XML:
        return [Finding(False, _OLD, await copying(esl))]
    findings = [Finding(True, f"dialplan: collab.xml is loaded; mark a call with {_MARK}")]
    others = [action for name, context in contexts.items() if name != "collab"
              for action in context.iter("action")]  # fmt: skip
    said = [(action.get("application"), action.get("data", "")) for action in others]
    marks = [data for name, data in said if name == "execute_extension"
             and ("collab_request" in data or "collab_menu_" in data)]  # fmt: skip
    if not marks:
        findings.append(
            Finding(
                True,
                "dialplan: no extension marks a call yet",
                f"dialplan/default.xml or public.xml, before callcenter or bridge: {_MARK}",
            )
        )
    if any(name == "bind_meta_app" and data.startswith("2 ") for name, data in said):
        findings.append(
            Finding(
                True,
                "dialplan: bind_meta_app takes *2, and so *22 to *24, where it is bound",
                'dialplan/default.xml: take out <action application="bind_meta_app" data="2 …"/>,'
                " or give the codes of collab.xml other digits",
            )
        )
    return findings


async def _unseen(esl: Esl, loaded: str) -> Finding:
    """What the global variable that collab.xml sets tells, where nothing else can be seen."""
    if loaded == COLLAB_XML:
        text = "dialplan: collab.xml is loaded; --listen proves that it marks"
        return Finding(True, text)
    if loaded:
        return Finding(False, _OLD, await copying(esl))
    there = [await _said(esl, f"module_exists {name}") for name in ("mod_lua", "mod_xml_curl")]
    if any(said.strip() != "false" for said in there):
        text = (
            "dialplan: not to be seen with this log-in (no xml_locate); collab.xml of this version"
            " is not loaded, unless the dialplan comes from a database; --listen proves it"
        )
        return Finding(True, text, await copying(esl))
    return Finding(False, "dialplan: collab.xml of this version is not loaded", await copying(esl))


async def _no_context(esl: Esl) -> Finding:
    for module, file in (("mod_lua", "lua.conf"), ("mod_xml_curl", "xml_curl.conf")):
        conf = await located(esl, f"configuration configuration name {file}")
        if conf is not None and any(
            "dialplan" in value
            for param in conf.iter("param")
            for key, value in param.items()
            if key == "bindings" or param.get("name") == "xml-handler-bindings"
        ):
            return Finding(
                True,
                f"dialplan: it comes from {module} (FusionPBX: from its database), which shows it"
                " to calls only; --listen proves it with one",
            )
    return Finding(False, "dialplan: there is no context collab", await copying(esl))


async def _said(esl: Esl, command: str) -> str:
    """An answer; '' for an error."""
    try:
        return await esl.api(command)
    except ActionError:
        return ""


async def copying(esl: Esl) -> str:
    """The line that brings collab.xml in."""
    folder = (await _said(esl, "global_getvar conf_dir")).strip() or "conf"
    return f"cp dialplan/freeswitch/collab.xml {folder}/dialplan/; then: fs_cli -x reloadxml"
