"""Config and credential checks."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from device_daemon.config.key_file import key_file_warning
from device_daemon.config.reader import load
from device_daemon.config.settings import Config, Service
from device_daemon.config.wake_words import Installed
from device_daemon.doctor import remedies
from device_daemon.doctor.findings import failed, note, ok, skipped
from device_daemon.doctor.programs import run
from device_daemon.doctor.runner import Check, in_thread
from device_daemon.errors import ConfigError, KeyMissing
from device_daemon.system.paths import folders_of
from device_daemon.triggers.wakeword_models import installed
from device_daemon.voicelive.credentials import (
    CREDENTIAL_NAME,
    Credential,
    Key,
    credential_for,
    find_key,
    is_readable_by_others,
)

CREDENTIAL: Final = "credential"


@dataclass(frozen=True, slots=True)
class CredentialPlaces:
    """Where the key of the systemd unit is stored, for programs outside of the unit such as the doctor."""

    running: Path = Path("/run/credentials/voicelive-speaker.service")
    """The credentials folder of the running unit."""
    plain: Path = Path("/etc/credstore/voicelive-speaker.api-key")
    encrypted: Path = Path("/etc/credstore.encrypted/voicelive-speaker.api-key")


class NotForThisUser(Exception):
    """The key may be in a file that only root can read."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


@dataclass(slots=True)
class Settings:
    """The config and the credential; the checks fill them in.

    A dataclass, because a msgspec struct cannot leave a secret out of its repr.
    """

    path: Path
    environment: Mapping[str, str]
    places: CredentialPlaces = CredentialPlaces()
    config: Config | None = None
    credential: Credential | None = None
    secrets: list[str] = field(default_factory=list, repr=False)
    """Keys that were read: they are redacted in every report."""

    async def check_config(self) -> Check:
        """All problems of the config, or a summary of it."""
        words = installed()
        try:
            self.config = config = load(self.path, words)
        except ConfigError as error:
            # The speaker runs without its wake words, too, so the rest can be checked.
            with contextlib.suppress(ConfigError):
                self.config = load(self.path)
            yield failed("config", "\n".join(error.problems), self._config_remedy(words))
            return
        what = ", ".join(
            f"{len(things)} {name}{'s' * (len(things) != 1)}"
            for name, things in (
                ("greeting", config.greetings),
                ("trigger", config.triggers),
                ("light", config.lights),
            )
        )
        yield ok("config", f"{self.path}: {what}")

    def _config_remedy(self, words: Installed) -> str:
        if self.config is not None and not words.words:
            return words.command
        if self.path.exists():
            return remedies.edit(self.path, "then: voicelive-speaker check-config")
        return "name the file with --config; the README shows a complete minimal config"

    async def check_credential(self) -> Check:
        """Whether there is a credential that the speaker can read; it is never shown."""
        if self.config is None:
            yield skipped(CREDENTIAL, "needs a config that can be read")
            return
        service = self.config.service
        if service.local:
            yield ok(CREDENTIAL, "not needed for the voice service on this machine")
        elif service.auth == "entra":
            environment = self._environment_of_service()
            state = environment["STATE_DIRECTORY"]
            hidden = os.access(state, os.F_OK) and not os.access(state, os.X_OK)
            if service.entra.method == "device-code" and hidden:
                yield skipped(CREDENTIAL, f"the sign-in in {state} can be read by root only", remedies.AS_ROOT)
                return
            self.credential = token = credential_for(service, environment)
            await token.headers()
            yield ok(CREDENTIAL, f"Microsoft Entra gave a token ({service.entra.method})")
        else:
            try:
                key, place = await in_thread(partial(find_key_of_service, service, self.environment, self.places))
            except NotForThisUser as hidden:
                what = (
                    f"found none for this user; {hidden.path} may hold that of the service, and only root can read it"
                )
                yield skipped(CREDENTIAL, what, remedies.AS_ROOT)
                return
            if warning := key_file_warning(service):
                yield note(CREDENTIAL, *warning)
            self.secrets.append(key)
            self.credential = Key(key)
            what = f"an API key of {len(key)} characters in {place}"
            if is_readable_by_others(Path(place)):
                yield note(
                    CREDENTIAL, f"{what}, which every user of this machine can read", f"sudo chmod o-rwx {place}"
                )
            else:
                yield ok(CREDENTIAL, what)

    def _environment_of_service(self) -> Mapping[str, str]:
        """The environment with the speaker's state folder, and the unit's credentials, which root can read while it runs."""
        environment = {**self.environment, "STATE_DIRECTORY": str(folders_of(self.path, self.environment).state)}
        if "CREDENTIALS_DIRECTORY" in environment or not os.access(self.places.running, os.R_OK | os.X_OK):
            return environment
        return {**environment, "CREDENTIALS_DIRECTORY": str(self.places.running)}


def find_key_of_service(service: Service, environment: Mapping[str, str], places: CredentialPlaces) -> tuple[str, str]:
    """The key that the unit would find, and its place; raises KeyMissing or NotForThisUser.

    systemd gives its credential to the unit alone; root can read it from where systemd keeps it.
    """
    if "CREDENTIALS_DIRECTORY" in environment:
        return find_key(service, environment)
    hidden: Path | None = None
    for path, find in (
        (places.running / CREDENTIAL_NAME, _plain),
        (places.encrypted, _decrypted),
        (places.plain, _plain),
    ):
        try:
            path.open("rb").close()
        except PermissionError:
            hidden = path
        except OSError:
            continue
        else:
            return find(path)
    try:
        return find_key(service, environment)
    except KeyMissing:
        if hidden is not None:
            raise NotForThisUser(hidden) from None
        raise


def _plain(path: Path) -> tuple[str, str]:
    return find_key(Service(api_key_file=str(path)), {})


def _decrypted(path: Path) -> tuple[str, str]:
    try:
        answer = run("systemd-creds", "decrypt", f"--name={CREDENTIAL_NAME}", str(path), "-")
    except OSError as error:
        raise KeyMissing(f"{path}: cannot be decrypted: {error}; set the key again.") from None
    if answer.code:
        why = answer.stderr.strip().rpartition("\n")[2]
        raise KeyMissing(f"{path}: cannot be decrypted on this machine: {why}; set the key again.")
    return answer.stdout.strip(), str(path)
