"""The web sockets of the server, beside Flask on one port.

`server` holds what the command line needs: `create_hub()` first, since the Flask application pushes
through it, then `serve(app, backend, hub, listen)`, which blocks until SIGINT or SIGTERM. `backend`
says what the sockets ask of the database side, `hub` what that side says to the sockets.

A message's way: `splice` (uvicorn and picows; `asgi` instead, with stock web sockets) ->
`participant` (the y-websocket talk, on `wire`) -> `room` (`document`, `update`, `awareness`,
`writers`) -> the other sockets, and by `journal` to the backend. `live` admits, `channels` holds
desks and links, `limits` every bound.
"""
