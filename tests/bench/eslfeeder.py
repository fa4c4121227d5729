"""The other end of an ESL reader's benchmark: logs anybody in and then pours events.

Run as a process of its own, so that its CPU is nobody's: ``python -m tests.bench.eslfeeder
FOLDER ROUNDS RATE``. ``FOLDER/json`` and ``FOLDER/plain`` hold a round of events; a client gets
the one it subscribes to, ROUNDS times, at RATE bytes a second: a connector that much is sent to
at once gives the connection up by design. Prints its port, serves one client after the other
until it is ended.
"""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

from connectors.freeswitch.events import FILTERS
from tests.bench.eslevents import numbered

OVER = "SHUTDOWN"
"""The last event, which the connector subscribes to as well."""
PIECE = 128 * 1024
TIMEOUT = 120.0


def goodbye(kind: str) -> bytes:
    values = {"Event-Name": OVER, "Event-Calling-File": "switch_core.c"}
    if kind == "json":
        body = "{" + ",".join(f'"{name}":"{value}"' for name, value in values.items()) + "}"
    else:
        body = "".join(f"{name}: {value}\n" for name, value in values.items()) + "\n"
    return f"Content-Length: {len(body)}\nContent-Type: text/event-{kind}\n\n{body}".encode()


def serve(client: socket.socket, folder: Path, rounds: int, rate: float) -> None:
    """Log a client in, pour what it subscribes to, say it is over."""
    client.settimeout(TIMEOUT)
    client.sendall(b"Content-Type: auth/request\n\n")
    with client.makefile("rb") as commands:
        command(commands.readline)
        client.sendall(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
        kind = command(commands.readline).split()[1]
        client.sendall(b"Content-Type: command/reply\nReply-Text: +OK event listener enabled\n\n")
        for _ in FILTERS if kind == "json" else ():
            command(commands.readline)
            client.sendall(b"Content-Type: command/reply\nReply-Text: +OK filter added\n\n")
        events = (folder / kind).read_bytes()
        begin, sent = time.monotonic(), 0
        for number in range(rounds):
            data = numbered(events, number)
            for at in range(0, len(data), PIECE):
                time.sleep(max(0.0, begin + sent / rate - time.monotonic()))
                piece = data[at : at + PIECE]
                client.sendall(piece)
                sent += len(piece)
        client.sendall(goodbye(kind))
        # The client ends the connection when it has read all; what it still asks is not answered.
        while commands.read1(4096):
            pass


def command(readline) -> str:  # type: ignore[no-untyped-def]
    """The first line of the next command."""
    lines: list[bytes] = []
    while (line := readline(4096)) != b"\n":
        if not line:
            raise ConnectionError("the client is gone")
        lines.append(line)
    return lines[0].decode().strip()


def main() -> None:
    folder, rounds, rate = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            client, _ = server.accept()
            with client:
                try:
                    serve(client, folder, rounds, rate)
                except OSError as error:
                    print(f"feeder: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
