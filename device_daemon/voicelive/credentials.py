"""Where the key or token comes from. Neither is ever logged, shown, or kept in the config file."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from device_daemon.config.settings import Service
from device_daemon.errors import AuthRefused, KeyMissing, ServiceUnreachable

KEY_VARIABLE = "AZURE_VOICELIVE_API_KEY"
CREDENTIAL_NAME = "api-key"
TOKEN_DEADLINE_S = 20.0
TOKEN_SCOPE = "https://ai.azure.com/.default"  # noqa: S105 - the name of a scope, no secret


class Credential(Protocol):
    """Something that signs in: headers for the handshake."""

    async def headers(self) -> dict[str, str]:
        """The headers of this moment; raises AuthRefused or ServiceUnreachable."""

    async def close(self) -> None:
        """Let go of sockets, if there are any."""


class Key:
    """An API key."""

    def __init__(self, key: str) -> None:
        self._key = key

    async def headers(self) -> dict[str, str]:
        """The key as the service wants it."""
        return {"api-key": self._key}

    async def close(self) -> None:
        """Nothing is open."""


class Token:
    """A Microsoft Entra token through azure-identity: managed identity, environment, Azure CLI, as it finds them."""

    def __init__(self) -> None:
        self._identity: Any = None

    async def headers(self) -> dict[str, str]:
        """A token that is still good; azure-identity keeps it until shortly before it expires."""
        # Imported here, in a thread: it takes a second of a Pi's time and most speakers use a key.
        identity = await asyncio.to_thread(importlib.import_module, "azure.identity.aio")
        exceptions = importlib.import_module("azure.core.exceptions")
        if self._identity is None:
            self._identity = identity.DefaultAzureCredential()
        try:
            async with asyncio.timeout(TOKEN_DEADLINE_S):
                token = await self._identity.get_token(TOKEN_SCOPE)
        except TimeoutError:
            raise ServiceUnreachable("Microsoft Entra gave no token in time; check the network.") from None
        except exceptions.ClientAuthenticationError as error:
            first_line = str(error).strip().splitlines()[0]
            raise AuthRefused(
                f"no token from Microsoft Entra: {first_line} Sign this device in, or set service.auth: api-key."
            ) from error
        return {"Authorization": f"Bearer {token.token}"}

    async def close(self) -> None:
        """Close azure-identity's own HTTP session."""
        if self._identity is not None:
            await self._identity.close()
            self._identity = None


def credential_for(service: Service, environment: Mapping[str, str]) -> Credential:
    """The credential the config asks for. Raises KeyMissing, which names the three places of the key."""
    return Token() if service.auth == "entra" else Key(read_key(service, environment))


def read_key(service: Service, environment: Mapping[str, str]) -> str:
    """The API key. Raises KeyMissing."""
    return find_key(service, environment)[0]


def find_key(service: Service, environment: Mapping[str, str]) -> tuple[str, str]:
    """The API key, and where it was: systemd's credential, the file, or the environment, in that order."""
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
    """The file's content, None if it does not exist."""
    try:
        return path.expanduser().read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder for ~
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise KeyMissing(f"{path}: cannot read the API key: {reason}; let this user read it.") from error


def _checked(text: str, where: str) -> str:
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise KeyMissing(f"{where}: holds no API key (one line of letters and digits is expected); put the key there.")
    return key
