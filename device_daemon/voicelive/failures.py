"""What went wrong with a connection, as one of our exceptions: named by what the owner can do about it."""

from __future__ import annotations

import os
import ssl
import time

import aiohttp

from device_daemon.errors import (
    AuthRefused,
    ClockNotSet,
    ConnectionLost,
    ServiceBusy,
    ServiceUnreachable,
    SessionEnded,
    SessionRejected,
    SpeakerError,
)
from device_daemon.system import clock_sync

_TRANSIENT_CLOSE_CODES = {
    1001: "the service is going away",
    1006: "the connection broke off",
    1011: "the service met an error of its own",
    1012: "the service restarts",
    1013: "the service is overloaded",
}


def connect_failure(error: Exception, host: str) -> SpeakerError:
    """For whatever aiohttp raised while the connection was being made."""
    match error:
        case aiohttp.WSServerHandshakeError():
            return handshake_failure(error.status, _retry_after_s(error), host)
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return ServiceUnreachable(
                f"no way through the proxy to {host}: {_reason(error)}; check service.proxy (or HTTPS_PROXY)."
            )
        case aiohttp.ClientConnectorDNSError():
            return ServiceUnreachable(f"cannot look up {host}: check the network, the DNS and service.endpoint.")
        case aiohttp.ClientConnectorCertificateError() if not clock_sync.is_set():
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
            return ServiceUnreachable(f"no secure connection to {host}: {error}; check the network and its proxies.")
        case TimeoutError():
            return ServiceUnreachable(f"{host} did not answer in time; check the network.")
        case aiohttp.ClientConnectorError():
            return ServiceUnreachable(f"cannot reach {host}: {_reason(error)}; check the network.")
        case aiohttp.InvalidURL():
            return SessionRejected(f"{host} is no address; check service.endpoint.")
        case _:
            return ServiceUnreachable(f"cannot reach {host}: {error or type(error).__name__}; check the network.")


def handshake_failure(status: int, retry_after_s: float | None, host: str) -> SpeakerError:
    """For an HTTP status where a WebSocket was asked for."""
    match status:
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
            return ServiceBusy(f"{host} has no room (429, quota); wait, or ask Azure for more.", retry_after_s)
        case 408 | 500 | 502 | 503 | 504:
            return ServiceBusy(f"{host} is out of order for the moment ({status}); it is tried again.", retry_after_s)
        case _ if 300 <= status < 400:
            return SessionRejected(
                f"{host} redirects elsewhere ({status}), which is not followed; check service.endpoint."
            )
        case _:
            return SessionRejected(f"{host} refused the connection ({status}); check service.model and service.agent.")


def close_failure(code: int | None, reason: str) -> SpeakerError:
    """For the close of a connection that stood; a code that says nothing of its own counts as a broken line."""
    said = f": {reason}" if reason else ""
    if code == aiohttp.WSCloseCode.OK:
        return SessionEnded(f"the service closed the session{said}.")
    if code == aiohttp.WSCloseCode.POLICY_VIOLATION:
        return SessionRejected(
            f"the service closed the session (1008){said or ': policy'}; check service: in the config."
        )
    told = _TRANSIENT_CLOSE_CODES.get(code or 1006, "the service closed the session")
    return ConnectionLost(f"{told} ({code or 1006}){said}; a new connection is tried.", code)


def _retry_after_s(error: aiohttp.WSServerHandshakeError) -> float | None:
    value = error.headers.get("Retry-After", "") if error.headers else ""
    return float(value) if value.isascii() and value.isdigit() else None


def _reason(error: aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"it answers {error.status}"  # its own words hold the proxy's address, and that may hold a password
    number = error.os_error.errno
    return os.strerror(number) if number and number > 0 else str(error.os_error)


def _certificate_reason(error: Exception) -> str:
    return error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
