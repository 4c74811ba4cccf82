"""Tokens of Microsoft Entra: fetched once, renewed ahead, and "offline" is never taken for "refused"."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity import CredentialUnavailableError
from requests import ConnectionError as NoConnection

from device_daemon.config.settings import Entra, Service
from device_daemon.errors import AuthRefused, ClockNotSet, ServiceBusy, ServiceUnreachable, SpeakerError
from device_daemon.voicelive.entra import Token
from device_daemon.voicelive.entra_failures import entra_failure
from device_daemon.voicelive.failures import handshake_failure

SECRET = "s3cret"


def found(lives_s: float = 3600.0, text: str = SECRET) -> Any:
    return SimpleNamespace(token=text, expires_on=time.time() + lives_s, refresh_on=None)


def token(fetch: Callable[[], Any], **settings: Any) -> Token:
    return Token(Service(auth="entra"), {}, fetch=fetch, **settings)


async def test_a_token_is_fetched_once_for_many_connections() -> None:
    fetched = 0

    def fetch() -> Any:
        nonlocal fetched
        fetched += 1
        return found()

    credential = token(fetch)
    for _ in range(3):
        assert await credential.headers() == {"Authorization": f"Bearer {SECRET}"}
    assert fetched == 1
    await credential.close()


async def test_connections_at_the_same_time_share_one_fetch() -> None:
    may_answer = threading.Event()
    fetched = 0

    def fetch() -> Any:
        nonlocal fetched
        fetched += 1
        may_answer.wait(5)
        return found()

    credential = token(fetch)
    both = asyncio.gather(credential.headers(), credential.headers())
    await asyncio.sleep(0)
    may_answer.set()
    await both
    assert fetched == 1
    await credential.close()


async def test_a_token_that_is_about_to_expire_is_not_used() -> None:
    tokens = iter([found(30, "old"), found(3600, "new")])
    credential = token(lambda: next(tokens))
    await credential.headers()
    assert await credential.headers() == {"Authorization": "Bearer new"}
    await credential.close()


async def test_a_short_lived_token_is_renewed_in_the_background() -> None:
    loop = asyncio.get_running_loop()
    renewed = asyncio.Event()
    tokens = iter([found(0.1, "old"), found(3600, "new")])

    def fetch() -> Any:
        given = next(tokens)
        if given.token == "new":
            loop.call_soon_threadsafe(renewed.set)
        return given

    credential = token(fetch)
    assert (await credential.headers())["Authorization"] == "Bearer old"
    async with asyncio.timeout(5):
        await renewed.wait()  # though nobody asks for it
    assert (await credential.headers())["Authorization"] == "Bearer new"
    await credential.close()


async def test_a_token_that_does_not_come_is_not_waited_for_without_end() -> None:
    never = threading.Event()
    credential = token(lambda: never.wait(5) or found(), deadline_s=0.02)
    with pytest.raises(ServiceUnreachable, match="Entra"):
        await credential.headers()
    await credential.close()
    never.set()


async def test_what_the_library_raises_reaches_nobody_as_it_is() -> None:
    def fetch() -> Any:
        raise ClientAuthenticationError(f"AADSTS7000222: expired. Trace ID: {SECRET}\nmore")

    credential = token(fetch)
    with pytest.raises(AuthRefused) as caught:
        await credential.headers()
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None, "azure-identity's exceptions hold requests, and in them secrets"
    await credential.close()


AUTO = Entra()
MANAGED = Entra(method="managed-identity")


@pytest.mark.parametrize(
    ("error", "entra", "kind", "words"),
    [
        (ClientAuthenticationError("AADSTS7000222: The keys are expired."), AUTO, AuthRefused, "secret has expired"),
        (ClientAuthenticationError("AADSTS7000215: Invalid secret."), AUTO, AuthRefused, "secret is wrong"),
        (ClientAuthenticationError("AADSTS90002: Tenant not found."), AUTO, AuthRefused, "no such tenant"),
        (ClientAuthenticationError("AADSTS700016: not found in the directory"), AUTO, AuthRefused, "wrong tenant"),
        (ClientAuthenticationError("AADSTS99999: Something new."), AUTO, AuthRefused, "AADSTS99999: Something new"),
        (ClientAuthenticationError("AADSTS90033: try later"), AUTO, ServiceBusy, "busy"),
        (ClientAuthenticationError("AADSTS50097: Device authentication is required."), AUTO, AuthRefused, "50097"),
        (ClientAuthenticationError("AADSTS7002121: No matching record found"), AUTO, AuthRefused, "this audience"),
        (CredentialUnavailableError("none"), AUTO, AuthRefused, "nothing on this device is signed in"),
        (
            ServiceRequestError("Failed to resolve 'login.microsoftonline.com'"),
            AUTO,
            ServiceUnreachable,
            "check the network",
        ),
        (NoConnection("refused"), AUTO, ServiceUnreachable, "check the network"),
        (ClientAuthenticationError("Max retries exceeded with url"), AUTO, ServiceUnreachable, "check the network"),
        (ClientAuthenticationError("<html>a proxy's page"), AUTO, ServiceUnreachable, "tried again"),
        (ClientAuthenticationError("identity not found"), MANAGED, AuthRefused, "no such managed identity"),
        (CredentialUnavailableError("no response from the IMDS endpoint"), MANAGED, ServiceUnreachable, "azcmagent"),
    ],
)
def test_what_is_wrong_is_said_by_kind(error: Exception, entra: Entra, kind: type[SpeakerError], words: str) -> None:
    failure = entra_failure(error, entra, lambda: True)
    assert type(failure) is kind
    assert words in str(failure)
    assert "\n" not in str(failure)


@pytest.mark.parametrize("words", ["AADSTS700024: out of its time", "CERTIFICATE_VERIFY_FAILED: not yet valid"])
def test_with_a_clock_that_is_not_set_no_certificate_is_called_wrong(words: str) -> None:
    failure = entra_failure(ClientAuthenticationError(words), AUTO, lambda: False)
    assert isinstance(failure, ClockNotSet)


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_the_service_refuses_lacks_a_role_and_not_a_key(status: int) -> None:
    failure = handshake_failure(status, None, "kitchen.example", token=True)
    assert isinstance(failure, AuthRefused)
    assert "Cognitive Services User" in str(failure)
    assert "Cognitive Services User" not in str(handshake_failure(status, None, "kitchen.example"))
