"""A service principal signs in through the real azure-identity and msal over real HTTP; only Entra's answers are ours."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from device_daemon.config.settings import Entra, Service
from device_daemon.errors import AuthRefused
from device_daemon.voicelive.entra import Token
from device_daemon.voicelive.entra_identity import SECRET_CREDENTIAL, token_source

ENTRA = "https://login.microsoftonline.com"
SECRET = "abc8Q~s3cret"


class Directory(BaseHTTPRequestHandler):
    """Answers as Entra's OpenID configuration and token endpoint do (OAuth 2.0 client credentials)."""

    asked: list[dict[str, list[str]]]

    def do_GET(self) -> None:
        tenant = f"{ENTRA}/contoso"
        self._answer(
            200,
            {
                "issuer": f"{tenant}/v2.0",
                "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
                "token_endpoint": f"{tenant}/oauth2/v2.0/token",
            },
        )

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.asked.append(form)
        if form["client_secret"] == [SECRET]:
            self._answer(200, {"token_type": "Bearer", "expires_in": 3599, "access_token": "a-token"})
        else:
            self._answer(
                401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."}
            )

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class ToThisMachine(HTTPAdapter):
    """Sends what is for Entra to a port of this machine: Entra's address needs TLS."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        assert request.url is not None
        assert request.url.startswith(f"{ENTRA}/contoso/")
        request.url = request.url.replace(ENTRA, f"http://127.0.0.1:{self._port}")
        return super().send(request, *arguments, **options)


@pytest.fixture
def transport() -> Iterator[RequestsTransport]:
    Directory.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Directory)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    session = requests.Session()
    session.mount(ENTRA, ToThisMachine(server.server_port))
    yield RequestsTransport(session=session, session_owner=False)
    server.shutdown()
    server.server_close()


def principal(folder: Path, secret: str, transport: RequestsTransport) -> Token:
    (folder / SECRET_CREDENTIAL).write_text(f"{secret}\n", encoding="utf-8")
    service = Service(
        auth="entra", entra=Entra(method="service-principal", tenant_id="contoso", client_id="kitchen-speaker")
    )
    environment = {"CREDENTIALS_DIRECTORY": str(folder)}
    source = token_source(service, environment, transport=transport, disable_instance_discovery=True)
    return Token(service, environment, fetch=source)


async def test_a_secret_from_systemd_becomes_a_token(tmp_path: Path, transport: RequestsTransport) -> None:
    token = principal(tmp_path, SECRET, transport)
    for _ in range(2):
        assert await token.headers() == {"Authorization": "Bearer a-token"}
    (form,) = Directory.asked
    assert form["grant_type"] == ["client_credentials"]
    assert form["scope"] == ["https://ai.azure.com/.default"]
    await token.close()


async def test_a_wrong_secret_is_refused_with_what_to_do_and_without_the_secret(
    tmp_path: Path, transport: RequestsTransport
) -> None:
    token = principal(tmp_path, "abc8Q~wrong", transport)
    with pytest.raises(AuthRefused, match="the client secret is wrong") as caught:
        await token.headers()
    assert "abc8Q~wrong" not in str(caught.value)
    await token.close()
