"""Credentials: the API key or Entra token of the handshake. Neither is ever logged, shown, or kept in the config file."""

from __future__ import annotations

import logging
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from device_daemon.config.settings import Service
from device_daemon.errors import KeyMissing
from device_daemon.system.foreign_text import safe
from device_daemon.system.secret_file import find_secret, one_line, read_text, without_credentials
from device_daemon.voicelive.entra import Token
from device_daemon.voicelive.tls import tls_context

KEY_VARIABLE = "AZURE_VOICELIVE_API_KEY"
CREDENTIAL_NAME = "api-key"
PROBLEM_NAME: Final = "api-key.problem"
"""The credential that says why a stored key could not be decrypted; written by `voicelive-speaker-set-key --check`."""
WHAT: Final = "API key"

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


def credential_for(service: Service, environment: Mapping[str, str]) -> Credential:
    """Return the credential that the config asks for. Raises KeyMissing, which names the three places of the key."""
    if service.auth == "entra":
        return Token(service, environment)
    return Key(read_key(service, environment))


def read_key(service: Service, environment: Mapping[str, str]) -> str:
    """Return the API key, and warn about a file that everybody can read. Raises KeyMissing."""
    key, place = find_key(service, environment)
    if is_readable_by_others(Path(place)):
        logger.warning("%s: every user of this machine can read the API key; run: chmod o-rwx %s", place, place)
    return key


def check_credentials(service: Service, environment: Mapping[str, str]) -> None:
    """Read all that signs in, and service.ca_file; use no network. Blocking. Raises KeyMissing or SettingUnusable."""
    if service.local:
        return
    tls_context(service.ca_file)
    if service.auth == "entra":
        # Takes 140 to 330 ms.
        from device_daemon.voicelive.entra_identity import token_source  # noqa: PLC0415

        token_source(service, environment)
    else:
        find_key(service, environment)


def is_readable_by_others(path: Path) -> bool:
    """Return whether users other than the owner and the group may read a file; False if it does not exist."""
    try:
        return bool(path.expanduser().stat().st_mode & stat.S_IROTH)
    except (OSError, RuntimeError):
        return False


def find_key(service: Service, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the API key and its place: systemd's credential, the file, or the environment, in that order."""
    file = service.api_key_file
    if found := find_secret(WHAT, credential=CREDENTIAL_NAME, file=file, environment=environment):
        return found
    if variable := environment.get(KEY_VARIABLE):
        place = f"the environment variable {KEY_VARIABLE}"
        return one_line(variable, place, WHAT), place
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if folder and (problem := read_text(Path(folder, PROBLEM_NAME), WHAT)):
        raise KeyMissing(safe(problem.strip()))
    systemd = Path(folder, CREDENTIAL_NAME) if folder else without_credentials(environment)
    raise KeyMissing(
        f'no API key: looked for the systemd credential "{CREDENTIAL_NAME}" ({systemd}),'
        f" the file service.api_key_file ({file or 'not set'}) and the environment variable {KEY_VARIABLE}"
        " (not set); put the key in one of them."
    )
