"""A gateway that takes invitations by HTTP, and a mail server: they write down what came."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller

from tests.runtime.tls import certificate, server_context


@dataclass
class Asked:
    """One request that came to the gateway."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}


@dataclass
class Gateway:
    """`answers` are given one after the other, the last again and again; None: no answer, ever."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: list[tuple[int, bytes] | None] = field(default_factory=lambda: [(200, b"ok")])
    came: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def gateway(tls: Path | None = None) -> Iterator[Gateway]:
    """A gateway on a port of the loopback; `tls`: a folder to make its own certificate in."""
    double = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            double.asked.append(Asked(self.command, self.path, headers, body))
            first = double.answers[0]
            if len(double.answers) > 1:
                double.answers.pop(0)
            double.came.set()
            if first is None:
                double.closing.wait(30)
                return
            status, text = first
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{double.url}/elsewhere")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        certificate(tls)
        server.socket = server_context(tls).wrap_socket(server.socket, server_side=True)
    double.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield double
    finally:
        double.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Mailbox:
    """What came to the mail server, and what it says to the next recipients and messages."""

    port: int = 0
    came: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    to_recipient: list[str] = field(default_factory=lambda: ["250 OK"])
    to_data: str = "250 OK"
    tries: int = 0

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        self.tries += 1
        said = self.to_recipient[0]
        if len(self.to_recipient) > 1:
            self.to_recipient.pop(0)
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.came.append((list(envelope.rcpt_tos), message))
        if not self.to_data:
            server.transport.abort()
        return self.to_data or "250 OK"


@contextmanager
def mail_server(tls: Path | None = None) -> Iterator[Mailbox]:
    """A mail server on a port of the loopback; `tls`: it demands STARTTLS."""
    mailbox = Mailbox()
    options: dict[str, Any] = {}
    if tls is not None:
        certificate(tls)
        options = {"tls_context": server_context(tls), "require_starttls": True}
    with socket.create_server(("127.0.0.1", 0)) as probe:
        mailbox.port = probe.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
