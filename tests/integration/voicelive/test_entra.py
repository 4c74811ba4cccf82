"""Each way to sign in, through the real azure-identity and msal over real HTTP; only the answers are ours: those of
Entra, of a virtual machine's identity service (IMDS), and of the Azure Arc agent."""

from __future__ import annotations

import base64
import datetime as dt
import json
import logging
import stat
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msal.managed_identity
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from requests.adapters import HTTPAdapter

from device_daemon.config.settings import Entra, Service
from device_daemon.errors import AuthRefused, KeyMissing, ServiceBusy, ServiceUnreachable, SettingUnusable, SpeakerError
from device_daemon.voicelive.device_code import FILE
from device_daemon.voicelive.entra import Token, sign_in_by_code
from device_daemon.voicelive.entra_identity import SECRET_CREDENTIAL, token_source

ENTRA = "https://login.microsoftonline.com"
SECRET = "abc8Q~s3cret"
A_TOKEN = {"Authorization": "Bearer a-token"}
PORTAL = (200, "<html>Welcome to the hotel. Please sign in.</html>")


REFRESH_TOKEN = "0.r3fresh"
CLIENT_INFO = base64.urlsafe_b64encode(b'{"uid": "u", "utid": "t"}').decode()
DEVICE_CODE = {
    "user_code": "ABCD-EFGH",
    "device_code": "a-device-code",
    "verification_uri": "https://microsoft.com/devicelogin",
    "expires_in": 900,
    "interval": 0,
    "message": "open it",
}


def _jwt_part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _id_token() -> str:
    claims = {
        "aud": "app",
        "iss": f"{ENTRA}/contoso/v2.0",
        "exp": int(time.time()) + 3600,
        "iat": int(time.time()),
        "sub": "s",
        "oid": "u",
        "preferred_username": "lisa@contoso.example",
    }
    return f"{_jwt_part({'alg': 'none'})}.{_jwt_part(claims)}.x"


PERSON = {"client_info": CLIENT_INFO, "id_token": _id_token(), "scope": "https://ai.azure.com/.default"}


def refused(description: str, status: int = 400, error: str = "invalid_request") -> tuple[int, dict[str, str]]:
    """An error of Entra's token endpoint."""
    return status, {"error": error, "error_description": f"{description}\r\nTrace ID: 1\r\nTimestamp: 2"}


class Server(ThreadingHTTPServer):
    """Answers as Entra does (OpenID configuration, token endpoint), as IMDS, and as the agent of Azure Arc."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.forms: list[dict[str, list[str]]] = []
        self.scripted: dict[str, tuple[int, Any]] = {}
        """By what is asked (configuration, token, identity): the answer instead of the usual one."""
        self.arc_key: Path | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if "openid-configuration" in self.path:
            tenant = f"{ENTRA}/contoso"
            usual = {
                "issuer": f"{tenant}/v2.0",
                "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
                "token_endpoint": f"{tenant}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{tenant}/oauth2/v2.0/devicecode",
            }
            self._answer(*self.server.scripted.get("configuration", (200, usual)))
            return
        assert urlsplit(self.path).path == "/metadata/identity/oauth2/token"
        assert self.headers["Metadata"] == "true"
        key = self.server.arc_key
        if key and self.headers["Authorization"] != f"Basic {key.read_text()}":
            self._answer(401, {}, {"WWW-Authenticate": f"Basic realm={key}"})
            return
        usual = {
            "access_token": "a-token",
            "expires_in": "86400",
            "expires_on": str(int(time.time()) + 86_400),
            "token_type": "Bearer",
            "resource": "https://ai.azure.com",
        }
        self._answer(*self.server.scripted.get("identity", (200, usual)))

    def do_POST(self) -> None:
        self.server.forms.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        if self.path.endswith("/devicecode"):
            self._answer(*self.server.scripted.get("devicecode", (200, DEVICE_CODE)))
            return
        usual = {"token_type": "Bearer", "expires_in": 3599, "access_token": "a-token"}
        if "client_info" in self.server.forms[-1]:  # a person signs in
            usual |= PERSON | {"refresh_token": f"{REFRESH_TOKEN}-{len(self.server.forms)}"}
        self._answer(*self.server.scripted.get("token", (200, usual)))

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class ToThisMachine(HTTPAdapter):
    """Sends what is for Entra to a port of this machine: Entra's address needs TLS."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace(ENTRA, self._address)
        return super().send(request, *arguments, **options)


@pytest.fixture
def entra() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def session_to(server: Server) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.mount(ENTRA, ToThisMachine(server.address))
    return session


async def sign_in(server: Server, entra: Entra, environment: dict[str, str] | None = None, connections: int = 1) -> Any:
    """Return the header that the sign-in gives, or raise what it raises."""
    session = session_to(server)
    options: dict[str, Any] = {"session": session}
    if entra.method != "managed-identity":
        options["disable_instance_discovery"] = True
    service = Service(auth="entra", entra=entra)
    token = Token(service, {}, fetch=lambda: source(service, environment or {}, options))
    try:
        return [await token.headers() for _ in range(connections)][-1]
    finally:
        await token.close()


def source(service: Service, environment: dict[str, str], options: dict[str, Any]) -> Any:
    """Fetch a token: what makes a credential runs in the thread too, since it reads files."""
    return token_source(service, environment, **options)()


@pytest.fixture
def with_secret(tmp_path: Path) -> Entra:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    return Entra(method="service-principal", tenant_id="contoso", client_id="app", client_secret_file=str(file))


def workload(file: Path) -> Entra:
    return Entra(method="workload-identity", tenant_id="contoso", client_id="app", token_file=str(file))


def with_certificate(file: Path) -> Entra:
    return Entra(method="service-principal", tenant_id="contoso", client_id="app", certificate_file=str(file))


def certificate(passphrase: bytes | None = None) -> bytes:
    """A certificate and its key, as `openssl req -x509` makes them."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kitchen")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(1))
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption) + builder.sign(
        key, hashes.SHA256()
    ).public_bytes(pem)


async def test_a_secret_from_systemd_becomes_a_token_that_many_connections_share(tmp_path: Path, entra: Server) -> None:
    (tmp_path / SECRET_CREDENTIAL).write_text(f"{SECRET}\n", encoding="utf-8")
    identity = Entra(method="service-principal", tenant_id="contoso", client_id="app")
    assert await sign_in(entra, identity, {"CREDENTIALS_DIRECTORY": str(tmp_path)}, connections=2) == A_TOKEN
    (form,) = entra.forms
    assert form["grant_type"] == ["client_credentials"]
    assert form["scope"] == ["https://ai.azure.com/.default"]
    assert form["client_secret"] == [SECRET]


async def test_a_certificate_becomes_a_token(tmp_path: Path, entra: Server) -> None:
    file = tmp_path / "certificate.pem"
    file.write_bytes(certificate())
    assert await sign_in(entra, with_certificate(file)) == A_TOKEN
    (form,) = entra.forms
    assert "client_assertion" in form
    assert "client_secret" not in form


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"-----BEGIN x",
        certificate()[:900],
        certificate(passphrase=b"word"),
        certificate().split(b"-----BEGIN C")[0],
    ],
    ids=["empty", "garbage", "cut off", "encrypted", "only the key"],
)
async def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path, entra: Server, content: bytes) -> None:
    file = tmp_path / "certificate.pem"
    file.write_bytes(content)
    with pytest.raises(SettingUnusable, match=f"{file}: holds no certificate"):
        await sign_in(entra, with_certificate(file))


async def test_a_federated_token_is_exchanged_for_one_of_entra(tmp_path: Path, entra: Server) -> None:
    file = tmp_path / "federated"
    file.write_text("eyJ.a.b\n")
    assert await sign_in(entra, workload(file)) == A_TOKEN
    assert entra.forms[0]["client_assertion"] == ["eyJ.a.b"]


async def test_a_workload_identity_is_taken_from_the_environment(tmp_path: Path, entra: Server) -> None:
    file = tmp_path / "federated"
    file.write_text("eyJ.a.b")
    variables = {"AZURE_TENANT_ID": "contoso", "AZURE_CLIENT_ID": "app", "AZURE_FEDERATED_TOKEN_FILE": str(file)}
    assert await sign_in(entra, Entra(method="workload-identity"), variables) == A_TOKEN


@pytest.mark.parametrize("content", [None, "", "two words"], ids=["missing", "empty", "no token"])
async def test_a_token_file_that_holds_no_token_is_the_owners_to_correct(
    tmp_path: Path, entra: Server, content: str | None
) -> None:
    file = tmp_path / "federated"
    if content is not None:
        file.write_text(content)
    with pytest.raises(KeyMissing, match=str(file)):
        await sign_in(entra, workload(file))


async def test_a_workload_identity_without_its_settings_says_which(entra: Server) -> None:
    with pytest.raises(SettingUnusable, match="tenant_id, client_id, token_file: set them"):
        await sign_in(entra, Entra(method="workload-identity"))


@pytest.mark.parametrize(
    ("asked", "answer", "kind", "words"),
    [
        (
            "token",
            refused("AADSTS7000215: Invalid client secret provided.", 401, "invalid_client"),
            AuthRefused,
            "the client secret is wrong",
        ),
        (
            "token",
            refused("AADSTS7000222: The provided client secret keys are expired.", 401, "invalid_client"),
            AuthRefused,
            "the client secret has expired",
        ),
        ("token", refused("AADSTS530032: Blocked by security policy."), AuthRefused, "Conditional Access"),
        ("token", refused("AADSTS99999: Something new."), AuthRefused, "AADSTS99999: Something new; check"),
        ("token", refused("AADSTS90033: A transient error has occurred."), ServiceBusy, "busy"),
        ("token", refused("AADSTS90033: A transient error has occurred.", 503), ServiceBusy, "HTTP 503"),
        ("token", PORTAL, ServiceUnreachable, "captive portal"),
        ("token", (503, "<html>Bad gateway</html>"), ServiceUnreachable, "captive portal"),
        ("configuration", PORTAL, ServiceUnreachable, "captive portal"),
    ],
)
async def test_what_entra_or_the_network_answers_is_said_by_kind(
    entra: Server, with_secret: Entra, asked: str, answer: tuple[int, Any], kind: type[SpeakerError], words: str
) -> None:
    entra.scripted[asked] = answer
    with pytest.raises(kind, match=words) as caught:
        await sign_in(entra, with_secret)
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_virtual_machine_signs_in_by_its_identity_service(
    entra: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", entra.address)
    assert await sign_in(entra, Entra(method="managed-identity")) == A_TOKEN


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (refused("Identity not found"), AuthRefused, "assign one in Azure"),
        ((500, {"error": "x"}), ServiceUnreachable, "gives no token"),
        (PORTAL, ServiceUnreachable, "gives no token"),
    ],
)
async def test_an_identity_service_that_gives_no_token_is_said_by_kind(
    entra: Server, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, Any], kind: type[SpeakerError], words: str
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", entra.address)
    entra.scripted["identity"] = answer
    with pytest.raises(kind, match=words):
        await sign_in(entra, Entra(method="managed-identity"))


@pytest.fixture
def arc(entra: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    """The agent of Azure Arc; msal takes keys from the agent's own folder only, which here is another one."""
    entra.arc_key = tmp_path / "agent.key"
    entra.arc_key.write_text("a-key")
    monkeypatch.setitem(msal.managed_identity._supported_arc_platforms_and_their_prefixes, sys.platform, str(tmp_path))
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{entra.address}/metadata/identity/oauth2/token")
    monkeypatch.setenv("IMDS_ENDPOINT", entra.address)
    return entra


async def test_a_machine_of_azure_arc_signs_in_by_its_agent(arc: Server) -> None:
    assert await sign_in(arc, Entra(method="managed-identity")) == A_TOKEN


async def test_an_agent_of_azure_arc_that_is_offline_is_unreachable(arc: Server) -> None:
    arc.scripted["identity"] = (500, {"error": "cannot reach Entra"})
    with pytest.raises(ServiceUnreachable, match="azcmagent show"):
        await sign_in(arc, Entra(method="managed-identity"))


PERSONS = Entra(method="device-code", tenant_id="contoso", client_id="app")


async def enter_code(server: Server, state: Path) -> tuple[str, list[tuple[str, str]]]:
    """Sign in as a person; returns the account, and what was shown."""
    shown: list[tuple[str, str]] = []
    account = await sign_in_by_code(
        Service(auth="entra", entra=PERSONS),
        {"STATE_DIRECTORY": str(state)},
        lambda address, code: shown.append((address, code)),
        session=session_to(server),
        disable_instance_discovery=True,
    )
    return account, shown


async def test_a_person_signs_the_device_in_with_a_code_and_the_daemon_renews_it(
    tmp_path: Path, entra: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await enter_code(entra, tmp_path) == (
        "lisa@contoso.example",
        [("https://microsoft.com/devicelogin", "ABCD-EFGH")],
    )
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    for _ in range(2):
        kept = json.loads((tmp_path / FILE).read_text())["RefreshToken"]
        assert await sign_in(entra, PERSONS, {"STATE_DIRECTORY": str(tmp_path)}) == A_TOKEN
        assert entra.forms[-1]["grant_type"] == ["refresh_token"]
        assert entra.forms[-1]["refresh_token"] == [token["secret"] for token in kept.values()]
    for secret in (REFRESH_TOKEN, "a-token"):
        assert secret not in caplog.text


async def test_a_renewed_sign_in_that_cannot_be_stored_is_used_all_the_same(
    tmp_path: Path, entra: Server, caplog: pytest.LogCaptureFixture
) -> None:
    await enter_code(entra, tmp_path)
    (tmp_path / f"{FILE}.new").mkdir()  # the draft of the next one
    assert await sign_in(entra, PERSONS, {"STATE_DIRECTORY": str(tmp_path)}) == A_TOKEN
    assert "cannot be stored" in caplog.text
    assert REFRESH_TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("asked", "answer", "kind", "words"),
    [
        ("devicecode", refused("AADSTS700016: Application not found."), AuthRefused, "not in this tenant"),
        ("devicecode", PORTAL, ServiceUnreachable, "captive portal"),
        ("configuration", PORTAL, ServiceUnreachable, "captive portal"),
        ("configuration", refused("AADSTS90002: Tenant 'x' not found."), AuthRefused, "there is no such tenant"),
        (
            "token",
            (400, {"error": "expired_token", "error_description": "x"}),
            AuthRefused,
            "nobody has entered the code",
        ),
        ("token", (400, {"error": "authorization_declined", "error_description": "x"}), AuthRefused, "declined"),
        ("token", (503, {"error": "temporarily_unavailable"}), ServiceBusy, "HTTP 503"),
    ],
)
async def test_a_code_that_gives_no_sign_in_is_said_by_kind(
    tmp_path: Path, entra: Server, asked: str, answer: tuple[int, Any], kind: type[SpeakerError], words: str
) -> None:
    entra.scripted[asked] = answer
    with pytest.raises(kind, match=words) as caught:
        await enter_code(entra, tmp_path)
    assert type(caught.value) is kind
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            refused("AADSTS700082: The refresh token has expired due to inactivity.", error="invalid_grant"),
            AuthRefused,
            "too long.* setup",
        ),
        (
            refused("AADSTS50173: The provided grant has expired.", error="invalid_grant"),
            AuthRefused,
            "revoked.* setup",
        ),
        (
            refused("AADSTS50076: Due to a configuration change", error="interaction_required"),
            AuthRefused,
            "second factor.* setup",
        ),
        (refused("AADSTS90033: A transient error has occurred."), ServiceBusy, "busy"),
        ((503, {"error": "x"}), ServiceBusy, "HTTP 503"),
        (PORTAL, ServiceUnreachable, "captive portal"),
    ],
)
async def test_a_sign_in_that_is_not_renewed_is_said_by_kind(
    tmp_path: Path, entra: Server, answer: tuple[int, Any], kind: type[SpeakerError], words: str
) -> None:
    await enter_code(entra, tmp_path)
    entra.scripted["token"] = answer
    with pytest.raises(kind, match=words) as caught:
        await sign_in(entra, PERSONS, {"STATE_DIRECTORY": str(tmp_path)})
    assert type(caught.value) is kind
    assert REFRESH_TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "nobody has signed this device in yet"),
        (b"", "damaged"),
        (b"[]", "damaged"),
        (b'{"RefreshToken": 5}', "damaged"),
        (b"\xff", "damaged"),
        (b"{}", "the sign-in has ended"),
    ],
)
async def test_without_a_sign_in_the_owner_is_sent_to_the_set_up(
    tmp_path: Path, entra: Server, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(KeyMissing, match=f"{tmp_path / FILE}: .*{words}.*voicelive-speaker setup"):
        await sign_in(entra, PERSONS, {"STATE_DIRECTORY": str(tmp_path)})
    assert not entra.forms


async def test_a_sign_in_of_another_app_is_not_taken(tmp_path: Path, entra: Server) -> None:
    await enter_code(entra, tmp_path)
    other = Entra(method="device-code", tenant_id="contoso", client_id="another")
    with pytest.raises(KeyMissing, match=r"another app or tenant.*voicelive-speaker setup"):
        await sign_in(entra, other, {"STATE_DIRECTORY": str(tmp_path)})
