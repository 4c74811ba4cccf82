"""Network checks on the way to the voice service: clock, DNS, TCP, TLS certificate, a session."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from msgspec import Struct

from device_daemon.config.settings import Service
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.ports import ClientPort
from device_daemon.conversation.service_errors import failure_of
from device_daemon.doctor import remedies
from device_daemon.doctor.findings import failed, note, ok, skipped
from device_daemon.doctor.runner import Check, in_thread
from device_daemon.errors import ServiceSilent
from device_daemon.system import clock_sync
from device_daemon.voicelive.proxy import proxy_for
from device_daemon.voicelive.tls import tls_context

ANSWER_DEADLINE_S: Final = 10.0
TLS_DEADLINE_S: Final = 5.0
CLOSE_DEADLINE_S: Final = 1.0
_HAPPY_EYEBALLS_S: Final = 0.25


class Route(Struct, frozen=True):
    """First hop of a connection to the service: the service itself, or a proxy."""

    host: str
    port: int
    secure: bool
    """Whether TLS begins at this hop."""
    proxy: bool = False
    ca_file: str | None = None
    """service.ca_file."""


def route_to(service: Service) -> Route:
    """The route the client takes: by service.proxy, else by HTTPS_PROXY and the like, else directly.

    Raises:
        SettingUnusable: An environment variable holds no address of a proxy.
    """
    endpoint = urlsplit(service.endpoint or "")
    host, secure = endpoint.hostname or "", endpoint.scheme in {"https", "wss"}
    if proxy := proxy_for(f"{'https' if secure else 'http'}://{endpoint.netloc}", service.proxy):
        parts = urlsplit(proxy)
        return Route(parts.hostname or "", parts.port or 80, secure=False, proxy=True)
    return Route(host, endpoint.port or (443 if secure else 80), secure, ca_file=service.ca_file)


async def check_clock() -> Check:
    """Whether the clock is good enough to validate certificates."""
    now = f"{datetime.now().astimezone():%-d %B %Y, %H:%M:%S %Z}"
    if not clock_sync.is_set():
        yield failed("clock", f"{now}, and not set from the network: certificates look invalid", remedies.set_clock())
    elif clock_sync.is_kept():
        yield ok("clock", now)
    else:
        yield note("clock", f"{now}; plausible, but no time service keeps it right", remedies.GET_CLOCK)


async def resolve_name(route: Route) -> Check:
    """Whether the host name resolves (DNS)."""
    began_s = time.monotonic()
    lookup = partial(socket.getaddrinfo, route.host, route.port, type=socket.SOCK_STREAM)
    whose = "the proxy " if route.proxy else ""
    try:
        found = await in_thread(lookup)
    except (socket.gaierror, UnicodeError) as error:
        unknown = isinstance(error, UnicodeError) or error.errno == socket.EAI_NONAME
        why = "there is no such name" if unknown else str(getattr(error, "strerror", error))
        remedy = (
            f"getent hosts {route.host}    # no answer: correct service.endpoint"
            if unknown
            else "sudo nmtui    # the network"
        )
        yield failed("name", f"cannot look up {whose}{route.host}: {why}", remedy)
        return
    took_ms = _ms_since(began_s)
    addresses = ", ".join(dict.fromkeys(str(entry[4][0]) for entry in found))
    yield ok("name", f"{whose}{route.host} is {addresses} ({took_ms:.0f} ms)", lookup_ms=took_ms)


async def connect(
    route: Route, tls_deadline_s: float = TLS_DEADLINE_S, close_deadline_s: float = CLOSE_DEADLINE_S
) -> Check:
    """Whether the port answers (TCP), and whether its certificate is valid (TLS)."""
    where = f"{'the proxy ' if route.proxy else ''}{route.host}, port {route.port}"
    began_s = time.monotonic()
    try:
        _, writer = await asyncio.open_connection(route.host, route.port, happy_eyeballs_delay=_HAPPY_EYEBALLS_S)
    except OSError as error:
        why = error.strerror or str(error)
        yield failed("line", f"{where} cannot be reached: {why}", f"nc -vz -w 5 {route.host} {route.port}")
        return
    try:
        tcp_ms = _ms_since(began_s)
        yield ok("line", f"{where} answers ({tcp_ms:.0f} ms)", tcp_ms=tcp_ms)
        if not route.secure:
            why = "checked beyond the proxy, by the session" if route.proxy else "no TLS on this endpoint"
            yield skipped("certificate", why)
            return
        began_s = time.monotonic()
        context = await in_thread(partial(tls_context, route.ca_file))
        try:
            await writer.start_tls(context, server_hostname=route.host, ssl_handshake_timeout=tls_deadline_s)
        except ssl.SSLCertVerificationError as error:
            yield failed("certificate", _refusal(route.host, error), _certificate_remedy(route, error))
        except OSError as error:
            yield failed(
                "certificate",
                f"no secure connection to {route.host}: {error.strerror or error}",
                f"openssl s_client -connect {route.host}:{route.port} -servername {route.host} </dev/null",
            )
        else:
            tls_ms = _ms_since(began_s)
            issued = _certificate(writer.get_extra_info("peercert") or {})
            yield ok("certificate", f"{issued} ({tls_ms:.0f} ms)", tls_ms=tls_ms)
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(close_deadline_s):
                await writer.wait_closed()


async def open_session(client: ClientPort, host: str, deadline_s: float = ANSWER_DEADLINE_S) -> Check:
    """Open a session as for a conversation, with the config's own session.update. Raises SpeakerError."""
    began_s = time.monotonic()
    connection = await client.connect()
    try:
        connect_ms = _ms_since(began_s)
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(deadline_s):
                await connection.send(do.UpdateSession())
                async for event in connection.events():
                    match event:
                        case on.SessionUpdated():
                            break
                        case on.ServiceError() as error:
                            raise failure_of(error)
                        case on.Closed(failure):
                            raise failure
                        case _:
                            pass
        except TimeoutError:
            raise ServiceSilent(f"{host} did not answer session.update within {deadline_s:g} s; try again.") from None
        update_ms = _ms_since(began_s)
        what = f"{host} accepted the settings: connected in {connect_ms:.0f} ms, session in {update_ms:.0f} ms"
        yield ok("session", what, connect_ms=connect_ms, update_ms=update_ms)
    finally:
        await connection.close()


def _refusal(host: str, error: ssl.SSLCertVerificationError) -> str:
    return f"the certificate of {host} is not valid: {error.verify_message}"


def _certificate_remedy(route: Route, error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in {9, 10}:  # not yet, or no longer, valid
        return f"date    # if that is wrong: {remedies.SET_CLOCK}"
    if error.verify_code == 20:  # the issuer is not among those this machine trusts
        return "sudo apt install --reinstall ca-certificates    # if a proxy answers in its place, set service.proxy"
    return f"openssl s_client -connect {route.host}:{route.port} -servername {route.host} </dev/null    # who answers there?"


def _certificate(certificate: Mapping[str, Any]) -> str:
    """Expiry and issuer of a certificate in the form of ssl.getpeercert()."""
    issuer = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    by = issuer.get("organizationName") or issuer.get("commonName") or "an unnamed issuer"
    return f"valid until {certificate.get('notAfter', 'ever')}, by {by}"


def _ms_since(began_s: float) -> float:
    return round((time.monotonic() - began_s) * 1000, 1)
