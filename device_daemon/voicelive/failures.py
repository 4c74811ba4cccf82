"""What went wrong with a connection, as one of our exceptions: named by what the owner can do about it.

HTTP statuses and close codes are told apart here, `error` events in conversation/service_errors.py, and which exception is
retried in system/backoff.retry_delay_s.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from device_daemon.errors import (
    AuthRefused,
    ClockNotSet,
    ConnectionLost,
    ServiceBusy,
    ServiceUnreachable,
    SessionRejected,
    SpeakerError,
)
from device_daemon.system import clock_sync
from device_daemon.system.foreign_text import safe

MOST_RETRY_AFTER_S: Final = 3_600.0
_CLOSE_CODES: Final = {
    1000: "the service ended the session",
    1001: "the service is going away",
    1006: "the connection broke",
    1011: "the service met an error of its own",
    1012: "the service restarts",
    1013: "the service is overloaded",
}


def connect_failure(error: Exception, host: str, clock_is_set: Callable[[], bool] = clock_sync.is_set) -> SpeakerError:
    """Return the failure for what aiohttp raised while a connection was being opened."""
    match error:
        case aiohttp.WSServerHandshakeError():
            asked = error.headers.get("Retry-After", "").strip() if error.headers else ""
            token = "Authorization" in error.request_info.headers
            return handshake_failure(error.status, retry_after_s(asked, datetime.now(UTC)), host, token=token)
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return ServiceUnreachable(
                f"no way through the proxy to {host}: {_reason(error)}; check service.proxy (or HTTPS_PROXY)."
            )
        case aiohttp.ClientConnectorDNSError():
            return ServiceUnreachable(f"cannot look up {host}: check the network, the DNS and service.endpoint.")
        case aiohttp.ClientConnectorCertificateError() if not clock_is_set():
            return ClockNotSet(
                f"this device's clock says {time.strftime('%-d %B %Y')} and is not set from the network yet, so the"
                f" certificate of {host} does not look valid; it waits, check the time service (timedatectl)."
            )
        case aiohttp.ClientConnectorCertificateError():
            return ServiceUnreachable(
                f"the certificate of {host} is not valid here: {_certificate_reason(error.certificate_error)};"
                " check this device's date and time, then its network."
            )
        case aiohttp.ClientSSLError():
            return ServiceUnreachable(
                f"no secure connection to {host}: {safe(str(error))}; check the network and its proxies."
            )
        case TimeoutError():
            return ServiceUnreachable(f"{host} did not answer in time; check the network.")
        case aiohttp.ClientConnectorError():
            return ServiceUnreachable(f"cannot reach {host}: {_reason(error)}; check the network.")
        case aiohttp.InvalidURL():
            return SessionRejected(f"{host} is no address; check service.endpoint.")
        case _:
            return ServiceUnreachable(
                f"cannot reach {host}: {safe(str(error)) or type(error).__name__}; check the network."
            )


def handshake_failure(status: int, retry_after_s: float | None, host: str, *, token: bool = False) -> SpeakerError:
    """Return the failure for an HTTP status in answer to the WebSocket upgrade; `token`: signed in as an Entra identity."""
    match status:
        case 401 | 403 if token:
            return AuthRefused(
                f"{host} does not admit this Microsoft Entra identity ({status}); give it the role Cognitive Services User"
                " on the resource (that takes some minutes), and check service.entra.tenant_id and the resource's network"
                " rules."
            )
        case 401:
            return AuthRefused(f"{host} refused the key or token (401); check the key and that it is of this resource.")
        case 403:
            return AuthRefused(
                f"{host} forbids it (403); check the role of this identity and the resource's network rules."
            )
        case 404:
            return SessionRejected(
                f"{host} has no Voice Live there (404); check service.endpoint and the resource's region."
            )
        case 429:
            return ServiceBusy(
                f"{host} accepts no further connections at the moment (429, quota); it is tried again later.",
                retry_after_s,
            )
        case _ if status == 408 or 500 <= status < 600:
            return ServiceBusy(f"{host} met an error of its own ({status}); it is tried again.", retry_after_s)
        case _ if 300 <= status < 400:
            return SessionRejected(
                f"{host} redirects elsewhere ({status}), which is not followed; check service.endpoint."
            )
        case _:
            return SessionRejected(f"{host} refused the connection ({status}); check service.model and service.agent.")


def close_failure(code: int | None, reason: str) -> SpeakerError:
    """Return the failure for a connection that was closed by the other side, or that broke.

    Args:
        code: The WebSocket close code; None where there was none.
        reason: The service's words.

    Returns:
        SessionRejected for 1008: the service says that of settings it does not accept (recorded traffic). ConnectionLost
        for every other code, 1000 included: nobody here asked for the end, so a new connection is tried.
    """
    said = f": {safe(reason)}" if reason else ""
    if code == aiohttp.WSCloseCode.POLICY_VIOLATION:
        return SessionRejected(
            f"the service closed the session (1008){said or ': policy'}; check service: in the config."
        )
    what = _CLOSE_CODES.get(code or 1006, "the service closed the session")
    return ConnectionLost(f"{what} ({code or 1006}){said}; a new connection is tried.", code)


def retry_after_s(value: str, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number of seconds or an HTTP date (RFC 9110, 10.2.3).

    None where it is neither; at most `MOST_RETRY_AFTER_S`, since a wrong header or clock must not silence a speaker.
    """
    if value.isascii() and value.isdigit():
        return min(float(value), MOST_RETRY_AFTER_S)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return min(max((date - now).total_seconds(), 0.0), MOST_RETRY_AFTER_S)


def _reason(error: aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"it answers {error.status}"  # its own words hold the proxy's address, and that may hold a password
    number = error.os_error.errno
    return os.strerror(number) if number and number > 0 else str(error.os_error)


def _certificate_reason(error: Exception) -> str:
    return error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
