"""The other end of a reader's benchmark: an AMI that logs anybody in and then pours events.

Run as a process of its own, so that its CPU is nobody's: ``python -m tests.bench.feeder FILE
ROUNDS``. Prints its port, serves one client after the other until it is ended.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

GOODBYE = b"Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: BenchOver\r\n\r\n"
TIMEOUT = 120.0


def serve(client: socket.socket, events: bytes, rounds: int) -> None:
    """Answer a login as Asterisk does, pour `events` `rounds` times, say it is over."""
    client.settimeout(TIMEOUT)
    client.sendall(b"Asterisk Call Manager/11.0.0\r\n")
    asked = b""
    while b"\r\n\r\n" not in asked:
        chunk = client.recv(4096)
        if not chunk or len(asked) > 65_536:
            return
        asked += chunk
    login = dict(line.split(": ", 1) for line in asked.decode().split("\r\n") if ": " in line)
    answer = f"Response: Success\r\nActionID: {login['ActionID']}\r\nMessage: in\r\n\r\n"
    client.sendall(answer.encode())
    for _ in range(rounds):
        client.sendall(events)
    client.sendall(GOODBYE)
    # The client ends the connection when it has read all; what it still asks is not answered.
    while client.recv(4096):
        pass


def main() -> None:
    events, rounds = Path(sys.argv[1]).read_bytes(), int(sys.argv[2])
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            client, _ = server.accept()
            with client:
                try:
                    serve(client, events, rounds)
                except OSError as error:
                    print(f"feeder: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
