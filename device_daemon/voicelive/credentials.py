"""Credentials: the API key or Entra token of the handshake. Neither is ever logged, shown, or kept in the config file."""

from __future__ import annotations

import asyncio
import codecs
import importlib
import logging
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from device_daemon.config.settings import Service
from device_daemon.errors import AuthRefused, KeyMissing, ServiceUnreachable
from device_daemon.system.foreign_text import safe

KEY_VARIABLE = "AZURE_VOICELIVE_API_KEY"
CREDENTIAL_NAME = "api-key"
TOKEN_DEADLINE_S = 20.0
TOKEN_SCOPE = "https://ai.azure.com/.default"  # noqa: S105 - the name of a scope, no secret


_NO_CONNECTION: Final = "Cannot connect to host"
"""In the words of aiohttp, which azure-identity hands on among those of every way that it tried."""
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))

logger = logging.getLogger(__name__)


class Credential(Protocol):
    """What signs in: headers for the handshake."""

    async def headers(self) -> dict[str, str]:
        """Return headers that are valid now. Raises AuthRefused or ServiceUnreachable."""

    async def close(self) -> None:
        """Close sockets, if there are any."""


class Key:
    """An API key."""

    def __init__(self, key: str) -> None:
        self._key = key

    async def headers(self) -> dict[str, str]:
        """Return the header that holds the key."""
        return {"api-key": self._key}

    async def close(self) -> None:
        """Nothing is open."""


class Token:
    """A Microsoft Entra token through azure-identity: managed identity, environment, Azure CLI, as it finds them."""

    def __init__(self, deadline_s: float = TOKEN_DEADLINE_S, lookup: Callable[..., Any] = socket.getaddrinfo) -> None:
        self._deadline_s = deadline_s
        self._lookup = lookup
        self._identity: Any = None
        self._http: Any = None

    async def headers(self) -> dict[str, str]:
        """Return the header that holds a valid token; azure-identity caches it until shortly before it expires."""
        # 140 to 330 ms on a PC, a second on a Pi, and most speakers use a key: imported here, in a thread.
        identity = await asyncio.to_thread(importlib.import_module, "azure.identity.aio")
        from azure.core.exceptions import ClientAuthenticationError  # noqa: PLC0415 - imported by azure.identity
        from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415 - imported by azure.identity

        if self._identity is None:
            self._http = _http_session(self._lookup)
            transport = AioHttpTransport(session=self._http, session_owner=False)
            # No retries of its own: system/backoff decides about them.
            self._identity = identity.DefaultAzureCredential(transport=transport, retry_total=0)
        try:
            async with asyncio.timeout(self._deadline_s):
                token = await self._identity.get_token(TOKEN_SCOPE)
        except TimeoutError:
            raise ServiceUnreachable("Microsoft Entra gave no token in time; check the network.") from None
        except ClientAuthenticationError as error:
            if _NO_CONNECTION in str(error):
                raise ServiceUnreachable("cannot reach Microsoft Entra for a token; check the network.") from error
            first_line = safe(str(error).strip().splitlines()[0])
            raise AuthRefused(
                f"no token from Microsoft Entra: {first_line} Sign this device in, or set service.auth: api-key."
            ) from error
        return {"Authorization": f"Bearer {token.token}"}

    async def close(self) -> None:
        """Close azure-identity and the HTTP session that it uses."""
        if self._identity is not None:
            identity, http, self._identity, self._http = self._identity, self._http, None, None
            await identity.close()
            await http.close()


def _http_session(lookup: Callable[..., Any]) -> Any:
    """Return an HTTP session whose name lookups are not waited for when the program ends."""
    import aiohttp  # noqa: PLC0415 - 150 ms, and imported by azure.identity

    from device_daemon.voicelive.resolver import DaemonResolver  # noqa: PLC0415 - imports aiohttp

    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=DaemonResolver(lookup)))


def credential_for(service: Service, environment: Mapping[str, str]) -> Credential:
    """Return the credential that the config asks for. Raises KeyMissing, which names the three places of the key."""
    return Token() if service.auth == "entra" else Key(read_key(service, environment))


def read_key(service: Service, environment: Mapping[str, str]) -> str:
    """Return the API key, and warn about a file that everybody can read. Raises KeyMissing."""
    key, place = find_key(service, environment)
    if is_readable_by_others(Path(place)):
        logger.warning("%s: every user of this machine can read the API key; run: chmod o-rwx %s", place, place)
    return key


def is_readable_by_others(path: Path) -> bool:
    """Return whether users other than the owner and the group may read a file; False if it does not exist."""
    try:
        return bool(path.expanduser().stat().st_mode & stat.S_IROTH)
    except (OSError, RuntimeError):
        return False


def find_key(service: Service, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the API key and its place: systemd's credential, the file, or the environment, in that order."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    places = [
        Path(folder, CREDENTIAL_NAME) if folder else None,
        Path(service.api_key_file) if service.api_key_file else None,
    ]
    for path in places:
        if path and (content := _read(path)) is not None:
            return _checked(content, str(path)), str(path)
    if found := environment.get(KEY_VARIABLE):
        place = f"the environment variable {KEY_VARIABLE}"
        return _checked(found, place), place
    raise KeyMissing(
        f'no API key: looked for the systemd credential "{CREDENTIAL_NAME}" ({places[0] or "not run by systemd"}),'
        f" the file service.api_key_file ({places[1] or 'not set'}) and the environment variable {KEY_VARIABLE}"
        " (not set); put the key in one of them."
    )


def _read(path: Path) -> str | None:
    """Return the file's text, None if it does not exist. UTF-16, as Windows shells write it, is known by its mark."""
    try:
        content = path.expanduser().read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder for ~
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise KeyMissing(f"{path}: cannot read the API key: {reason}; let this user read it.") from error
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8", errors="replace")


def _checked(text: str, where: str) -> str:
    """Return the key without what editors and web pages put around it: white space, byte order marks, zero widths."""
    key = text.translate(_INVISIBLE).strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise KeyMissing(f"{where}: holds no API key (one line of letters and digits is expected); put the key there.")
    return key
