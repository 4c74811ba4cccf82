"""Opens the WebSocket of a session: proxy, name lookup, TLS, HTTP upgrade, all within one deadline.

Not with the SDK's connect(), which drops the close reason, leaks its HTTP session when a handshake is cancelled, ignores
a handshake deadline and the proxies of the environment, and reports every close alike (azure-ai-voicelive 1.3.1).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver

from device_daemon.voicelive import failures
from device_daemon.voicelive.limits import LineLimits
from device_daemon.voicelive.proxy import proxy_for

_UNSENT_BYTES: Final = 16 * 1024
"""What the kernel takes ahead of what it has sent: on a slow uplink, audio waits where it can still be dropped."""
_UNACKNOWLEDGED_MS: Final = 30_000
"""After so long without an acknowledgement the kernel gives a connection up, with all that waits to be sent."""


async def open_socket(
    url: str,
    *,
    host: str,
    headers: Mapping[str, str],
    proxy: str | None,
    resolver: AbstractResolver,
    tls: ssl.SSLContext | None = None,
    limits: LineLimits,
) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
    """Open a WebSocket.

    Args:
        url: https:// or http://, with the path and query of a session.
        host: What messages to the owner call the service.
        headers: With the key or token.
        proxy: service.proxy, if set.
        resolver: Looks names up.
        tls: Whom to trust; None for those whom the system trusts.
        limits: Deadlines and bounds.

    Returns:
        The HTTP session, to be closed after the WebSocket; and the WebSocket, which leaves pings to its user.

    Raises:
        SpeakerError: See `failures`.
    """
    proxy = proxy_for(url, proxy)
    http = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, ssl=tls or True),
        trace_configs=[_no_redirects()],
        timeout=aiohttp.ClientTimeout(total=limits.handshake_s),
    )
    try:
        async with asyncio.timeout(limits.handshake_s):
            socket_ = await http.ws_connect(
                url,
                headers=headers,
                proxy=proxy,
                autoping=False,
                max_msg_size=limits.max_message_bytes,
                timeout=aiohttp.ClientWSTimeout(ws_close=limits.closing_s),
            )
    except BaseException as error:
        await http.close()  # also where the attempt was cancelled: the HTTP session must not outlive it
        if isinstance(error, (aiohttp.ClientError, TimeoutError, OSError, ValueError)):
            # Not `from error`: aiohttp's exceptions hold the request's headers, and in them the key.
            raise failures.connect_failure(error, host) from None
        raise
    _tune(socket_)
    return http, socket_


def _tune(socket_: aiohttp.ClientWebSocketResponse) -> None:
    tcp = socket_.get_extra_info("socket")
    if tcp is not None:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)


def _no_redirects() -> aiohttp.TraceConfig:
    """Refuse redirects before the key is sent to wherever they point."""

    async def refuse(_http: aiohttp.ClientSession, _context: SimpleNamespace, params: Any) -> None:
        status = params.response.status
        params.response.close()
        raise failures.handshake_failure(status, None, params.url.host)

    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(refuse)
    return trace
