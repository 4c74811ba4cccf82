"""The identity of this device at Microsoft Entra: managed, a service principal, federated, or a person's sign-in.

By azure-identity, but for the last (`device_code`). Imports azure-identity, msal and requests (140 to 330 ms on a PC, a second on a Pi): imported by `entra` in a thread, and
only where the config says `auth: entra`. Everything here blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import azure.identity
import requests
from azure.core.credentials import AccessTokenInfo, SupportsTokenInfo
from azure.core.pipeline.transport import RequestsTransport
from cryptography.exceptions import UnsupportedAlgorithm
from requests.adapters import HTTPAdapter

from device_daemon.config.settings import Entra, Service
from device_daemon.errors import KeyMissing, SettingUnusable
from device_daemon.system.paths import folders
from device_daemon.system.secret_file import one_line, read_bytes, read_secret, read_text, secret_places
from device_daemon.voicelive.device_code import SignIn
from device_daemon.voicelive.proxy import proxy_for
from device_daemon.voicelive.tls import tls_context

SCOPE: Final = "https://ai.azure.com/.default"
PUBLIC_CLOUD: Final = "https://login.microsoftonline.com"
SECRET_CREDENTIAL: Final = "entra-client-secret"  # noqa: S105 - the name of a systemd credential
CERTIFICATE_CREDENTIAL: Final = "entra-certificate"


def token_source(
    service: Service, environment: Mapping[str, str], session: requests.Session | None = None, **options: Any
) -> Callable[[], AccessTokenInfo]:
    """Return what gives a token; azure-identity keeps the last one and renews it shortly before it expires.

    Args:
        service: The config's section.
        environment: Where systemd names its credentials and the state folder, and AZURE_AUTHORITY_HOST the cloud if not
            the public one.
        session: For tests: the HTTP session.
        options: For tests: passed on to azure-identity.

    Raises:
        KeyMissing: A secret, a certificate or a person's sign-in is not there.
        SettingUnusable: One is there and cannot be used.
    """
    entra = service.entra
    session = session or http_session(service, environment)
    if entra.method == "device-code":
        sign_in = sign_in_by_code(service, environment, session, **options)
        sign_in.check()
        return partial(sign_in.token, SCOPE)
    return partial(_credential(entra, environment, session, options).get_token_info, SCOPE)


def sign_in_by_code(
    service: Service,
    environment: Mapping[str, str],
    session: requests.Session | None = None,
    *,
    disable_instance_discovery: bool = False,
) -> SignIn:
    """Return the sign-in that is kept in the state folder, or will be. For the arguments see `token_source`."""
    session = session or http_session(service, environment)
    state = folders(environment).state
    discovery = not disable_instance_discovery
    return SignIn(service.entra, authority(environment), session, state, instance_discovery=discovery)


def http_session(service: Service, environment: Mapping[str, str]) -> requests.Session:
    """Return an HTTP session that trusts whom the config trusts, and goes by its proxy except to this machine."""
    session = requests.Session()
    session.trust_env = False  # the proxy is chosen here; the identity service of this machine never goes through one
    if proxy := proxy_for(authority(environment), service.proxy):
        session.proxies = {"https": proxy}
    if service.ca_file:
        session.mount("https://", _Trusting(service.ca_file))
    return session


def authority(environment: Mapping[str, str]) -> str:
    """Return the address of the Entra of this cloud, as azure-identity does."""
    host = environment.get("AZURE_AUTHORITY_HOST", PUBLIC_CLOUD).rstrip("/")
    return host if "://" in host else f"https://{host}"


def _credential(
    entra: Entra, environment: Mapping[str, str], session: requests.Session, options: Mapping[str, Any]
) -> SupportsTokenInfo:
    # No retries of its own: system/backoff decides about them.
    common = {
        "transport": RequestsTransport(session=session, session_owner=False),
        "retry_total": 0,
        "authority": authority(environment),
        **options,
    }
    tenant_id, client_id = entra.tenant_id or "", entra.client_id or ""
    try:
        match entra.method:
            case "managed-identity":
                return azure.identity.ManagedIdentityCredential(client_id=entra.client_id, **common)
            case "workload-identity":
                return _federated(entra, environment, common)
            case "service-principal" if found := _certificate(entra, environment):
                return _with_certificate(tenant_id, client_id, *found, common)
            case "service-principal":
                secret = read_secret(
                    "client secret",
                    credential=SECRET_CREDENTIAL,
                    file=entra.client_secret_file,
                    setting="service.entra.client_secret_file",
                    environment=environment,
                )
                return azure.identity.ClientSecretCredential(tenant_id, client_id, secret, **common)
    except ValueError as error:
        raise SettingUnusable(f"service.entra cannot be used: {str(error).rstrip('.')}; correct it.") from None
    return azure.identity.DefaultAzureCredential(managed_identity_client_id=entra.client_id, **common)


def _federated(entra: Entra, environment: Mapping[str, str], common: Mapping[str, Any]) -> SupportsTokenInfo:
    """Return a workload identity: azure-identity's own reads its file in a way that does not name it when that fails."""
    found = {
        name: getattr(entra, name) or environment.get(variable)
        for name, variable in (
            ("tenant_id", "AZURE_TENANT_ID"),
            ("client_id", "AZURE_CLIENT_ID"),
            ("token_file", "AZURE_FEDERATED_TOKEN_FILE"),
        )
    }
    if missing := [name for name, value in found.items() if not value]:
        raise SettingUnusable(f"a workload identity needs {', '.join(missing)}: set them under service.entra.")
    file = Path(found["token_file"] or "")

    def assertion() -> str:
        text = read_text(file, "token")
        if text is None:
            raise KeyMissing(f"{file}: there is no such file for the token; correct service.entra.token_file.")
        return one_line(text, str(file), "token")

    return azure.identity.ClientAssertionCredential(
        found["tenant_id"] or "", found["client_id"] or "", assertion, **common
    )


def _with_certificate(
    tenant_id: str, client_id: str, content: bytes, place: Path, common: Mapping[str, Any]
) -> SupportsTokenInfo:
    try:
        return azure.identity.CertificateCredential(tenant_id, client_id, certificate_data=content, **common)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # TypeError: the key is encrypted
        raise SettingUnusable(
            f"{place}: holds no certificate with its RSA private key (PEM, the key without a passphrase); put both there."
        ) from None


def _certificate(entra: Entra, environment: Mapping[str, str]) -> tuple[bytes, Path] | None:
    """Return the certificate with its key, and their place; None if neither systemd nor the config has one."""
    for place in secret_places(CERTIFICATE_CREDENTIAL, entra.certificate_file, environment):
        if (content := read_bytes(place, "certificate")) is not None:
            return content, place
    if entra.certificate_file:
        raise KeyMissing(
            f"{entra.certificate_file}: there is no such certificate; correct service.entra.certificate_file."
        )
    return None


class _Trusting(HTTPAdapter):
    """Trusts the system's authorities and those of service.ca_file, besides those that requests brings."""

    def __init__(self, ca_file: str) -> None:
        self._context = tls_context(ca_file)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        return super().proxy_manager_for(*arguments, **options, ssl_context=self._context)
