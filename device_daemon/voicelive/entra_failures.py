"""What went wrong with a Microsoft Entra sign-in, by what the owner can do about it.

"Refused" needs proof: an answer of Entra, or of this machine's identity service, that names its reason. Whatever else goes
wrong (no network, no answer, a proxy's page) counts as "unreachable" and is tried again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Final

from azure.core.exceptions import DecodeError, ServiceRequestError, ServiceResponseError
from azure.identity import CredentialUnavailableError
from requests import RequestException

from device_daemon.config.settings import Entra
from device_daemon.errors import AuthRefused, ClockNotSet, ServiceBusy, ServiceUnreachable, SpeakerError
from device_daemon.system import clock_sync
from device_daemon.system.foreign_text import safe
from device_daemon.voicelive.device_code import REMEDY

SETTING: Final = "service.entra"
_CODE: Final = re.compile(r"AADSTS(\d+)")
"""An error code of Entra, https://learn.microsoft.com/entra/identity-platform/reference-error-codes. Microsoft may change
them: an unknown one is reported in Entra's own words. One that is a digit longer is a variant of the shorter: 530032 is
one of 53003."""
_OAUTH: Final = re.compile(
    r"\b(authorization_declined|invalid_client|invalid_grant|unauthorized_client|invalid_scope|access_denied|interaction_required|consent_required)\b"
)
_HTTP: Final = re.compile(r"HTTP Error: (5\d\d)")
"""In msal's words, which has dropped the answer's content."""
_NETWORK: Final = re.compile(
    r"Failed to (?:resolve|establish)|Max retries exceeded|timed out|Connection (?:refused|aborted|reset)"
    r"|Name or service not known|CERTIFICATE_VERIFY_FAILED|Network is unreachable"
)
"""In the words of urllib3: DefaultAzureCredential hands on the text of an error, not the error."""
_OFFLINE: Final = "cannot reach Microsoft Entra for a token; check the network."

_SECRET = "make a new one (az ad app credential reset) and put it into the speaker's file or systemd credential."  # noqa: S105
_TENANT = f"check {SETTING}.tenant_id and {SETTING}.client_id."
_PORTAL: Final = (
    "something on the way answers for Microsoft Entra (a captive portal, a proxy): no token; check the network."
)
_FEDERATED = "compare issuer, subject and audience of the token with the app's federated credential."
_KINDS: Final = {
    "7000222": ("the client secret has expired", _SECRET),
    "7000215": ("the client secret is wrong (its value is asked for, not its ID)", _SECRET),
    "7000216": ("the client secret or certificate is missing", _SECRET),
    "700027": ("the certificate is not registered with this app, or has expired", "upload it (az ad app credential)."),
    "700024": (
        "its certificate's signature, or the token in its token_file, is out of its time",
        "check this device's date and time, and that the token is renewed.",
    ),
    "90002": ("there is no such tenant", _TENANT),
    "700016": ("the app is not in this tenant: wrong tenant, or wrong app", _TENANT),
    "7000229": ("the app has no service principal in this tenant", "make one (az ad sp create --id CLIENT_ID)."),
    "500011": ("this tenant does not know the voice service (https://ai.azure.com)", _TENANT),
    "50020": ("the account is of another tenant", _TENANT),
    "7000112": ("the app is disabled", "enable it in the tenant."),
    "7000218": ("the app wants a secret or a certificate", "allow public client flows for it, or give it a secret."),
    "65001": ("nobody has given this app consent", "ask an administrator of the tenant."),
    "53003": ("a Conditional Access policy of the tenant blocks it", "ask an administrator of the tenant."),
    "700082": ("nobody has used its sign-in for too long", REMEDY),
    "70008": ("its sign-in has expired", REMEDY),
    "70043": ("its sign-in has expired, as a policy of the tenant wants it", REMEDY),
    "50173": ("its sign-in was revoked, as by a new password", REMEDY),
    "50076": ("the tenant wants a second factor", REMEDY),
    "50078": ("the second factor has expired", REMEDY),
    "50079": ("the tenant wants a second factor, which is not registered yet", REMEDY),
    "70021": ("no federated credential of the app fits this token", _FEDERATED),
    "700211": ("no federated credential of the app has this issuer", _FEDERATED),
    "700212": ("no federated credential of the app has this audience", _FEDERATED),
    "700213": ("no federated credential of the app has this subject", _FEDERATED),
}
_TEMPORARY: Final = frozenset({"50033", "50196", "90006", "90012", "90024", "90033", "90055", "90090"})
"""Entra is busy or throttles; the same page calls these transient, or a limit of requests."""


def entra_failure(
    error: BaseException, entra: Entra, clock_is_set: Callable[[], bool] = clock_sync.is_set
) -> SpeakerError:
    """Return the failure for what azure-identity, msal or requests raised."""
    if isinstance(error, SpeakerError):
        return error
    causes = list(_causes(error))
    text = "\n".join(str(cause) for cause in causes)
    if found := _CODE.search(text):
        return _refused(found[1], text, clock_is_set)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return _untrusted(clock_is_set)
    if entra.method == "managed-identity":
        return _managed(causes, text)
    on_the_way = (ServiceRequestError, ServiceResponseError, RequestException)
    if found := _HTTP.search(text):
        return ServiceBusy(f"Microsoft Entra has a fault of its own (HTTP {found[1]}); it is tried again.")
    if any(isinstance(cause, DecodeError) for cause in causes):
        return ServiceUnreachable(_PORTAL)
    if any(isinstance(cause, on_the_way) for cause in causes) or _NETWORK.search(text):
        return ServiceUnreachable(_OFFLINE)
    if _OAUTH.search(text):
        return AuthRefused(f"Microsoft Entra gave no token: {_line(text)} Check {SETTING} in the config.")
    if isinstance(error, CredentialUnavailableError) or "DefaultAzureCredential failed" in text:
        return AuthRefused(
            f"nothing on this device is signed in to Microsoft Entra: say how under {SETTING}, or set service.auth: api-key."
        )
    return ServiceUnreachable(f"Microsoft Entra gave no token: {_line(text)} It is tried again; check the network.")


def _refused(code: str, text: str, clock_is_set: Callable[[], bool]) -> SpeakerError:
    if code in _TEMPORARY:
        return ServiceBusy(f"Microsoft Entra is busy (AADSTS{code}); it is tried again.")
    if code == "700024" and not clock_is_set():
        return ClockNotSet(
            "this device's clock is not set yet, so its certificate is refused by Microsoft Entra; it waits."
        )
    what, remedy = _KINDS.get(code) or _KINDS.get(code[:-1]) or (_line(text), f"check {SETTING} in the config.")
    said = what if f"AADSTS{code}" in what else f"{what} (AADSTS{code})"
    return AuthRefused(f"Microsoft Entra refused to sign this device in: {said.rstrip('.')}; {remedy}")


def _untrusted(clock_is_set: Callable[[], bool]) -> SpeakerError:
    if not clock_is_set():
        today = time.strftime("%-d %B %Y")
        return ClockNotSet(
            f"this device's clock says {today} and is not set from the network yet, so the certificate of Microsoft Entra"
            " does not look valid; it waits, check the time service (timedatectl)."
        )
    return ServiceUnreachable(
        "the certificate of Microsoft Entra is not valid here; check this device's date and time, then its network"
        " (a proxy that inspects TLS needs service.ca_file)."
    )


def _managed(causes: list[BaseException], text: str) -> SpeakerError:
    """Where the identity service of this machine is asked: IMDS of a virtual machine, or the agent of Azure Arc."""
    if refusal := next((cause for cause in causes if isinstance(cause, PermissionError)), None):
        return AuthRefused(
            f"{refusal.filename}: only the group himds may read this key of the Azure Arc agent; add the speaker's user to"
            " it (SupplementaryGroups=himds in a drop-in of the unit)."
        )
    if re.search(
        r"identity not found|no identity has been assigned|identity .*(?:not exist|was not found)", text, re.IGNORECASE
    ):
        return AuthRefused(
            "this machine has no such managed identity: assign one in Azure, or correct service.entra.client_id."
        )
    if "did not confirm the requested" in text:
        return AuthRefused("the Azure Arc agent knows no user-assigned identities: leave service.entra.client_id out.")
    return ServiceUnreachable(
        "the identity service of this machine gives no token (IMDS of a virtual machine, or the agent of Azure Arc);"
        " check that it runs and is online: azcmagent show."
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _line(text: str) -> str:
    """Return the first line of Entra's words; the others are trace numbers."""
    first = safe(next((line for line in text.strip().splitlines() if line.strip()), "no reason given"))
    return first.removeprefix("Authentication failed: ").rstrip(".") + "."
