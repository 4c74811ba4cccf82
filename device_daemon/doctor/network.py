"""The way to the voice service: clock, name, line, certificate, and a session."""

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
from urllib.request import getproxies, proxy_bypass

from msgspec import Struct

from device_daemon.config.settings import Service
from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.ports import ClientPort
from device_daemon.doctor import remedies
from device_daemon.doctor.findings import failed, note, ok, skipped
from device_daemon.doctor.runner import Check, in_thread
from device_daemon.errors import ServiceSilent, SessionRejected
from device_daemon.system import clock_sync

ANSWER_DEADLINE_S: Final = 10.0
TLS_DEADLINE_S: Final = 5.0
CLOSE_DEADLINE_S: Final = 1.0
_HAPPY_EYEBALLS_S: Final = 0.25


class Way(Struct, frozen=True):
    """Which host a connection to the service is made to first: the service's, or a proxy's."""

    host: str
    port: int
    secure: bool
    """Whether the certificate there is that of the service."""
    proxy: bool = False


def way_to(service: Service) -> Way:
    """As the client goes: by service.proxy, else by HTTPS_PROXY and its like, else directly."""
    endpoint = urlsplit(service.endpoint or "")
    host, secure = endpoint.hostname or "", endpoint.scheme in {"https", "wss"}
    by_environment = None
    if not proxy_bypass(host):
        by_environment = getproxies().get("https" if secure else "http")
    if proxy := service.proxy or by_environment:
        parts = urlsplit(proxy)
        return Way(parts.hostname or "", parts.port or 80, secure=False, proxy=True)
    return Way(host, endpoint.port or (443 if secure else 80), secure)


async def look_at_clock() -> Check:
    """Whether certificates can be judged by it."""
    now = f"{datetime.now().astimezone():%-d %B %Y, %H:%M:%S %Z}"
    if not clock_sync.is_set():
        yield failed(
            "clock", f"{now}, and it was not set from the network: certificates look wrong", remedies.set_clock()
        )
    elif clock_sync.is_kept():
        yield ok("clock", now)
    else:
        yield note("clock", f"{now}; plausible, and no time service keeps it right", remedies.GET_CLOCK)


async def look_up(way: Way) -> Check:
    """Whether the name leads to an address."""
    began_s = time.monotonic()
    lookup = partial(socket.getaddrinfo, way.host, way.port, type=socket.SOCK_STREAM)
    whose = "the proxy " if way.proxy else ""
    try:
        found = await in_thread(lookup)
    except (socket.gaierror, UnicodeError) as error:
        unknown = isinstance(error, UnicodeError) or error.errno == socket.EAI_NONAME
        why = "there is no such name" if unknown else str(getattr(error, "strerror", error))
        mend = (
            f"getent hosts {way.host}    # else correct service.endpoint" if unknown else "sudo nmtui    # the network"
        )
        yield failed("name", f"cannot look up {whose}{way.host}: {why}", mend)
        return
    took_ms = _ms_since(began_s)
    addresses = ", ".join(dict.fromkeys(str(entry[4][0]) for entry in found))
    yield ok("name", f"{whose}{way.host} is {addresses} ({took_ms:.0f} ms)", lookup_ms=took_ms)


async def call(way: Way) -> Check:
    """Whether somebody answers there, and who they say they are."""
    where = f"{'the proxy ' if way.proxy else ''}{way.host}, port {way.port}"
    began_s = time.monotonic()
    try:
        _, writer = await asyncio.open_connection(way.host, way.port, happy_eyeballs_delay=_HAPPY_EYEBALLS_S)
    except OSError as error:
        why = error.strerror or str(error)
        yield failed("line", f"{where} cannot be reached: {why}", f"nc -vz -w 5 {way.host} {way.port}")
        return
    try:
        tcp_ms = _ms_since(began_s)
        yield ok("line", f"{where} answers ({tcp_ms:.0f} ms)", tcp_ms=tcp_ms)
        if not way.secure:
            why = "asked for beyond the proxy" if way.proxy else "none is used to this endpoint"
            yield skipped("certificate", why)
            return
        began_s = time.monotonic()
        context = await asyncio.to_thread(ssl.create_default_context)  # it reads a hundred certificates
        try:
            await writer.start_tls(context, server_hostname=way.host, ssl_handshake_timeout=TLS_DEADLINE_S)
        except ssl.SSLCertVerificationError as error:
            yield failed("certificate", _refusal(way.host, error), _certificate_mend(way, error))
        except OSError as error:
            yield failed(
                "certificate",
                f"no secure connection to {way.host}: {error.strerror or error}",
                f"openssl s_client -connect {way.host}:{way.port} -servername {way.host} </dev/null",
            )
        else:
            tls_ms = _ms_since(began_s)
            told = _certificate(writer.get_extra_info("peercert") or {})
            yield ok("certificate", f"{told} ({tls_ms:.0f} ms)", tls_ms=tls_ms)
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await writer.wait_closed()


async def hold_session(client: ClientPort, host: str) -> Check:
    """A connection as for a conversation, with the config's own session.update. Raises one of errors.py."""
    began_s = time.monotonic()
    connection = await client.connect()
    try:
        connect_ms = _ms_since(began_s)
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(ANSWER_DEADLINE_S):
                await connection.send(do.UpdateSession())
                async for event in connection.events():
                    match event:
                        case on.SessionUpdated():
                            break
                        case on.ServiceError(code, message):
                            raise SessionRejected.from_service(code, message)
                        case on.Closed(failure):
                            raise failure
                        case _:
                            pass
        except TimeoutError:
            raise ServiceSilent(
                f"{host} took our settings and did not answer within {ANSWER_DEADLINE_S:g} s; try again."
            ) from None
        update_ms = _ms_since(began_s)
        what = f"{host} took the config's settings: connected in {connect_ms:.0f} ms, session in {update_ms:.0f} ms"
        yield ok("session", what, connect_ms=connect_ms, update_ms=update_ms)
    finally:
        await connection.close()


def _refusal(host: str, error: ssl.SSLCertVerificationError) -> str:
    return f"the certificate of {host} is not valid here: {error.verify_message}"


def _certificate_mend(way: Way, error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in {9, 10}:  # not yet, or no longer, valid
        return f"date    # if that is wrong: {remedies.SET_CLOCK}"
    if error.verify_code == 20:  # the issuer is not among those this machine trusts
        return "sudo apt install --reinstall ca-certificates    # unless a proxy answers in its place: then set service.proxy"
    return f"openssl s_client -connect {way.host}:{way.port} -servername {way.host} </dev/null    # who answers there?"


def _certificate(certificate: Mapping[str, Any]) -> str:
    """What a certificate in the form of ssl's getpeercert() says of itself."""
    issuer = {name: value for part in certificate.get("issuer", ()) for name, value in part}
    by = issuer.get("organizationName") or issuer.get("commonName") or "somebody"
    return f"valid until {certificate.get('notAfter', 'ever')}, by {by}"


def _ms_since(began_s: float) -> float:
    return round((time.monotonic() - began_s) * 1000, 1)
