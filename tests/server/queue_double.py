"""A PBX with one queue that does what a connector is asked for, as the link's contract has it.

It has no sockets: who tests hands it commands and carries away what it reports.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Waiting:
    """A call on the PBX."""

    id: str
    queue: str
    type: str
    user_uri: str
    agent_uri: str | None = None
    agent_leg: str | None = None
    aliases: tuple[str, ...] = ()
    unreached: dict[str, str] | None = None

    @property
    def state(self) -> str:
        return "queued" if self.agent_uri is None else "active"


@dataclass
class QueueDouble:
    """Takes commands; `reports` and `results` are what it has to say since it was asked last."""

    cap: int = 50
    dials: bool = True
    """`dial_context` is set."""
    shows_places: bool = True
    """Reports everybody's place when one of them changes."""
    calls: dict[str, Waiting] = field(default_factory=dict)
    """In the order of the queue."""
    entered: list[dict[str, Any]] = field(default_factory=list)
    """The arguments of each placeholder that was made, in order."""
    most: int = 0
    """Placeholders that stood at once."""
    paused: dict[str, str] = field(default_factory=dict)
    _changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    _results: list[dict[str, str]] = field(default_factory=list)
    _seq: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def take(self, command: dict[str, Any]) -> None:
        """Do what a command says; a second time changes nothing."""
        does = {"queue": self._queue, "hangup": self._hang_up, "voice": self._voice}
        does |= {"pause": self._pause}
        detail = does[command["kind"]](command)
        status = "done" if detail is None else "failed"
        self._results.append({"id": command["id"], "status": status, "detail": detail or ""})

    def _queue(self, command: dict[str, Any]) -> str | None:
        name, args = command["id"], command["args"]
        assert name == command["call"]
        if name in self.calls:
            return None
        placeholders = [call for call in self.calls.values() if not call.aliases]
        if len(placeholders) >= self.cap:
            return f"full: {self.cap} placeholders stand"
        self.calls[name] = Waiting(name, args["queue"], args["type"], args["user_uri"])
        self.entered.append(args | {"id": name})
        self.most = max(self.most, len(placeholders) + 1)
        self._report(self.calls[name])
        return None

    def _hang_up(self, command: dict[str, Any]) -> str | None:
        if command["call"] in self.calls:
            self.over(command["call"], "hangup")
        return None

    def _voice(self, command: dict[str, Any]) -> str | None:
        if not self.dials:
            return "dial_context is not set"
        call = self.calls.get(command["call"])
        return None if call is not None else "there is no such call"

    def _pause(self, command: dict[str, Any]) -> str | None:
        args = command["args"]
        if not args["paused"]:
            if args["reason"] in ("", self.paused.get(args["agent_uri"])):
                self.paused.pop(args["agent_uri"], None)
        elif self.paused.get(args["agent_uri"], args["reason"]) != args["reason"]:
            return "already paused"
        else:
            self.paused[args["agent_uri"]] = args["reason"]
        return None

    def answer(self, agent_uri: str) -> str:
        """The first in the queue gets an agent; gives its id."""
        call = next(call for call in self.calls.values() if call.agent_uri is None)
        call.agent_uri, call.agent_leg = agent_uri, f"leg of {agent_uri}"
        self._report(call)
        self._report_queue()
        return call.id

    def agent_hangs_up(self, call_id: str) -> None:
        """The agent puts the phone down; the placeholder stays."""
        self.calls[call_id].agent_leg = None
        self._report(self.calls[call_id])

    def picks_up(self, call_id: str, phone: str) -> None:
        """The user answers the voice call: it goes on as the call of their phone."""
        call = self.calls.pop(call_id)
        call.id, call.aliases = phone, (call_id,)
        self.calls[phone] = call
        self._report(call)

    def dials_in_vain(self, call_id: str, command: str, who: str, why: str) -> None:
        """A voice call that a command asked for has come to nothing."""
        self.calls[call_id].unreached = {"command": command, "who": who, "why": why}
        self._report(self.calls[call_id])

    def over(self, call_id: str, cause: str) -> None:
        """A call is gone."""
        call = self.calls.pop(call_id)
        self._changed[call_id] = self._shown(call) | {"state": "ended", "cause": cause}
        self._report_queue()

    def said(self) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
        """Calls that changed and results, since it was asked last."""
        calls, results = list(self._changed.values()), self._results
        self._changed, self._results = {}, []
        return calls, results

    def _report_queue(self) -> None:
        for call in self.calls.values() if self.shows_places else ():
            if call.agent_uri is None:
                self._report(call)

    def _report(self, call: Waiting) -> None:
        self._changed[call.id] = self._shown(call)

    def _shown(self, call: Waiting) -> dict[str, Any]:
        waiting = [one.id for one in self.calls.values() if one.agent_uri is None]
        return {
            "id": call.id,
            "seq": next(self._seq),
            "state": call.state,
            "type": call.type,
            "user_uri": call.user_uri,
            "agent_uri": call.agent_uri,
            "agent_leg": call.agent_leg,
            "queue": call.queue,
            "position": waiting.index(call.id) + 1 if call.id in waiting else None,
            "held": False,
            "cause": None,
            "aliases": list(call.aliases),
            "unreached": call.unreached,
        }
