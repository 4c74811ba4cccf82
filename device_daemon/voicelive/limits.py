"""Deadlines and bounds of a connection to the service. Pure; tests give shorter ones."""

from __future__ import annotations

from msgspec import Struct


class LineLimits(Struct, frozen=True):
    """In seconds, if not said otherwise."""

    handshake_s: float = 8.0
    """For name lookup, TCP, TLS, proxy and HTTP upgrade together."""
    closing_s: float = 1.0
    """For the service's half of the closing handshake."""
    max_message_bytes: int = 4 * 1024 * 1024
    """A longer message ends the connection (1009). The SDK's own limit; an audio delta has some 12 kB."""
    before_expiry_s: float = 30.0
    """How long before the session's `expires_at` it is replaced: between this and twice this, so that a hundred speakers
    that were started together do not come back together."""
    eager_for_s: float = 5.0
    """How long after the last message, either way, somebody is taken to wait for the next."""
    eager_ping_s: float = 1.0
    """While somebody waits: the silence after which a ping is sent."""
    eager_pong_s: float = 3.6
    """While somebody waits: how long it may take until anything comes after that. Both together are less than 5 s.

    On a slow uplink the ping waits behind up to 80 KiB of microphone audio in the buffers (1.3 s of it).
    """
    rest_ping_s: float = 15.0
    rest_pong_s: float = 9.5
    """The same at rest, as in a warm session. Both together are less than 25 s."""
