"""Calls, results and commands as the JSON of the contract (design: HTTP /v1, reports, link)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from connectors.model import CallReport, CallState, Command, Pairing, Result, TraceItem, Unreached

_ID = re.compile(r"[!-~]{1,200}")
_KIND = re.compile(r"[a-z_]{1,40}")
"""Both stand in the log and in the outbox as they came."""


class CommandError(ValueError):
    """A command that cannot be understood; `id` is its id if it has one."""

    def __init__(self, what: str, command_id: str | None = None) -> None:
        super().__init__(what)
        self.id = command_id


def encoded(value: object) -> bytes:
    """A value as JSON, quickly."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # half a surrogate pair, which JSON can name and UTF-8 cannot
        return json.dumps(value).encode()


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    # Many times are asked for, and nearly all of them are of the last few seconds.
    whole, micros = divmod(round(seconds * 1e6), 1_000_000)
    return f"{_second(whole)}.{micros // 1000:03}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def seconds_of(text: str) -> float:
    """The inverse; also takes another offset. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.timestamp()


def call_body(report: CallReport) -> dict[str, Any]:
    """One item of ``calls`` without ``seq`` and ``trace``."""
    pairing, unreached = report.pairing, report.unreached
    return {
        "id": report.id,
        "state": report.state.value,
        "type": report.type,
        "initiator": report.initiator,
        "requests": report.requests,
        "user_uri": report.user_uri,
        "agent_uri": report.agent_uri,
        "agent_leg": report.agent_leg,
        "queue": report.queue,
        "position": report.position,
        "held": report.held,
        "cause": report.cause,
        "since": timestamp(report.since),
        "aliases": list(report.aliases),
        "pairing": pairing and {"n": pairing.n, "code": pairing.code},
        "unreached": unreached
        and {
            "command": unreached.command,
            "who": unreached.who,
            "why": unreached.why,
        },
    }


def as_reported(body: dict[str, Any]) -> dict[str, Any]:
    """A call's body as the server is told: by the id of its present user leg, its former ids as
    aliases. Kept it is by its first id, which never changes."""
    if not body["aliases"]:
        return body
    legs: list[str] = [body["id"], *body["aliases"]]
    return {**body, "id": legs[-1], "aliases": [leg for leg in legs if leg != legs[-1]]}


def trace_body(item: TraceItem) -> dict[str, Any]:
    """One item of a call's ``trace``."""
    return {
        "n": item.n,
        "at": timestamp(item.at),
        "stage": item.stage,
        "text": item.text,
        "stopped": item.stopped,
    }


def call_of(body: Mapping[str, Any], trace: Iterable[Mapping[str, Any]] = ()) -> CallReport:
    """The report a stored body stands for. Raises KeyError or ValueError for anything else."""
    pairing, unreached = body.get("pairing"), body.get("unreached")
    return CallReport(
        id=body["id"],
        state=CallState(body["state"]),
        type=body["type"],
        initiator=body["initiator"],
        user_uri=body["user_uri"],
        agent_uri=body["agent_uri"],
        agent_leg=body["agent_leg"],
        queue=body["queue"],
        position=body["position"],
        held=body["held"],
        cause=body["cause"],
        since=seconds_of(body["since"]),
        aliases=tuple(body["aliases"]),
        requests=body.get("requests", 0),  # an outbox of an earlier version has none
        pairing=Pairing(pairing["n"], pairing["code"]) if pairing else None,
        unreached=Unreached(**unreached) if unreached else None,
        trace=tuple(
            TraceItem(
                n=item["n"],
                at=seconds_of(item["at"]),
                stage=item["stage"],
                text=item["text"],
                stopped=item["stopped"],
            )
            for item in trace
        ),
    )


def result_body(result: Result) -> dict[str, str]:
    """One item of ``results``."""
    return {"id": result.id, "status": result.status, "detail": result.detail}


def lease_of(body: object) -> int | None:
    """The epoch of the lease a command is to be carried out under; None: it names none."""
    epoch = body.get("lease") if isinstance(body, dict) else None
    return epoch if type(epoch) is int else None


def withdrawn_of(body: object) -> str | None:
    """The id of the command that a frame of the link withdraws; None: it withdraws none."""
    unwanted = body.get("withdraw") if isinstance(body, dict) else None
    return unwanted if isinstance(unwanted, str) else None


def command_of(body: object, now: float) -> Command:
    """A command that came down the link. Raises `CommandError`.

    The server says by its own clock when the command was sent and when it expires; what lies
    between counts from `now`, since the clocks of two machines may differ.
    """
    if not isinstance(body, dict):
        raise CommandError("a command is a JSON object")
    given = body.get("id")
    if not isinstance(given, str) or _ID.fullmatch(given) is None:
        raise CommandError("a command needs an id, 1 to 200 characters of ASCII")
    kind, call, args = body.get("kind"), body.get("call"), body.get("args", {})
    if not isinstance(kind, str) or _KIND.fullmatch(kind) is None:
        raise CommandError("kind must be a word", given)
    if call is not None and not isinstance(call, str):
        raise CommandError("call must be a string or null", given)
    if not isinstance(args, dict):
        raise CommandError("args must be an object", given)
    expires, sent = body.get("expires"), body.get("sent")
    try:
        limit = None if expires is None else seconds_of(expires)
        if limit is not None and sent is not None:
            limit += now - seconds_of(sent)
    except (TypeError, ValueError):
        raise CommandError("sent and expires must be ISO 8601 times with a zone", given) from None
    return Command(given, kind, call, args, limit)
