"""Where the telephone at a leg's far end is, asked of FreeSWITCH."""

from __future__ import annotations

from connectors.freeswitch.actions import far_end_of, in_dialog
from connectors.freeswitch.resync import Api, read_dump
from connectors.runtime.driver import ActionError, UnansweredError

ALLOWED = "variable_fs_send_unsupported_message"
"""Lets mod_sofia send text in a dialog to telephones that did not say they take it."""


async def far_end(esl: Api, leg: str) -> str:
    """Where a leg's telephone is; '' where text is to be sent on the leg. Raises `ActionError`."""
    try:
        dump = read_dump(leg, await esl.api(f"uuid_dump {leg} json"))
        if dump is None:
            raise ActionError("nothing was sent: uuid_dump does not say what the leg is")
        allowed = dump.headers.get(ALLOWED)
        if allowed is None:  # as FreeSWITCH does: a leg without the variable has the global one
            allowed = await _global(esl, ALLOWED.removeprefix("variable_"))
    except UnansweredError as error:
        raise ActionError(f"nothing was sent: {error}") from None
    except ActionError as error:
        if "No such channel" in str(error):
            raise ActionError("nothing was sent: the call is over") from None
        raise
    return "" if in_dialog(allowed) else far_end_of(dump.headers)


async def _global(esl: Api, name: str) -> str:
    """A global variable; '' where it is not set or not to be seen."""
    try:
        return (await esl.api(f"global_getvar {name}")).strip()
    except ActionError:
        return ""
