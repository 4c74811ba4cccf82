"""Device code sign-in: a person enters a short code on another device; the refresh token is kept in the state folder.

By msal, on which azure-identity stands: azure-identity keeps a sign-in in a home folder, and the service has none.
Everything here blocks.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import msal
import msgspec
import requests
from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError, DecodeError, HttpResponseError

from device_daemon.config.settings import Entra
from device_daemon.errors import AuthRefused, KeyMissing, SettingUnusable
from device_daemon.system.file_writer import write_atomically
from device_daemon.system.foreign_text import safe
from device_daemon.system.secret_file import read_bytes

FILE: Final = "entra-sign-in"
"""Not *.json: `backup` takes those of the state folder, and this is a secret."""
DEVELOPER_APP: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
"""The public client of the Azure CLI, which azure-identity takes too where none is named."""
ANY_TENANT: Final = "organizations"
REMEDY: Final = "run `voicelive-speaker setup` and sign in."
_REQUEST_DEADLINE_S: Final = 20.0
_CODE_DEADLINE_S: Final = 900.0
_NOT_ENTERED: Final = frozenset({"authorization_pending", "slow_down", "expired_token", "code_expired"})

logger = logging.getLogger(__name__)


class SignIn:
    """A person's sign-in, kept in `FILE`: it holds a refresh token, and only its owner can read it.

    Args:
        entra: tenant_id and client_id of the config.
        authority: Address of Entra.
        session: HTTP session.
        state: The folder of `FILE`.
        instance_discovery: False in tests, where the authority is not Entra's.
    """

    def __init__(
        self, entra: Entra, authority: str, session: requests.Session, state: Path, *, instance_discovery: bool = True
    ) -> None:
        self._path = state / FILE
        self._settings: Mapping[str, Any] = {
            "client_id": entra.client_id or DEVELOPER_APP,
            "authority": f"{authority}/{entra.tenant_id or ANY_TENANT}",
            "http_client": _Http(session),
            "instance_discovery": instance_discovery,
        }

    def check(self) -> None:
        """Raise KeyMissing if nobody has signed in. Uses no network."""
        self._load()

    def token(self, scope: str) -> AccessTokenInfo:
        """Return a new token, and keep the refresh token that comes with it. Raises KeyMissing."""
        cache = self._load()
        app = msal.PublicClientApplication(token_cache=cache, **self._settings)
        accounts = app.get_accounts()
        # Not the access token of the file: the clock that its expiry is held against may not be set yet.
        answer = accounts and app.acquire_token_silent_with_error([scope], account=accounts[0], force_refresh=True)
        if not answer:
            raise KeyMissing(f"{self._path}: the sign-in is of another app or tenant than service.entra; {REMEDY}")
        try:
            self._save(cache)
        except OSError as error:
            logger.warning("%s: the renewed sign-in cannot be stored (%s)", self._path, error.strerror or error)
        return _token(answer)

    def sign_in(self, scope: str, show: Callable[[str, str], None]) -> str:
        """Sign in with a code, and return the account's name. Waits until the code was entered or has expired.

        Args:
            scope: What the token is for.
            show: Called with the address to open and the code to enter there, both printable.

        Raises:
            SettingUnusable: The sign-in cannot be stored.
        """
        cache = msal.SerializableTokenCache()
        app = msal.PublicClientApplication(token_cache=cache, **self._settings)
        flow = app.initiate_device_flow([scope])
        if "user_code" not in flow:
            raise _refusal(flow)
        flow["expires_at"] = min(flow["expires_at"], time.time() + _CODE_DEADLINE_S)
        show(safe(str(flow["verification_uri"])), safe(str(flow["user_code"])))
        answer = app.acquire_token_by_device_flow(flow)
        if answer.get("error") in _NOT_ENTERED:
            raise AuthRefused("nobody has entered the code in time; sign in with a new one.")
        _token(answer)
        try:
            self._save(cache)
        except OSError as error:
            reason = error.strerror or error
            raise SettingUnusable(f"{self._path}: the sign-in cannot be stored ({reason}); correct that.") from error
        return safe(str(answer.get("id_token_claims", {}).get("preferred_username") or "somebody"))

    def _load(self) -> msal.SerializableTokenCache:
        content = read_bytes(self._path, "sign-in")
        if content is None:
            raise KeyMissing(f"{self._path}: nobody has signed this device in yet; {REMEDY}")
        cache = msal.SerializableTokenCache()
        try:
            msgspec.json.decode(content, type=dict[str, dict[str, dict[str, Any]]])
            cache.deserialize(content.decode())
        except (msgspec.MsgspecError, ValueError):
            raise KeyMissing(f"{self._path}: the sign-in in it is damaged; {REMEDY}") from None
        if next(cache.search(cache.CredentialType.REFRESH_TOKEN), None) is None:
            raise KeyMissing(f"{self._path}: the sign-in has ended; {REMEDY}")
        return cache

    def _save(self, cache: msal.SerializableTokenCache) -> None:
        """Written by root, the file belongs to whom its folder belongs to: the service's user. Raises OSError."""
        if cache.has_state_changed:
            write_atomically(self._path, cache.serialize().encode())
            if os.getuid() == 0:
                owner = self._path.parent.stat()
                os.chown(self._path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _token(answer: Mapping[str, Any]) -> AccessTokenInfo:
    if "access_token" not in answer:
        raise _refusal(answer)
    return AccessTokenInfo(answer["access_token"], int(time.time()) + int(answer["expires_in"]))


def _refusal(answer: Mapping[str, Any]) -> ClientAuthenticationError:
    return ClientAuthenticationError(f"{answer.get('error')}: {answer.get('error_description')}")


class _Http:
    """An HTTP client for msal: with a deadline, and with azure-core's exceptions for what is no answer of Entra."""

    def __init__(self, session: requests.Session) -> None:
        self._session = session

    def post(self, url: str, **options: Any) -> requests.Response:
        return _checked(self._session.post(url, **{"timeout": _REQUEST_DEADLINE_S, **options}))

    def get(self, url: str, **options: Any) -> requests.Response:
        return _checked(self._session.get(url, **{"timeout": _REQUEST_DEADLINE_S, **options}))

    def close(self) -> None:
        self._session.close()


def _checked(response: requests.Response) -> requests.Response:
    try:
        is_object = isinstance(response.json(), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise DecodeError("no JSON object")
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise HttpResponseError(f"HTTP Error: {response.status_code}")
    return response
