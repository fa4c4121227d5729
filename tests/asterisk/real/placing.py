"""The laboratory's Asterisk as `tests.behaviour.placing` wants a PBX; its telephones are SIPp's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.demo.asterisk import Asterisk
    from connectors.simulator import Rings


class LabPbx:
    """Implements what a `tests.behaviour.placing.Placing` needs of a PBX."""

    kind = "asterisk"
    agent_endpoints = r"PJSIP/agent\d+"
    dial_context = "from-sip"
    support = "support"

    def __init__(self, pbx: Asterisk, user: str = "placing") -> None:
        self._pbx = pbx
        self.port = pbx.ami_port
        self.placer = (user, pbx.secrets[user])

    def on_ring(self, phone: str, rings: Rings) -> None:
        """SIPp's do as they are told when they are put on the line."""

    async def channels(self) -> list[str]:
        """The names of all channels that stand."""
        async with self._pbx.ami() as ami:
            listed = await ami.list("CoreShowChannels", "CoreShowChannelsComplete")
        return [each["Channel"] for each in listed]
