"""Secrets (keys, tokens) of the owner: systemd's credential of that name first, then a file; never logged or shown."""

from __future__ import annotations

import codecs
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from device_daemon.errors import KeyMissing

_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_MOST_BYTES: Final = 64 * 1024


def secret_places(credential: str, file: str | None, environment: Mapping[str, str]) -> list[Path]:
    """Return where a secret may be: the folder of systemd's credentials, and the file that the config names."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    return [place for place in (folder and Path(folder, credential), file and Path(file)) if place]


def without_credentials(environment: Mapping[str, str]) -> str:
    """Return why there is no folder of credentials."""
    if environment.get("SYSTEMD_EXEC_PID") != str(os.getpid()):  # a child of a service inherits it
        return "not run by systemd"
    return "systemd gives this service none, as in an LXC container, where only the file works"


def find_secret(
    what: str, *, credential: str, file: str | None, environment: Mapping[str, str]
) -> tuple[str, str] | None:
    """Return a secret of one line and its place; None if it is nowhere. For the arguments see `read_secret`.

    Raises:
        KeyMissing: It is there, but not readable, or no single line of printable ASCII.
    """
    for place in secret_places(credential, file, environment):
        if (text := read_text(place, what)) is not None:
            return one_line(text, str(place), what), str(place)
    return None


def read_secret(what: str, *, credential: str, file: str | None, setting: str, environment: Mapping[str, str]) -> str:
    """Return a secret of one line.

    Args:
        what: What the owner calls it, such as "client secret".
        credential: The name of systemd's credential.
        file: The file that `setting` names, if it is set.
        setting: The setting's full name, for messages.
        environment: Where systemd names its folder.

    Raises:
        KeyMissing: It is in neither place, or not readable, or no single line of printable ASCII.
    """
    if found := find_secret(what, credential=credential, file=file, environment=environment):
        return found[0]
    raise KeyMissing(
        f'no {what}: looked for the systemd credential "{credential}"'
        f"{'' if environment.get('CREDENTIALS_DIRECTORY') else f' ({without_credentials(environment)})'} and the file {setting}"
        f" ({file or 'not set'}); put it in one of them."
    )


def read_text(path: Path, what: str) -> str | None:
    """Return a file's text; None if it does not exist. UTF-16, as Windows shells write it, is known by its mark.

    Raises:
        KeyMissing: See `read_bytes`.
    """
    content = read_bytes(path, what)
    if content is None:
        return None
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8", errors="replace")


def read_bytes(path: Path, what: str) -> bytes | None:
    """Return a file's content; None if it does not exist.

    Raises:
        KeyMissing: The file cannot be read, or is too large for a secret.
    """
    try:
        with path.expanduser().open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder for ~
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        raise KeyMissing(f"{path}: cannot read the {what}: {reason}; let this user read it.") from error
    if len(content) > _MOST_BYTES:
        raise KeyMissing(f"{path}: holds more than the {what}; put nothing else into this file.")
    return content


def one_line(text: str, where: str, what: str) -> str:
    """Return a secret without what editors and web pages put around it: white space, byte order marks, zero widths.

    Raises:
        KeyMissing: It is not one line of printable ASCII without spaces.
    """
    secret = text.translate(_INVISIBLE).strip()
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise KeyMissing(f"{where}: holds no {what} (one line without spaces is expected); put it there.")
    return secret
