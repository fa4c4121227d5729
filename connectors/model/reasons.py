"""Why a command came to nothing, as a word that never changes and a sentence for administrators."""

from __future__ import annotations

from enum import StrEnum


class Why(StrEnum):
    """What the detail of a result begins with; pages have words for each in every language."""

    MALFORMED = "malformed"
    """The command cannot be understood, or not by this connector."""
    TOO_LATE = "too_late"
    CALL_OVER = "call_over"
    """The call does not stand (any more), or is not one that this can be done with."""
    NO_TERMINAL = "no_terminal"
    """The user's telephone is not known to the PBX."""
    NO_PHONE = "no_phone"
    """No telephone of the agent is known to the PBX."""
    NO_DIALLING = "no_dialling"
    """The administrator has not said where calls may go (``dial_context``)."""
    NOT_DIALLED = "not_dialled"
    """The address is none that this PBX dials."""
    NO_AGENT = "no_agent"
    FULL = "full"
    NO_MEMBER = "no_member"
    PBX_AWAY = "pbx_away"
    """The connector is not connected to its PBX."""
    PBX_REFUSED = "pbx_refused"
    """The PBX answered with an error: nothing has happened."""
    PBX_SILENT = "pbx_silent"
    """The PBX took it and has not said what became of it."""
    NOT_REACHED = "not_reached"
    """The PBX rang nobody, or ended the leg at once."""
    FAULT = "fault"
    """A fault of the connector."""

    def says(self, sentence: str) -> str:
        """The detail of a result: the word, then what an administrator is told."""
        return f"{self.value}: {sentence}"
