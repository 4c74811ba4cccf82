"""The identity of this device at Microsoft Entra, by azure-identity: managed, a service principal, or federated.

Imports azure-identity, msal and requests (140 to 330 ms on a PC, a second on a Pi): imported by `entra` in a thread, and
only where the config says `auth: entra`. Everything here blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import azure.identity
import requests
from azure.core.credentials import AccessTokenInfo, SupportsTokenInfo
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from device_daemon.config.settings import Entra, Service
from device_daemon.errors import KeyMissing, SettingUnusable
from device_daemon.system.secret_file import read_secret, secret_places
from device_daemon.voicelive.proxy import proxy_for
from device_daemon.voicelive.tls import tls_context

SCOPE: Final = "https://ai.azure.com/.default"
PUBLIC_CLOUD: Final = "https://login.microsoftonline.com"
SECRET_CREDENTIAL: Final = "entra-client-secret"  # noqa: S105 - the name of a systemd credential
CERTIFICATE_CREDENTIAL: Final = "entra-certificate"


def token_source(service: Service, environment: Mapping[str, str], **options: Any) -> Callable[[], AccessTokenInfo]:
    """Return what gives a token; azure-identity keeps the last one and renews it shortly before it expires.

    Args:
        service: The config's section.
        environment: Where systemd names its credentials, and AZURE_AUTHORITY_HOST the cloud if not the public one.
        options: For tests: passed on to azure-identity.

    Raises:
        KeyMissing: A secret or certificate is not there.
        SettingUnusable: One is there and cannot be used.
    """
    entra = service.entra
    session = http_session(service, environment)
    return partial(_credential(entra, environment, session, options).get_token_info, SCOPE)


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
                return azure.identity.WorkloadIdentityCredential(
                    tenant_id=entra.tenant_id, client_id=entra.client_id, token_file_path=entra.token_file, **common
                )
            case "service-principal" if certificate := _certificate(entra, environment):
                return azure.identity.CertificateCredential(
                    tenant_id, client_id, certificate_data=certificate, **common
                )
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


def _certificate(entra: Entra, environment: Mapping[str, str]) -> bytes | None:
    """Return the certificate with its key; None if neither systemd nor the config has one."""
    for place in secret_places(CERTIFICATE_CREDENTIAL, entra.certificate_file, environment):
        try:
            return place.expanduser().read_bytes()
        except FileNotFoundError:
            continue
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise KeyMissing(f"{place}: cannot read the certificate: {reason}; let this user read it.") from None
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
