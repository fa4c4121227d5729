"""Device states: what telephones, queues and hints are said to be doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .channel import DOWN, RINGING

if TYPE_CHECKING:
    from ..world import Phone
    from .pbx import Pbx

MEMBER_CODES = {
    "UNKNOWN": 0,
    "NOT_INUSE": 1,
    "INUSE": 2,
    "BUSY": 3,
    "INVALID": 4,
    "UNAVAILABLE": 5,
    "RINGING": 6,
    "RINGINUSE": 7,
    "ONHOLD": 8,
}
"""Device state to the Status number of queue members (``include/asterisk/devicestate.h``)."""

HINTS = {
    "NOT_INUSE": (0, "Idle"),
    "INUSE": (1, "InUse"),
    "BUSY": (2, "Busy"),
    "UNAVAILABLE": (4, "Unavailable"),
    "RINGING": (8, "Ringing"),
    "RINGINUSE": (9, "InUse&Ringing"),
    "ONHOLD": (16, "Hold"),
}


class Devices:
    """Keeps the last announced state of each device, and announces changes."""

    def __init__(self, pbx: Pbx) -> None:
        self._pbx = pbx
        self.states: dict[str, str] = {}

    def of_phone(self, phone: Phone) -> str:
        """The state of a telephone, out of its channels."""
        busy = [each for each in self._pbx.phone_channels(phone) if each.state != DOWN]
        if not busy:
            return "NOT_INUSE" if phone.registered else "UNAVAILABLE"
        if phone.spec.one_line:
            return "BUSY"
        ringing = [each for each in busy if each.state == RINGING]
        if ringing:
            return "RINGING" if len(ringing) == len(busy) else "RINGINUSE"
        return "ONHOLD" if any(each.held for each in busy) else "INUSE"

    def state(self, device: str) -> str:
        """State of any device by name; ``UNKNOWN`` when there is none."""
        technology, _, peer = device.partition("/")
        phone = self._pbx.phones.get(peer) if technology == "PJSIP" else None
        if phone is not None:
            return self.of_phone(phone)
        return self.states.get(device, "NOT_INUSE" if technology == "Local" else "UNKNOWN")

    def set(self, device: str, state: str) -> None:
        """Announce a state if it is another than the last."""
        if self.states.get(device) != state:
            self.states[device] = state
            self._pbx.bus.emit("DeviceStateChange", f"Device: {device}\r\nState: {state}\r\n")

    def refresh(self, phone: Phone) -> None:
        """A channel of `phone` changed: announce what follows from it."""
        device = f"PJSIP/{phone.name}"
        state = self.of_phone(phone)
        if self.states.get(device) == state:
            return
        if phone.spec.hint:
            code, text = HINTS[state]
            self._pbx.bus.emit(
                "ExtensionStatus",
                f"Exten: {phone.name}\r\nContext: hints\r\nHint: {device}\r\n"
                f"Status: {code}\r\nStatusText: {text}\r\n",
            )
        self.set(device, state)
        for queue in self._pbx.queues.values():
            queue.device_changed(device)
