"""Every bound of the web sockets in one visible place.

None is a setting: they guard the process, and an ordinary session stays far below each of them.
Sizes are bytes, times are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * 1024


@dataclass(frozen=True)
class Rate:
    """How fast somebody may send: two token buckets."""

    messages_per_second: float = 200.0
    message_burst: float = 1000.0
    bytes_per_second: float = 2.0 * MIB
    byte_burst: float = 16.0 * MIB


@dataclass(frozen=True)
class Limits:
    """What a socket, a document and the whole server may use."""

    # a message
    message: int = 1 * MIB
    """Largest message a client may send; above it, close code 4413."""
    token: int = 4 * KIB
    session_id: int = 64

    # how fast; above it, close code 4429
    rate: Rate = Rate()
    """Of a socket; what it asks for counts too."""
    updates: Rate = Rate(bytes_per_second=256.0 * KIB, byte_burst=2.0 * MIB)
    """Of one person in a room, over all their sockets: each byte of an update has to be read, a
    megabyte of the smallest structs for a quarter of a second."""

    # a document
    document: int = 8 * MIB
    """Of updates, after compaction; an update above it is refused with 4413."""
    documents: int = 512 * MIB
    """Of all documents in memory together; above it, 1013."""
    types: int = 5000
    """Nested shared types in a document. yrs deletes them by recursion and ends the process on a
    chain of 100,000 (10,000 are fine on a stack of 8 MiB); so does a browser, earlier."""
    nesting: int = 64
    """Depth of arrays and objects in one plain value; 200,000 end the process likewise."""
    document_of_person: int = 6 * MIB
    """Of what one participant has written, so that the other has a place left."""
    waiting: int = 200
    """Updates of one person that wait for earlier ones of theirs; above it, 1013."""
    waiting_bytes: int = 1 * MIB
    writers_of_person: int = 1000
    """Yjs clients that one participant has written as; each opening of a page makes one."""
    compact_after: int = 500
    """Stored updates of one document before they are put together."""

    # awareness
    awareness_message: int = 64 * KIB
    awareness_state: int = 16 * KIB
    awareness_clients: int = 64
    """In a room at one time."""
    awareness_clients_of_person: int = 16
    awareness_remembered: int = 256
    """Whose clocks and owners a room remembers, gone clients included."""

    # how many
    sockets_in_room: int = 24
    sockets_of_person: int = 8
    """In one room; so that one side cannot take the other's place."""
    rooms: int = 4096
    sync_sockets: int = 8192
    desk_sockets: int = 2048
    desk_sockets_of_agent: int = 16
    code_sockets: int = 1024
    code_sockets_of_code: int = 2
    """So many of each code that is good leave room for every other."""
    link_sockets: int = 256
    links_of_pbx: int = 4
    admissions: int = 512
    """Handshakes under way at one time; above it, 503."""

    # a slow reader
    send_buffer: int = 1 * MIB
    """Unsent bytes of one socket when another message comes: above it the socket is closed."""
    queued_pushes: int = 1000
    """Messages to a desk or link socket that wait for its first message."""

    # storage
    commit_window: float = 0.005
    """How long updates gather before they are stored in one transaction."""
    unstored: int = 32 * MIB
    """Updates of all rooms that wait for storage; above it, rooms are closed with 1013."""
    behind: int = 16 * MIB
    """What one room will say once something is stored; above it, the sender is closed."""
    storage_patience: float = 20.0
    """How long storing is tried again before the rooms are closed with 1013."""
    storage_retry: float = 0.1
    storage_retry_most: float = 2.0
    room_idle: float = 10.0
    """How long the document of an empty room stays in memory."""

    # time
    backend: float = 10.0
    """Longest wait for an answer of the backend in a handshake."""
    link_ping: float = 5.0
    link_dead: float = 10.0
    page_ping: float = 15.0
    page_dead: float = 40.0
    close: float = 2.0
    """How long a peer may take to answer a close frame."""
    stop: float = 5.0
    """For each step of a graceful stop: sockets, storage, requests."""

    # HTTP
    http_head: int = 64 * KIB
    http_head_time: float = 20.0
    http_fields: int = 200
    """Of a head, and behind a body."""
    http_pipelined: int = 16
    """Requests of one connection that wait for those before them."""
    http_body: int = 4 * MIB
    """Of a connector's report."""
    http_small_body: int = 256 * KIB
    """Of anything else. Flask takes less, and says so better."""
    http_bodies: int = 128 * MIB
    """Of all requests together, whoever sends them; above it, 503."""
    http_body_time: float = 60.0
    http_response_buffer: int = 64 * MIB
    http_send_time: float = 120.0
    http_waiting: int = 1000
    """Requests that wait for a thread; above it, 503."""
