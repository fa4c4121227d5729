"""The web sockets of the server, beside Flask on one port.

`collab_server.realtime.server` holds the two functions the command line needs:

    create_hub() -> Hub
        first, since the Flask application pushes through it;
    serve(app, backend, hub, listen, *, sockets="picows", threads=16, on_listening=None) -> None
        blocks until SIGINT or SIGTERM. `app` is the WSGI application, `backend` a
        `backend.Backend`, `listen` "host:port" (IPv6 in brackets, port 0 for any), `sockets`
        "picows" or "asgi" (stock uvicorn web sockets), `threads` how many requests Flask works on
        at once, `on_listening(host, port)` is called once the port is open. Raises OSError when
        the port cannot be had, ValueError when `listen` is no address.
"""
